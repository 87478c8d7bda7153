/** Sessions that have nothing to say: `idle-clients.ts <pid of the daemon>`, prints an Idle. */
import { announcements, Client } from "./client.ts";
import { IDLE_SESSIONS, type Idle } from "./plan.ts";
import { cpuMs, residentMib } from "./process.ts";

/** What a node announces. */
const BLOCKS = 4;
/** As long as two rounds of KEEPALIVEs. */
const WATCHED_MS = 60_000;
const SETTLE_MS = 5_000;
const REDIAL_MS = 500;
const PATIENCE_MS = 120_000;

const pid = Number(process.argv[2]);
const emptyMib = residentMib(pid);
const clients = await Promise.all(Array.from({ length: IDLE_SESSIONS }, (_, index) => establish(index)));
for (const [index, client] of clients.entries()) {
  client.write(announcements(index, { first: index * BLOCKS, count: BLOCKS, sets: 1 }));
}
const all = (IDLE_SESSIONS - 1) * BLOCKS;
while (!clients.every(({ announced }) => announced >= all)) await new Promise((resolve) => setTimeout(resolve, 20));
await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
const before = cpuMs(pid);
await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
const cpuMsPerMinute = ((cpuMs(pid) - before) * 60_000) / WATCHED_MS;
const idle: Idle = { cpuMsPerMinute, residentMib: residentMib(pid), emptyMib };
process.stdout.write(`${JSON.stringify(idle)}\n`);
for (const client of clients) client.end();
process.exit(0);

/** A daemon that is dialled by a hundred at once turns some away: those come again. */
async function establish(index: number): Promise<Client> {
  for (const limit = performance.now() + PATIENCE_MS; ; ) {
    const client = new Client(index);
    try {
      await client.established;
      return client;
    } catch (error) {
      client.end();
      if (performance.now() > limit) throw error;
      await new Promise((resolve) => setTimeout(resolve, REDIAL_MS));
    }
  }
}
