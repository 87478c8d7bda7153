/** The clients of a reflector, in a process of their own within its network: `clients.ts <scenario as JSON>`, prints an Outcome. */
import { median, percentile } from "../report.ts";
import { announcements, Client, medOf, type Share, SingleUpdate, withdrawals } from "./client.ts";
import { CLIENTS, type Outcome, type Scenario, SENDERS } from "./plan.ts";
import { cpuMs, peakMib } from "./process.ts";

const UPDATES_A_SECOND = 10_000;
const TICK_MS = 5;
const SINGLE_CHANGES = 11;
const REST_MS = 3_000;
const PATIENCE_MS = 1_800_000;
/** MEDs of the churn begin here, so that no other route has one of them. */
const FIRST_MED = 1000;

const scenario: Scenario = JSON.parse(process.argv[2] ?? "{}");
const { pid } = scenario;
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

// The first times are those of code that has not run yet.
const changes: { ms: number; cpuMs: number; counts: number[] }[] = [];
for (let change = 0; change < SINGLE_CHANGES; change++) {
  const before = clients.map(({ updates }) => updates);
  const one = await timed(
    () => at(senders, 0).write(new SingleUpdate(0).of(change, 7)),
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
  peakMib: peakMib(pid),
};
process.stdout.write(`${JSON.stringify(outcome)}\n`);
for (const client of clients) client.end();
process.exit(0);

function tell(streams: readonly Uint8Array[]): void {
  for (const [index, client] of senders.entries()) client.write(at(streams, index));
}

/** From the first byte sent to the fact; CPU time until the daemon rests. */
async function timed(act: () => void, isDone: () => boolean): Promise<{ ms: number; cpuMs: number }> {
  const cpu = cpuMs(pid);
  const start = performance.now();
  act();
  await until(isDone);
  const ms = performance.now() - start;
  await quiet();
  return { ms, cpuMs: cpuMs(pid) - cpu };
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
    const [now, used] = [clients.reduce((sum, { updates }) => sum + updates, 0), cpuMs(pid)];
    calm = now === heard && used - cpu < 10 ? calm + 1 : 0;
    [heard, cpu] = [now, used];
  }
}

/** Each update is one prefix with a MED that says when it was sent; the receiver finds out how long it took. */
async function runChurn(seconds: number): Promise<Outcome["churn"]> {
  const all = seconds * UPDATES_A_SECOND;
  const sentAt = new Float64Array(all);
  const latencies: number[] = [];
  const underWay: number[] = [];
  const templates = senders.map(({ index }) => new SingleUpdate(index));
  let newest = -1;
  receiver.onUpdate = (body) => {
    const number = medOf(body) - FIRST_MED;
    if (number < 0) return;
    newest = Math.max(newest, number);
    latencies.push(performance.now() - (sentAt[number] ?? 0));
  };
  const cpu = cpuMs(pid);
  const start = performance.now();
  for (let sent = 0; sent < all; ) {
    underWay.push(sent - 1 - newest);
    const due = Math.min(all, Math.floor(((performance.now() - start) / 1000) * UPDATES_A_SECOND));
    const batches: Uint8Array[][] = senders.map(() => []);
    for (; sent < due; sent++) {
      const index = sent % SENDERS;
      const share = at(shares, index);
      // Spread over the table: another prefix each time.
      const prefix = share.first + ((sent * 7919) % share.count);
      at(batches, index).push(at(templates, index).of(prefix, FIRST_MED + sent));
      sentAt[sent] = performance.now();
    }
    batches.forEach((batch, index) => {
      if (batch.length > 0) at(senders, index).write(Buffer.concat(batch));
    });
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  const ms = performance.now() - start;
  await until(() => newest >= all - 1);
  const cpuShare = (cpuMs(pid) - cpu) / ms;
  receiver.onUpdate = () => undefined;
  const third = Math.floor(underWay.length / 3);
  const [early, late] = [median(underWay.slice(0, third)), median(underWay.slice(-third))];
  return {
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    underWay: [early, late],
    // From the middle of the first third to that of the last.
    growth: (late - early) / ((ms / 1000) * (2 / 3)),
    lost: all - latencies.length,
    cpuShare,
  };
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new Error(`there is no number ${index}`);
  return item;
}
