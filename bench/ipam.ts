/**
 * Addresses a second, on the embedded server and on Debian's etcd, each node with a client and a connection of its own. All
 * nodes are in this one process, as on a machine with as few cores they would share those anyway.
 *
 * Calico's figures are from this kind of machine, with etcd 3.4: 10,000 addresses over 20 nodes in 33 s, 60 a second with
 * 64 requests at once on one node.
 */
import { DEFAULT_IPAM_CONFIG } from "@ocicat/api/ipam";
import { type EtcdDatastore, openEtcd, systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { createIpam, type Ipam, type IpamSettings } from "@ocicat/ipam";
import { parsePrefix } from "@ocicat/net";
import { type Server, withServers } from "./datastore/servers.ts";
import { type Case, type Goal, measured, median, type Peer, percentile } from "./report.ts";

const ROUNDS = 3;
const NODES = 20;
const MANY = 10_000;
/** The blocks of this many addresses on one node pile up. */
const PILE = 8_000;
const PILE_PARTS = 8;

const SETTINGS: IpamSettings = {
  pools: [
    {
      name: "pool",
      prefix: parsePrefix("10.0.0.0/8"),
      blockSize: 26,
      disabled: false,
      assignmentMode: "Automatic",
      allowedUses: ["Workload", "Tunnel"],
      selectsNode: true,
    },
  ],
  reservations: [],
  // A node gets as many blocks as it fills.
  config: { ...DEFAULT_IPAM_CONFIG, maxBlocksPerHost: 100_000 },
};

/** All parts, or those named in OCICAT_BENCH_PARTS. */
export async function run(): Promise<Case[]> {
  const wanted = process.env.OCICAT_BENCH_PARTS?.split(",");
  return withServers(async (ours, etcd) => {
    const cases: Case[] = [];
    for (const [name, part] of Object.entries(PARTS)) {
      if (wanted === undefined || wanted.includes(name)) cases.push(...(await part({ ours, etcd })));
    }
    return cases;
  });
}

async function oneNode(servers: Servers): Promise<Case[]> {
  const cases: Case[] = [];
  for (const atOnce of [1, 8, 64]) cases.push(...(await atOnceOnOne(servers, atOnce)));
  return cases;
}

const PARTS = { oneNode, manyNodes, pile };

interface Servers {
  readonly ours: Server;
  readonly etcd: Server;
}

interface Node {
  readonly ipam: Ipam;
  readonly store: EtcdDatastore;
}

let named = 0;

/** Nodes that have not asked for anything yet. */
async function withNodes<T>(server: Server, count: number, work: (nodes: readonly Node[]) => Promise<T>): Promise<T> {
  const nodes = Array.from({ length: count }, (): Node => {
    const store = openEtcd({ endpoints: [server.endpoint], timeoutMs: 60_000 });
    const node = `node${named++}`;
    const settings = () => SETTINGS;
    return { store, ipam: createIpam({ store, clock: systemClock, random: systemRandom, node, settings }) };
  });
  try {
    // A node has its first block before its first pod.
    for (const { ipam } of nodes) await ipam.ensureBlock({ family: 4 });
    return await work(nodes);
  } finally {
    for (const { store } of nodes) await store.close();
  }
}

interface Sample {
  /** Milliseconds of each. */
  readonly times: readonly number[];
  readonly perSecond: number;
}

/** `count` addresses, with `atOnce` requests under way on each node at any time. */
async function allocate(nodes: readonly Node[], count: number, atOnce: number): Promise<Sample> {
  const times: number[] = [];
  let begun = 0;
  const worker = async ({ ipam }: Node) => {
    while (begun < count) {
      begun += 1;
      const number = named++;
      const start = performance.now();
      const attributes = { namespace: "default", pod: `pod-${number}` };
      await ipam.autoAssign({ handleId: `k8s-pod-network.${number}`, attributes, wants: [{ family: 4 }] });
      times.push(performance.now() - start);
    }
  };
  const start = performance.now();
  await Promise.all(nodes.flatMap((node) => Array.from({ length: atOnce }, () => worker(node))));
  return { times, perSecond: count / ((performance.now() - start) / 1000) };
}

async function atOnceOnOne(servers: Servers, atOnce: number): Promise<Case[]> {
  const count = 400 * Math.min(atOnce, 5);
  const { ours, etcd } = await sampled(servers, (server) =>
    withNodes(server, 1, (nodes) => allocate(nodes, count, atOnce)),
  );
  const name = `one node, ${atOnce} at once`;
  const goal: Goal = atOnce === 64 ? { kind: "at least", value: 1000 } : { kind: "none" };
  const p99 = (samples: readonly Sample[]) =>
    percentile(
      samples.flatMap(({ times }) => [...times]),
      99,
    );
  return [
    ...both(
      name,
      "/s",
      ours.map(({ perSecond }) => perSecond),
      etcd.map(({ perSecond }) => perSecond),
      goal,
    ),
    measured(`${name}: p99 of one`, "ms", p99(ours), { name: "on etcd", value: p99(etcd) }, { kind: "none" }),
  ];
}

async function manyNodes(servers: Servers): Promise<Case[]> {
  const { ours, etcd } = await sampled(servers, (server) =>
    withNodes(server, NODES, (nodes) => allocate(nodes, MANY, 8)),
  );
  const seconds = (samples: readonly Sample[]) => samples.map(({ perSecond }) => MANY / perSecond);
  const name = `${MANY} addresses over ${NODES} nodes, 8 at once on each`;
  return both(name, "s", seconds(ours), seconds(etcd), { kind: "at most", value: 3 });
}

/**
 * A growth curve: a node's blocks fill up, and what it asks for last should cost what it asked for first cost. Beside it, in
 * turns, a node that has none yet: the machine's other work meets both.
 */
async function pile(servers: Servers): Promise<Case[]> {
  const { ours } = await sampled(servers, (server) =>
    withNodes(server, 1, async (full) => {
      const pairs: Pair[] = [];
      for (let part = 0; part < PILE_PARTS; part++) {
        const onFull = async () => (await allocate(full, PILE / PILE_PARTS, 64)).perSecond;
        const onFresh = () =>
          withNodes(server, 1, async (fresh) => (await allocate(fresh, PILE / PILE_PARTS, 64)).perSecond);
        if (part % 2 === 0) pairs.push({ full: await onFull(), fresh: await onFresh() });
        else {
          const fresh = await onFresh();
          pairs.push({ full: await onFull(), fresh });
        }
      }
      return pairs;
    }),
  );
  return Array.from({ length: PILE_PARTS - 1 }, (_, index) => {
    const pairs = ours.flatMap((round) => round[index + 1] ?? []);
    const blocks = Math.floor(((index + 1) * PILE) / PILE_PARTS / 64);
    const peer: Peer = {
      name: "a node without any",
      value: median(pairs.map(({ fresh }) => fresh)),
      ratio: median(pairs.map(({ full, fresh }) => full / fresh)),
    };
    const perSecond = median(pairs.map(({ full }) => full));
    return measured(`one node with ${blocks} full blocks, 64 at once`, "/s", perSecond, peer, {
      kind: "at least",
      value: 0.8,
    });
  });
}

/** Addresses a second of two nodes, measured one after the other. */
interface Pair {
  readonly full: number;
  readonly fresh: number;
}

/** Rounds on both servers in turns. The first is not counted: code is compiled then. */
async function sampled<T>(
  { ours, etcd }: Servers,
  work: (server: Server) => Promise<T>,
): Promise<{ readonly ours: readonly T[]; readonly etcd: readonly T[] }> {
  const results = { ours: [] as T[], etcd: [] as T[] };
  for (let round = 0; round <= ROUNDS; round++) {
    const mine = await work(ours);
    const theirs = await work(etcd);
    if (round === 0) continue;
    results.ours.push(mine);
    results.etcd.push(theirs);
  }
  return results;
}

/** On ours and on etcd, each against the absolute goal. */
function both(name: string, unit: string, ours: readonly number[], etcd: readonly number[], goal: Goal): Case[] {
  const of = (where: string, values: readonly number[]) =>
    measured(`${name}, ${where}`, unit, median(values), undefined, goal);
  return [of("embedded", ours), of("etcd", etcd)];
}
