import { origin } from "@ocicat/kit";
import { type Ipv4, Prefix } from "@ocicat/net";
import {
  ACCEPT,
  baseChain,
  type Chain,
  COUNTER,
  chain,
  element,
  encodeBatch,
  GUARD_TABLE,
  goTo,
  interfaceName,
  KNOWN_INTERFACES,
  knownInterface,
  meta,
  type NamedSet,
  type NftKernel,
  NftReconciler,
  notEqual,
  number,
  plan,
  prefixValue,
  rule,
  set,
  type Table,
  table,
  verdict,
  verdictFrom,
  verdictMap,
  workloadGuard,
} from "@ocicat/nftables";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Namespace } from "../support/namespace.ts";
import { NfnetlinkSocket } from "../support/nfnetlink.ts";

const ROUNDS = 400;

let namespace: Namespace;
let kernel: NfnetlinkSocket;

beforeAll(() => {
  namespace = new Namespace("cost");
  kernel = new NfnetlinkSocket(namespace);
});

afterAll(() => {
  kernel[Symbol.dispose]();
  namespace[Symbol.dispose]();
});

const pod = origin("an endpoint of this node", { kind: "WorkloadEndpoint", name: "default/pod1" });

interface Cost {
  /** Median µs of one element in or out: decided, encoded, committed and acknowledged. */
  readonly element: number;
  /** Of it, what the kernel and the socket take. */
  readonly commit: number;
}

/** One interface comes and goes, beside `size` others. */
function costBeside(size: number): Cost {
  const reconciler = new NftReconciler(kernel);
  const knownInterfaces = new Map(Array.from({ length: size }, (_, index) => [`cali${index}`, pod]));
  reconciler.setTables([GUARD_TABLE], [workloadGuard({ knownInterfaces, sources6: [], interfacePrefix: "cali" })]);
  reconciler.apply();
  const one = knownInterface("cali-one", pod);
  const add = encodeBatch([
    { op: "elements.add", table: GUARD_TABLE, set: SHAPE, elements: [knownInterface("cali-other", pod)] },
  ]).messages;
  const elements: number[] = [];
  const commits: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    elements.push(
      microseconds(() => {
        reconciler.putElement(KNOWN_INTERFACES, one);
        reconciler.apply();
      }),
      microseconds(() => {
        reconciler.deleteElement(KNOWN_INTERFACES, interfaceName("cali-one"));
        reconciler.apply();
      }),
    );
    commits.push(microseconds(() => kernel.nftCommit(add)));
  }
  return { element: median(elements), commit: median(commits) };
}

const SHAPE = { name: KNOWN_INTERFACES.set, key: ["ifname"], data: "none", interval: false, timeout: false } as const;

function microseconds(run: () => void): number {
  const start = performance.now();
  run();
  return 1000 * (performance.now() - start);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

describe("one interface more", () => {
  it("costs the same beside none as beside 10,000, and one message", () => {
    costBeside(0);
    const few = costBeside(0);
    const many = costBeside(10_000);
    // Cost follows change, not size: a look through 10,000 elements, here or there, would be more than ten times this.
    const figures = `beside none ${JSON.stringify(few)}, beside 10,000 ${JSON.stringify(many)}`;
    expect(many.element, figures).toBeLessThan(5 * few.element);
    expect(many.commit, figures).toBeLessThan(5 * few.commit);
  });
});

it("10,000 interfaces are one transaction of a handful of messages", () => {
  const knownInterfaces = new Map(Array.from({ length: 10_000 }, (_, index) => [`cali${index}`, pod]));
  const table = workloadGuard({ knownInterfaces, sources6: [], interfacePrefix: "cali" });
  const batch = encodeBatch(plan([table], [], { ownership: true }));
  let messages = 0;
  while (batch.operationAt(messages + 1) !== undefined) messages += 1;
  expect(messages).toBeLessThan(40);
});

const POLICY = { family: "inet", name: "oct-policy" } as const;
const policy = origin("what a policy allows", { kind: "NetworkPolicy", name: "default/web" });
const RULES = 10;

/** Ten rules of addresses, as selectors make them; `salt` makes them others. */
function policyChain(index: number, salt = 0): Chain {
  const rules = Array.from({ length: RULES }, (_, at) =>
    rule(policy, notEqual(meta("mark"), number(100 * salt + at)), COUNTER, verdict(ACCEPT)),
  );
  return chain({ name: `pi-${index}`, origin: policy, rules });
}

function setOf(index: number): NamedSet {
  const members = [1, 2, 3].map((host) =>
    element(pod, prefixValue(Prefix.host((0x0a00_0000 + 8 * index + host) as Ipv4))),
  );
  return set({ name: `s-${index}`, key: "ipv4_addr", origin: policy, elements: members });
}

/** So many chains, all to be reached through a map, and as many sets. */
function policyTable(count: number): Table {
  const dispatch = Array.from({ length: count }, (_, index) =>
    element(pod, interfaceName(`cali${index}`), goTo(`pi-${index}`)),
  );
  return table({
    ...POLICY,
    origin: policy,
    sets: [
      verdictMap({ name: "to", key: "ifname", origin: policy, elements: dispatch }),
      ...Array.from({ length: count }, (_, index) => setOf(index)),
    ],
    chains: [
      baseChain({
        name: "forward",
        type: "filter",
        hook: "forward",
        priority: 0,
        policy: "accept",
        origin: policy,
        rules: [rule(policy, verdictFrom(meta("oifname"), "to"))],
      }),
      ...Array.from({ length: count }, (_, index) => policyChain(index)),
    ],
  });
}

describe("one chain of a table", () => {
  /** Median µs of replacing its rules, without what the kernel takes: it looks through all rules that can be reached. */
  function ownCostIn(count: number): number {
    const timed = new TimedKernel(kernel);
    const reconciler = new NftReconciler(timed);
    reconciler.setTables([POLICY], [policyTable(count)]);
    reconciler.apply();
    const costs = Array.from({ length: ROUNDS }, (_, round) => {
      timed.spent = 0;
      const whole = microseconds(() => {
        reconciler.putChain(POLICY, policyChain(3, round + 1));
        reconciler.apply();
      });
      return whole - timed.spent;
    });
    reconciler.setTables([POLICY], []);
    reconciler.apply();
    return median(costs);
  }

  it("is replaced at the same cost in a table of 10,000 rules as in one of 50, the kernel's own aside", () => {
    ownCostIn(5);
    const [few, many] = [ownCostIn(5), ownCostIn(1000)];
    expect(many, `in 5 chains ${few} µs, in 1,000 chains ${many} µs`).toBeLessThan(5 * few);
  });

  it("that changes in one rule keeps the others, with what they have counted, and is asked for nothing but their names", () => {
    const reconciler = new NftReconciler(kernel);
    reconciler.setTables([POLICY], [policyTable(5)]);
    reconciler.apply();
    const { queries } = kernel;
    const { rules } = policyChain(3);
    reconciler.putChain(
      POLICY,
      chain({ name: "pi-3", origin: policy, rules: [...rules.slice(0, 9), rule(policy, COUNTER)] }),
    );
    expect(reconciler.apply().map(({ op }) => op)).toEqual(["rule.delete", "rule.add"]);
    expect(kernel.queries).toBe(queries + 1);
    // The kernel has named the new rule, and nobody knows how: it is asked again, and refuses nothing.
    const { commits } = kernel;
    reconciler.putChain(POLICY, policyChain(3));
    expect(reconciler.apply().map(({ op }) => op)).toEqual(["rule.delete", "rule.add"]);
    expect(kernel.queries).toBe(queries + 2);
    expect(kernel.commits).toBe(commits + 1);
  });
});

it("500 chains of ten rules and 500 sets are read back and compared in well under the 3.3 s that Calico takes", () => {
  const reconciler = new NftReconciler(kernel);
  reconciler.setTables([POLICY], [policyTable(500)]);
  reconciler.apply();
  const start = process.cpuUsage();
  reconciler.resync();
  expect(reconciler.apply()).toEqual([]);
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1e6).toBeLessThan(1.5);
});

/** Tells what the kernel's side took. */
class TimedKernel implements NftKernel {
  readonly #kernel: NftKernel;
  /** µs. */
  spent = 0;

  constructor(kernel: NftKernel) {
    this.#kernel = kernel;
  }

  nftCommit(batch: Uint8Array): void {
    this.spent += microseconds(() => this.#kernel.nftCommit(batch));
  }

  nftQuery(request: Uint8Array): ReturnType<NftKernel["nftQuery"]> {
    const start = performance.now();
    const answer = this.#kernel.nftQuery(request);
    this.spent += 1000 * (performance.now() - start);
    return answer;
  }
}
