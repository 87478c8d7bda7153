import { affinityKey, blockKey, DEFAULT_IPAM_CONFIG, handleKey, hostOwner } from "@ocicat/api/ipam";
import type { Datastore } from "@ocicat/datastore";
import { allHolders, auditIpam, createIpam, IPAM_CATALOGUE, readBlocks } from "@ocicat/ipam";
import { type JsonValue, parseJson, seededRandom, stringifyJson, TestClock } from "@ocicat/kit";
import { formatAddress, parsePrefix } from "@ocicat/net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DATASTORES, type TestDatastore } from "./support/datastores.ts";
import { contents, GOLDEN_POOL, loadDump, withStore } from "./support/golden.ts";
import { type Outcome, terminal } from "./support/terminal.ts";

type Json = Record<string, JsonValue>;

const block = (cidr: string) => blockKey(parsePrefix(cidr));
const affinity = (node: string, cidr: string) => affinityKey(hostOwner(node), parsePrefix(cidr));
const container = (last: number) => `aaaa${String(last).padStart(60, "0")}`;
const handle = (last: number) => handleKey(`k8s-pod-network.${container(last)}`);
const resource = (name: string) => `/calico/resources/v3/projectcalico.org/${name}`;

/** node2's, with db-0 as its first address. */
const DB = block("10.244.104.0/26");
/** node1's, with web-1, web-2 and a container. */
const WEB = block("10.244.166.128/26");
const DB0 = resource("workloadendpoints/default/node2-k8s-db--0-eth0");
const WEB2 = resource("workloadendpoints/default/node1-k8s-web--2-eth0");

async function edit(store: Datastore, key: string, change: (value: Json) => object): Promise<void> {
  const { value = "" } = (await store.get(key)) ?? {};
  await store.put(key, stringifyJson(change(parseJson(value) as Json)));
}

const emptyBlock = (cidr: string, affinity: string | null, size = 64) =>
  stringifyJson({
    cidr,
    affinity,
    allocations: new Array<null>(size).fill(null),
    unallocated: [...new Array(size).keys()],
    attributes: [],
    sequenceNumber: 5,
    sequenceNumberForAllocation: {},
    deleted: false,
  });

/** One of the block's addresses is held by somebody whom only this says. */
const held = (attribute: object) => (value: Json) => ({
  ...value,
  allocations: (value.allocations as JsonValue[]).with(9, (value.attributes as JsonValue[]).length),
  unallocated: (value.unallocated as JsonValue[]).filter((ordinal) => ordinal !== 9),
  attributes: [...(value.attributes as JsonValue[]), attribute],
  sequenceNumberForAllocation: { ...(value.sequenceNumberForAllocation as object), 9: 7 },
});

const HELD = ["10.244.104.0", "10.244.166.129", "10.244.166.130", "10.244.166.131", "10.99.0.0", "10.99.0.1"];

const OLD = "2026-11-20 02:19:57 +0000 UTC";

/** Each makes a sound store unsound. `left`: what a person has to decide, and is there after --fix too. */
const CASES: readonly {
  readonly what: string;
  readonly make: (store: Datastore) => Promise<unknown>;
  readonly codes: readonly string[];
  readonly left?: readonly string[];
}[] = [
  {
    what: "a row that is no JSON",
    make: (store) => store.put(handleKey("net.x"), "{"),
    codes: ["IPAM_ROW_UNREADABLE"],
    left: ["IPAM_ROW_UNREADABLE"],
  },
  {
    what: "an endpoint that cannot be read, which may use anything",
    make: async (store) => {
      await store.put(DB0, "{");
    },
    codes: ["IPAM_ADDRESS_UNEXPLAINED", "IPAM_ROW_UNREADABLE"],
    left: ["IPAM_ADDRESS_UNEXPLAINED", "IPAM_ROW_UNREADABLE"],
  },
  {
    what: "a block under another's key",
    make: async (store) => store.put(block("10.244.200.0/26"), emptyBlock("10.244.200.64/26", "host:node1")),
    codes: ["IPAM_AFFINITY_MISSING", "IPAM_BLOCK_SHAPE"],
    left: ["IPAM_AFFINITY_MISSING", "IPAM_BLOCK_SHAPE"],
  },
  {
    what: "an address that is lost",
    make: (store) => edit(store, DB, (value) => ({ ...value, unallocated: (value.unallocated as []).slice(1) })),
    codes: ["IPAM_ADDRESS_LOST"],
  },
  {
    what: "an address that is free twice",
    make: (store) => edit(store, DB, (value) => ({ ...value, unallocated: [...(value.unallocated as []), 5] })),
    codes: ["IPAM_ADDRESS_FREE_TWICE"],
  },
  {
    what: "an address that is free and held",
    make: (store) => edit(store, DB, (value) => ({ ...value, unallocated: [0, ...(value.unallocated as [])] })),
    codes: ["IPAM_ADDRESS_FREE_AND_HELD"],
  },
  {
    what: "an address that nobody known holds",
    make: (store) =>
      edit(store, DB, (value) => ({
        ...value,
        allocations: (value.allocations as JsonValue[]).with(3, 7),
        unallocated: (value.unallocated as JsonValue[]).filter((ordinal) => ordinal !== 3),
      })),
    codes: ["IPAM_OWNER_MISSING"],
  },
  {
    what: "one that nobody known holds and somebody uses",
    make: (store) => edit(store, DB, (value) => ({ ...value, attributes: [] })),
    codes: ["IPAM_HANDLE_MISCOUNTS", "IPAM_HANDLE_ORPHANED", "IPAM_OWNER_MISSING"],
    left: ["IPAM_HANDLE_MISCOUNTS", "IPAM_HANDLE_ORPHANED", "IPAM_OWNER_MISSING"],
  },
  {
    what: "a holder that holds nothing",
    make: (store) => edit(store, DB, (value) => ({ ...value, attributes: [...(value.attributes as []), {}] })),
    codes: ["IPAM_OWNER_UNUSED"],
  },
  {
    what: "an allocation from the future",
    make: (store) => edit(store, DB, (value) => ({ ...value, sequenceNumber: 9 })),
    codes: ["IPAM_SEQUENCE_AHEAD"],
  },
  {
    what: "blocks that overlap, one of them empty",
    make: async (store) => {
      await store.put(block("10.244.104.0/28"), emptyBlock("10.244.104.0/28", "host:node1", 16));
      await store.put(affinity("node1", "10.244.104.0/28"), '{"state":"confirmed","deleted":false}');
    },
    codes: ["IPAM_BLOCKS_OVERLAP"],
  },
  {
    what: "an empty block that is nobody's",
    make: (store) => store.put(block("10.244.200.0/26"), emptyBlock("10.244.200.0/26", null)),
    codes: ["IPAM_BLOCK_ORPHANED"],
  },
  {
    what: "an empty block in no pool",
    make: async (store) => {
      await store.put(block("10.250.0.0/26"), emptyBlock("10.250.0.0/26", "host:node1"));
      await store.put(affinity("node1", "10.250.0.0/26"), '{"state":"confirmed"}');
    },
    codes: ["IPAM_BLOCK_WITHOUT_POOL"],
  },
  {
    what: "a block in use whose pool is gone",
    make: (store) => store.delete(resource("ippools/tiny")),
    codes: ["IPAM_BLOCK_WITHOUT_POOL"],
    left: ["IPAM_BLOCK_WITHOUT_POOL"],
  },
  {
    what: "a block of a node that is gone",
    make: async (store) => {
      await store.put(block("10.244.200.0/26"), emptyBlock("10.244.200.0/26", "host:gone"));
      await store.put(affinity("gone", "10.244.200.0/26"), '{"state":"confirmed"}');
    },
    codes: ["IPAM_BLOCK_OF_DEAD_NODE"],
  },
  {
    what: "a node that is gone while its endpoints are there",
    make: (store) => store.delete(resource("nodes/node2")),
    codes: ["IPAM_BLOCK_OF_DEAD_NODE"],
    left: ["IPAM_BLOCK_OF_DEAD_NODE"],
  },
  {
    what: "an affinity that is gone",
    make: (store) => store.delete(affinity("node2", "10.244.104.0/26")),
    codes: ["IPAM_AFFINITY_MISSING"],
  },
  {
    what: "a claim that was never finished",
    make: (store) => store.put(affinity("node2", "10.244.104.0/26"), '{"state":"pending"}'),
    codes: ["IPAM_AFFINITY_HALF_DONE"],
  },
  {
    what: "a claim of a block that was never made",
    make: (store) => store.put(affinity("node3", "10.244.77.0/26"), '{"state":"pending"}'),
    codes: ["IPAM_AFFINITY_HALF_DONE", "IPAM_AFFINITY_STALE"],
  },
  {
    what: "an affinity to another's block",
    make: (store) => store.put(affinity("node3", "10.244.104.0/26"), '{"state":"confirmed"}'),
    codes: ["IPAM_AFFINITY_STALE"],
  },
  {
    what: "an affinity of old, without a value, to no block",
    make: (store) => store.put(affinity("node3", "10.244.77.0/26"), ""),
    codes: ["IPAM_AFFINITY_STALE"],
  },
  { what: "a handle that is gone", make: (store) => store.delete(handle(3)), codes: ["IPAM_HANDLE_MISSING"] },
  {
    what: "a handle that counts too much",
    make: (store) => store.put(handle(3), '{"block":{"10.244.104.0/26":3},"deleted":false}'),
    codes: ["IPAM_HANDLE_MISCOUNTS"],
  },
  {
    what: "a handle of a block that is gone",
    make: (store) => store.put(handle(3), '{"block":{"10.244.104.0/26":1,"10.244.7.0/26":1},"deleted":false}'),
    codes: ["IPAM_HANDLE_MISCOUNTS"],
  },
  {
    what: "a handle that holds nothing",
    make: (store) => store.put(handleKey("net.gone"), '{"block":{"10.244.104.0/26":1},"deleted":false}'),
    codes: ["IPAM_HANDLE_MISCOUNTS", "IPAM_HANDLE_ORPHANED"],
  },
  {
    what: "an address of a pod that is gone",
    make: (store) => store.delete(DB0),
    codes: ["IPAM_ADDRESS_LEAKED"],
  },
  {
    what: "a tunnel's address of a node that has another",
    make: async (store) => {
      const secondary = { node: "node2", type: "vxlanTunnelAddress", timestamp: OLD };
      await edit(store, DB, held({ handle_id: "vxlan-tunnel-addr-node2", secondary }));
      await store.put(handleKey("vxlan-tunnel-addr-node2"), '{"block":{"10.244.104.0/26":1},"deleted":false}');
      await edit(store, resource("nodes/node2"), (value) => ({
        ...value,
        spec: { ...(value.spec as object), ipv4VXLANTunnelAddr: "10.244.104.0" },
      }));
    },
    codes: ["IPAM_ADDRESS_LEAKED", "IPAM_ADDRESS_TWICE"],
    left: ["IPAM_ADDRESS_TWICE"],
  },
  {
    what: "an address of somebody unknown",
    make: (store) => edit(store, DB, held({ secondary: { node: "node2", timestamp: OLD } })),
    codes: ["IPAM_ADDRESS_UNEXPLAINED"],
    left: ["IPAM_ADDRESS_UNEXPLAINED"],
  },
  {
    what: "an endpoint's address that is free",
    make: (store) =>
      edit(store, DB0, (value) => ({
        ...value,
        spec: { ...(value.spec as object), ipNetworks: ["10.244.104.0/32", "10.244.104.9/32"] },
      })),
    codes: ["IPAM_ADDRESS_NOT_ALLOCATED"],
  },
  {
    what: "an endpoint's address in a block that there is not",
    make: (store) =>
      edit(store, DB0, (value) => ({
        ...value,
        spec: { ...(value.spec as object), ipNetworks: ["10.244.104.0/32", "10.244.9.9/32"] },
      })),
    codes: ["IPAM_ADDRESS_NOT_ALLOCATED"],
    left: ["IPAM_ADDRESS_NOT_ALLOCATED"],
  },
  {
    what: "two endpoints with one address",
    make: (store) =>
      edit(store, WEB2, (value) => ({
        ...value,
        spec: { ...(value.spec as object), ipNetworks: ["10.244.166.129/32", "10.244.104.0/32"] },
      })),
    codes: ["IPAM_ADDRESS_TWICE"],
    left: ["IPAM_ADDRESS_TWICE"],
  },
  {
    what: "an address held for another container than the one that has it",
    make: (store) =>
      edit(store, DB0, (value) => ({ ...value, spec: { ...(value.spec as object), containerID: container(99) } })),
    codes: ["IPAM_HOLDER_DIFFERS"],
    left: ["IPAM_HOLDER_DIFFERS"],
  },
];

describe.each(Object.entries(DATASTORES))("ipam doctor, in %s", (_name, start) => {
  let datastore: TestDatastore;
  beforeAll(async () => {
    datastore = await start();
  });
  afterAll(() => datastore.stop());
  beforeEach(async () => {
    await change(async (store) => {
      for (const { key } of (await store.list("/")).items) await store.delete(key);
    });
    await loadDump(datastore.endpoint);
    // What Calico itself left behind in it.
    await ipam("release", "--ip=10.244.166.128");
  });

  const ipam = (...args: readonly string[]): Promise<Outcome> =>
    terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint } })("ipam", ...args);
  const doctor = (...args: readonly string[]) => ipam("doctor", "--wait=0s", ...args);
  const change = <T>(work: (store: Datastore) => Promise<T>) => withStore(datastore.endpoint, work);
  const codesIn = (text: string) => [...new Set(text.match(/^IPAM_\w+/gm))].sort();

  it("finds nothing wrong with what a real Calico stored, and changes nothing", async () => {
    const before = await contents(datastore.endpoint);
    expect(await doctor()).toEqual({ code: 0, stdout: "Nothing was found.\n", stderr: "" });
    expect(await doctor("--fix")).toEqual({ code: 0, stdout: "Nothing was found.\n", stderr: "" });
    expect(await contents(datastore.endpoint)).toEqual(before);
  });

  it.each(CASES)("finds $what, and mends it unless it needs a judgement", async ({ make, codes, left = [] }) => {
    await change(make);
    const before = await contents(datastore.endpoint);
    const found = await doctor();
    expect(codesIn(found.stdout)).toEqual(codes);
    expect(found.code).toBe(1);
    expect(await contents(datastore.endpoint)).toEqual(before);
    const fixed = await doctor("--fix", "-o", "json");
    const { findings } = JSON.parse(fixed.stdout) as { findings: readonly { readonly code: string }[] };
    expect([...new Set(findings.map(({ code }) => code))].sort()).toEqual(left);
    expect(fixed.code).toBe(left.length > 0 ? 1 : 0);
    if (left.length === 0) expect(await change(auditIpam)).toEqual([]);
    // Nobody lost an address over it.
    const { blocks } = await change((store) => readBlocks(store));
    const after = [...allHolders(blocks)].map(({ address }) => formatAddress(address));
    const gone = codes.includes("IPAM_ADDRESS_LEAKED") || left.includes("IPAM_OWNER_MISSING") ? HELD.slice(1) : HELD;
    expect(after).toEqual(expect.arrayContaining([...gone]));
  });

  it("has a case for each of its codes", () => {
    expect([...new Set(CASES.flatMap(({ codes }) => codes))].sort()).toEqual(Object.keys(IPAM_CATALOGUE).sort());
  });

  it("takes data of old for what it is", async () => {
    await change(async (store) => {
      await edit(store, DB, (value) => {
        const { affinity: _, sequenceNumberForAllocation: __, ...old } = value;
        return { ...old, hostAffinity: "node2" };
      });
      await edit(store, WEB, (value) => ({
        ...value,
        attributes: (value.attributes as { handle_id: string }[]).map((one) => ({
          ...one,
          handle_id: `${one.handle_id}\r\n`,
        })),
      }));
      await store.put(affinity("node2", "10.244.104.0/26"), "");
      await store.put(block("10.244.200.0/26"), emptyBlock("10.244.200.0/26", "host:node3").replace("[],", "null,"));
      await store.put(affinity("node3", "10.244.200.0/26"), '{"state":"confirmed","later":{"a":1}}');
      await edit(
        store,
        DB,
        held({ handle_id: "windows-reserved-ipam-handle", secondary: { note: "windows host rsvd" } }),
      );
    });
    expect((await doctor()).stdout).toBe("Nothing was found.\n");
  });

  it("keeps what it does not know in the rows it mends", async () => {
    await change((store) =>
      edit(store, DB, (value) => ({
        ...value,
        unallocated: (value.unallocated as []).slice(1),
        attributes: (value.attributes as Json[]).map((one) => ({ ...one, alternateOwnerAttrs: { node: "n" } })),
        later: { big: 18446744073709551615n },
      })),
    );
    expect((await doctor("--fix")).stdout).toMatch(
      / {2}done {2}mended\n\n1 of 1 finding mended\.\nNothing is left\.\n$/,
    );
    const { value = "" } = (await change((store) => store.get(DB))) ?? {};
    expect(value).toContain('"alternateOwnerAttrs":{"node":"n"}');
    expect(value).toContain('"later":{"big":18446744073709551615}');
  });

  it("takes an allocation for leaked only when it is old", async () => {
    await change((store) => store.delete(DB0));
    expect((await doctor("--grace=1h")).stdout).toBe("Nothing was found.\n");
    expect((await doctor("--grace=30m")).stdout).toContain("10.244.104.0 is held by pod default/db-0 on node2 since");
  });

  it("releases all that one holder left, one after the other", async () => {
    await change(async (store) => {
      await edit(store, DB, (value) => {
        const allocations = value.allocations as JsonValue[];
        return {
          ...value,
          allocations: allocations.with(1, 0).with(2, 0),
          unallocated: (value.unallocated as JsonValue[]).filter((ordinal) => Number(ordinal) > 2),
        };
      });
      await store.put(handle(3), '{"block":{"10.244.104.0/26":3},"deleted":false}');
      await store.delete(DB0);
    });
    expect((await doctor("--fix")).stdout).toMatch(/\n3 of 3 findings mended\.\nNothing is left\.\n$/);
    expect(await change(auditIpam)).toEqual([]);
  });

  it("lets a released address rest where addresses rest", async () => {
    await change((store) => store.delete(DB0));
    await ipam("configure", "--ip-cooldown-seconds=60");
    expect((await doctor("--fix")).code).toBe(0);
    expect((await ipam("show", "--ip=10.244.104.0")).stdout).toContain(
      "it rests since its release, 2026-11-21T03:00:00Z",
    );
  });

  it("says for programs what each mend would compare and write", async () => {
    await change((store) => store.delete(handle(3)));
    const { stdout } = await doctor("-o", "json");
    const { findings } = JSON.parse(stdout) as { findings: readonly Json[] };
    expect(findings).toMatchObject([
      {
        code: "IPAM_HANDLE_MISSING",
        where: handle(3),
        mend: { operation: "recount-handle", handle: `k8s-pod-network.${container(3)}`, blocks: [DB] },
        transaction: {
          compares: [{ key: handle(3), exists: false }, { key: DB }],
          operations: [{ put: handle(3), value: '{"block":{"10.244.104.0/26":1},"deleted":false}' }],
        },
      },
    ]);
    const fixed = JSON.parse((await doctor("--fix", "-o", "json")).stdout) as { mended: readonly Json[] };
    expect(fixed).toMatchObject({ mended: [{ code: "IPAM_HANDLE_MISSING", outcome: "done" }], findings: [] });
  });

  it("mends while nodes of both kinds give out and take back addresses, and harms none that lives", async () => {
    await change(async (store) => {
      await edit(store, DB, (value) => ({ ...value, unallocated: (value.unallocated as []).slice(5) }));
      await edit(store, WEB, (value) => ({ ...value, unallocated: [0, 1, ...(value.unallocated as [])] }));
      for (let index = 0; index < 20; index++)
        await store.put(handleKey(`net.gone${index}`), '{"block":{"10.244.104.0/26":1},"deleted":false}');
    });
    await change(async (store) => {
      const workers = [
        { node: "node1", via: store },
        { node: "node2", via: store },
        { node: "node3", via: withoutTransactions(store) },
      ].map((worker) => new Worker(worker.node, worker.via));
      const done = Promise.all(workers.map((worker) => worker.run(40)));
      const outcomes: Outcome[] = [];
      let isRunning = true;
      const ended = done.finally(() => {
        isRunning = false;
      });
      while (isRunning) outcomes.push(await doctor("--fix"));
      await ended;
      expect(outcomes.length).toBeGreaterThan(0);
      expect(outcomes.filter(({ code }) => code === 2)).toEqual([]);
      const holders = new Map(
        [...allHolders((await readBlocks(store)).blocks)].map(({ address, handleId }) => [
          handleId,
          formatAddress(address),
        ]),
      );
      for (const [id, address] of workers.flatMap((worker) => [...worker.held])) expect(holders.get(id)).toBe(address);
      expect(await doctor("--fix")).toMatchObject({ code: 0 });
      expect(await auditIpam(store)).toEqual([]);
    });
  });

  it("wants a duration, and a format that it knows; what it looks for is a list", async () => {
    for (const args of [["--grace=soon"], ["--wait=-1s"], ["-o", "yaml"]]) expect((await doctor(...args)).code).toBe(2);
    const { code, stdout } = await doctor("--list");
    expect(code).toBe(0);
    for (const code of Object.keys(IPAM_CATALOGUE)) expect(stdout).toContain(`\n${code} `);
  });
});

/** A node that gives out addresses and takes back some of them, one after the other. */
class Worker {
  /** By handle, what was promised. */
  readonly held = new Map<string, string>();
  readonly #node: string;
  readonly #ipam: ReturnType<typeof createIpam>;

  constructor(node: string, store: Datastore) {
    this.#node = node;
    const settings = () => ({ pools: [GOLDEN_POOL], reservations: [], config: DEFAULT_IPAM_CONFIG });
    const clock = new RealTimers(Date.UTC(2026, 10, 21, 2, 59));
    this.#ipam = createIpam({ store, clock, random: seededRandom(7), node, settings });
  }

  async run(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const handleId = `net.${this.#node}-${index}`;
      const [given] = await this.#ipam.autoAssign({ handleId, wants: [{ family: 4 }] });
      if (given === undefined) throw new Error("nothing was given out");
      if (index % 3 === 0) await this.#ipam.release({ handleId });
      else this.held.set(handleId, formatAddress(given.address));
    }
  }
}

/** The time stands still, so that what is given out stays new; waiting works. */
class RealTimers extends TestClock {
  override after(ms: number, name: string, callback: () => void) {
    const timer = setTimeout(callback, ms);
    return { name, cancel: () => clearTimeout(timer) };
  }
}

/** As Kubernetes' datastore: one row at a time, so that a handle and its block are written one after the other. */
function withoutTransactions(store: Datastore): Datastore {
  return new Proxy(store, {
    get(target, name) {
      if (name === "abilities") return { ...target.abilities, transactions: false };
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
