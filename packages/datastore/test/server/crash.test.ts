import { join } from "node:path";
import { Scope, seededRandom } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { KV, Watch } from "../../src/proto/rpc_pb.ts";
import { TestClient } from "./support/client.ts";
import { kill, startServerProcess, temporaryDirectory } from "./support/processes.ts";
import { bytes, text } from "./support/store.ts";

/**
 * The server is killed in the middle of writes, again and again, each time with the data file the last one left. What was
 * acknowledged must be in the history at the revision that was told, and nothing may be there twice or out of order.
 * (That an acknowledged write is not only with the kernel but on the disk is for the power cut test, on a machine of its
 * own; here the order is tested: flush, then answer.)
 */
const ROUNDS = Number(process.env.OCICAT_CRASH_ROUNDS ?? 5);
const WRITERS = 16;
const KEYS = 40;

interface Acknowledged {
  readonly revision: bigint;
  readonly puts: readonly (readonly [key: string, value: string])[];
}

describe("a server that is killed", () => {
  it("has lost no acknowledged write when it is started again", { timeout: 10_000 + ROUNDS * 5_000 }, async () => {
    await using scope = new Scope("crash");
    const directory = temporaryDirectory(scope);
    const [dataFile, socket] = [join(directory, "data"), join(directory, "socket")];
    const random = seededRandom(20_260_101);
    const acknowledged: Acknowledged[] = [];
    let number = 0;

    /** A put, or a transaction of two, whose outcome is noted when the server tells it. */
    async function writeOnce(client: TestClient): Promise<void> {
      const count = random.uint32() % 4 === 0 ? 2 : 1;
      const first = random.uint32() % KEYS;
      const puts = Array.from({ length: count }, (_, at) => [`/${(first + at) % KEYS}`, `value ${number++}`] as const);
      const operations = puts.map(([key, value]) => ({
        request: { case: "requestPut" as const, value: { key: bytes(key), value: bytes(value) } },
      }));
      const { header } = await client.call(KV.method.txn, { success: operations });
      acknowledged.push({ revision: header?.revision ?? 0n, puts });
    }

    for (let round = 0; round < ROUNDS; round++) {
      const server = await startServerProcess(scope, dataFile, socket);
      const client = new TestClient(server.endpoint);
      const goal = acknowledged.length + 50 + (random.uint32() % 400);
      const writers = Array.from({ length: WRITERS }, async () => {
        for (;;) {
          await writeOnce(client);
          // All others are in the middle of a write.
          if (acknowledged.length >= goal) server.child.kill("SIGKILL");
        }
      });
      // Each writer ends when its write fails, which it does because the server is gone.
      await Promise.allSettled(writers);
      await kill(server.child);
      client.close();
    }

    const { endpoint } = await startServerProcess(scope, dataFile, socket);
    const client = new TestClient(endpoint);
    scope.add("client", () => client.close());
    const history = await historyOf(client);
    for (const { revision, puts } of acknowledged) {
      expect(history.get(revision), `revision ${revision}`).toEqual(puts.map(([key, value]) => `${key}=${value}`));
    }
    const revisions = [...history.keys()];
    expect(revisions).toEqual(revisions.map((_, index) => BigInt(index + 2)));
    expect(await stateOf(client)).toEqual(stateAfter(history));
  });
});

/** What was written at each revision, as a watch from the beginning tells it. */
async function historyOf(client: TestClient): Promise<Map<bigint, string[]>> {
  const last = (await client.call(KV.method.range, { key: bytes("none") })).header?.revision ?? 0n;
  const watch = client.stream(Watch.method.watch);
  const all = { key: bytes("\0"), rangeEnd: bytes("\0"), startRevision: 1n };
  watch.send({ requestUnion: { case: "createRequest", value: all } });
  const history = new Map<bigint, string[]>();
  while (!history.has(last)) {
    for (const { kv } of (await watch.next()).events) {
      if (kv === undefined) continue;
      history.set(kv.modRevision, [...(history.get(kv.modRevision) ?? []), `${text(kv.key)}=${text(kv.value)}`]);
    }
  }
  return history;
}

async function stateOf(client: TestClient): Promise<string[]> {
  const { kvs } = await client.call(KV.method.range, { key: bytes("\0"), rangeEnd: bytes("\0") });
  return kvs.map(({ key, value }) => `${text(key)}=${text(value)}`);
}

/** Every key with its last value, in order. */
function stateAfter(history: ReadonlyMap<bigint, readonly string[]>): string[] {
  const last = new Map([...history.values()].flat().map((line) => [line.split("=")[0] ?? "", line]));
  return [...last].toSorted(([a], [b]) => Buffer.compare(bytes(a), bytes(b))).map(([, line]) => line);
}
