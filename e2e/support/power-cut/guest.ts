/**
 * Runs inside the user-mode kernel, on the disk that is going to lose its power. Says on the console what it found, then
 * writes until the lights go out: each line is a fact that the outside may rely on.
 */
import { existsSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Datastore } from "@ocicat/datastore";
import { openEtcd, systemClock } from "@ocicat/datastore/etcd";
import { startServer } from "@ocicat/datastore/server";
import { createLogger } from "@ocicat/kit";

const DISK = "/run/disk";
const DATA = `${DISK}/data/datastore.db`;
/** Written without ever being flushed: what a power cut is allowed to take, and takes if it is one. */
const CARELESS = `${DISK}/careless`;
const LANES = 8;

const round = process.argv[2] ?? "";

function say(...words: readonly (string | bigint | number)[]): void {
  writeSync(1, `${words.join(" ")}\n`);
}

function textOf(key: string): string {
  return `${key} `.repeat(40);
}

async function tellWhatIsThere(store: Datastore): Promise<void> {
  say("careless", existsSync(CARELESS) ? readFileSync(CARELESS).length : 0);
  const { items } = await store.list("/cut/");
  for (const { key, value, modRevision } of items) say(value === textOf(key) ? "stored" : "garbled", key, modRevision);
}

/** Every fourth write is a transaction of two keys. */
async function write(store: Datastore, lane: number): Promise<never> {
  for (let count = 0; ; count++) {
    const key = `/cut/${round}.${lane}.${count}`;
    if (count % 4 < 3) {
      const { modRevision } = await store.put(key, textOf(key));
      say("ack", key, modRevision);
      continue;
    }
    const pair = [`${key}.a`, `${key}.b`];
    const operations = pair.map((half) => ({ put: half, value: textOf(half) }));
    const { revision } = await store.commit({ compares: [], operations });
    for (const half of pair) say("ack", half, revision);
  }
}

async function writeCarelessly(): Promise<never> {
  const file = openSync(CARELESS, "a");
  for (;;) {
    writeSync(file, "careless\n".repeat(20));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function checkIntegrity(): void {
  const database = new DatabaseSync(DATA, { readOnly: true });
  say("integrity", Object.values(database.prepare("PRAGMA integrity_check").get() ?? {}).join(" "));
  database.close();
}

mkdirSync(`${DISK}/data`, { recursive: true, mode: 0o700 });
say("file", existsSync(DATA) ? statSync(DATA).size : 0);
const logger = createLogger("datastore", "warning", ({ message, fields }) =>
  say("log", message, JSON.stringify(fields)),
);
const server = await startServer({
  listen: [{ path: "/run/datastore.sock" }],
  dataFile: DATA,
  clock: systemClock,
  logger,
  // Small, so that compactions and checkpoints fall into the seconds that a round takes.
  compaction: { keepMs: 200, keepRevisions: 50 },
});
const store = openEtcd({ endpoints: ["unix:///run/datastore.sock"], timeoutMs: 30_000 });
await tellWhatIsThere(store);
say("told");
if (round !== "last") {
  await Promise.all([writeCarelessly(), ...Array.from({ length: LANES }, (_, lane) => write(store, lane))]);
}
await store.close();
await server.close();
checkIntegrity();
