/** 500 agents watch, each by a connection of its own, and 1,000 keys are written: until the last has heard of the last. */
import { type EtcdDatastore, openEtcd } from "@ocicat/datastore/etcd";
import { type Case, measured, median } from "../report.ts";
import { key, PREFIX, rate, VALUE } from "./load.ts";
import { residentMemory, type Server, withServers } from "./servers.ts";

const WATCHERS = 500;
const UPDATES = 1000;
const WRITERS = 8;
const ROUNDS = 3;

export async function fanOut(): Promise<Case[]> {
  return withServers(async (ours, etcd) => {
    const seconds = { ours: [] as number[], etcd: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      seconds.ours.push(await spread(ours));
      seconds.etcd.push(await spread(etcd));
    }
    const name = `${WATCHERS} watchers, ${UPDATES} updates`;
    return [
      measured(
        name,
        "s",
        median(seconds.ours),
        { name: etcd.name, value: median(seconds.etcd) },
        {
          kind: "at most",
          value: 1,
        },
      ),
      measured(
        `${name}: server's resident memory`,
        "MiB",
        residentMemory(ours),
        { name: etcd.name, value: residentMemory(etcd) },
        { kind: "none" },
      ),
    ];
  });
}

async function spread(server: Server): Promise<number> {
  const agents = Array.from({ length: WATCHERS }, () => openEtcd({ endpoints: [server.endpoint], timeoutMs: 60_000 }));
  try {
    const { revision } = await server.store.list(PREFIX, { limit: 1 });
    const begun = agents.map(() => Promise.withResolvers<void>());
    const ends = agents.map((agent, index) => follow(agent, revision + 1n, () => begun[index]?.resolve()));
    await server.store.put(`${PREFIX}begin`, VALUE);
    await Promise.all(begun.map(({ promise }) => promise));
    const start = performance.now();
    await rate(UPDATES, WRITERS, (number) => server.store.put(key(number, UPDATES), VALUE));
    await Promise.all(ends);
    return (performance.now() - start) / 1000;
  } finally {
    for (const agent of agents) await agent.close();
  }
}

/** Resolves when all updates have come. */
async function follow(agent: EtcdDatastore, from: bigint, onBegun: () => void): Promise<void> {
  let events = -1;
  for await (const batch of agent.watch(PREFIX, { from })) {
    if (events < 0) onBegun();
    events += batch.events.length;
    if (events >= UPDATES) return;
  }
}
