/** The clients of a reflector, in a process of their own within its network: `clients.ts <scenario as JSON>`, prints an Outcome. */
import { readdirSync, readFileSync } from "node:fs";
import { median, percentile } from "../report.ts";
import { announcements, Client, type Share, single, withdrawals } from "./client.ts";
import { CLIENTS, type Outcome, type Scenario, SENDERS } from "./plan.ts";

const UPDATES_A_SECOND = 10_000;
const TICK_MS = 5;
const MED_ATTRIBUTE = 4;
const SINGLE_CHANGES = 11;
const REST_MS = 3_000;
const PATIENCE_MS = 300_000;

const scenario: Scenario = JSON.parse(process.argv[2] ?? "{}");
const each = scenario.prefixes / SENDERS;
const shares = Array.from({ length: SENDERS }, (_, index): Share => {
  return { first: index * each, count: each, sets: Math.max(1, scenario.sets / SENDERS) };
});
const clients = Array.from({ length: CLIENTS }, (_, index) => new Client(index));
await Promise.all(clients.map(({ established }) => established));
const senders = clients.slice(0, SENDERS);
const receiver = at(clients, SENDERS);
const told = shares.map((share, index) => announcements(index, share));
const taken = shares.map(withdrawals);
await quiet();

const announce = await timed(
  () => tell(told),
  () => receiver.announced >= scenario.prefixes,
);
await quiet();

// The first time is that of code that has not run yet.
const changes: { ms: number; cpuMs: number; counts: number[] }[] = [];
for (let change = 0; change < SINGLE_CHANGES; change++) {
  const before = clients.map(({ updates }) => updates);
  const one = await timed(
    () => at(senders, 0).write(single(0, change, 7)),
    () => clients.every(({ updates }, index) => index === 0 || updates > at(before, index)),
  );
  changes.push({ ...one, counts: clients.slice(1).map(({ updates }, index) => updates - at(before, index + 1)) });
}
const churn = scenario.churnS > 0 ? await runChurn(scenario.churnS) : null;
await quiet();

receiver.withdrawn = 0;
const withdraw = await timed(
  () => tell(taken),
  () => receiver.withdrawn >= scenario.prefixes,
);

const outcome: Outcome = {
  announceMs: announce.ms,
  announceCpuMs: announce.cpuMs,
  oneRouteMs: median(changes.map(({ ms }) => ms)),
  oneRouteCpuMs: median(changes.map(({ cpuMs: used }) => used)),
  oneRouteUpdates: [
    Math.min(...changes.flatMap(({ counts }) => counts)),
    Math.max(...changes.flatMap(({ counts }) => counts)),
  ],
  churn,
  withdrawMs: withdraw.ms,
  withdrawCpuMs: withdraw.cpuMs,
  peakMib: peakMib(),
};
process.stdout.write(`${JSON.stringify(outcome)}\n`);
for (const client of clients) client.end();
process.exit(0);

function tell(streams: readonly Uint8Array[]): void {
  for (const [index, client] of senders.entries()) client.write(at(streams, index));
}

/** From the first byte sent to the fact. */
async function timed(act: () => void, isDone: () => boolean): Promise<{ ms: number; cpuMs: number }> {
  const cpu = cpuMs();
  const start = performance.now();
  act();
  await until(isDone);
  const ms = performance.now() - start;
  await quiet();
  return { ms, cpuMs: cpuMs() - cpu };
}

async function until(isDone: () => boolean): Promise<void> {
  const limit = performance.now() + PATIENCE_MS;
  while (!isDone()) {
    if (performance.now() > limit) throw new Error(`not there after ${PATIENCE_MS / 1000} s: ${receiver.announced}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Until nobody has heard anything, and the daemon has done nothing to speak of, for a while; some daemons never rest. */
async function quiet(): Promise<void> {
  const limit = performance.now() + REST_MS;
  for (let heard = -1, cpu = -1, calm = 0; calm < 3 && performance.now() < limit; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const [now, used] = [clients.reduce((sum, { updates }) => sum + updates, 0), cpuMs()];
    calm = now === heard && used - cpu < 10 ? calm + 1 : 0;
    [heard, cpu] = [now, used];
  }
}

/** Each update is one prefix with a MED that says when it was sent; the receiver finds out how long it took. */
async function runChurn(seconds: number): Promise<Outcome["churn"]> {
  const sentAt: number[] = [];
  const latencies: number[] = [];
  let newest = -1;
  receiver.onUpdate = (body) => {
    const number = medOf(body) - 1000;
    if (number < 0) return;
    newest = Math.max(newest, number);
    latencies.push(performance.now() - (sentAt[number] ?? 0));
  };
  const cpu = cpuMs();
  const start = performance.now();
  for (let sent = 0; sent < seconds * UPDATES_A_SECOND; ) {
    const due = Math.min(
      seconds * UPDATES_A_SECOND,
      Math.floor(((performance.now() - start) / 1000) * UPDATES_A_SECOND),
    );
    const batches: Uint8Array[][] = senders.map(() => []);
    for (; sent < due; sent++) {
      const index = sent % SENDERS;
      const share = at(shares, index);
      // Spread over the table: another prefix each time.
      const prefix = share.first + ((sent * 7919) % share.count);
      at(batches, index).push(single(index, prefix, 1000 + sent));
      sentAt[sent] = performance.now();
    }
    batches.forEach((batch, index) => {
      if (batch.length > 0) at(senders, index).write(Buffer.concat(batch));
    });
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  const ms = performance.now() - start;
  await until(() => newest >= seconds * UPDATES_A_SECOND - 1);
  const cpuShare = (cpuMs() - cpu) / ms;
  receiver.onUpdate = () => undefined;
  return {
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    lost: seconds * UPDATES_A_SECOND - latencies.length,
    cpuShare,
  };
}

function medOf(body: Uint8Array): number {
  const start = 2 + (((body[0] ?? 0) << 8) | (body[1] ?? 0));
  const end = start + 2 + (((body[start] ?? 0) << 8) | (body[start + 1] ?? 0));
  for (let offset = start + 2; offset < end; ) {
    const long = ((body[offset] ?? 0) & 0x10) !== 0;
    const length = long ? ((body[offset + 2] ?? 0) << 8) | (body[offset + 3] ?? 0) : (body[offset + 2] ?? 0);
    const value = offset + (long ? 4 : 3);
    if (body[offset + 1] === MED_ATTRIBUTE) return new DataView(body.buffer, body.byteOffset + value, 4).getUint32(0);
    offset = value + length;
  }
  return 0;
}

/** Of all threads of the daemon, those that have ended aside. */
function cpuMs(): number {
  const tasks = `/proc/${scenario.pid}/task`;
  const nanoseconds = readdirSync(tasks).map((task) => {
    try {
      return Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      return 0;
    }
  });
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
}

function peakMib(): number {
  const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${scenario.pid}/status`, "utf8"));
  return Number(line?.[1] ?? 0) / 1024;
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new Error(`there is no number ${index}`);
  return item;
}
