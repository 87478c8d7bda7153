import { origin } from "@ocicat/kit";
import {
  encodeBatch,
  GUARD_TABLE,
  interfaceName,
  KNOWN_INTERFACES,
  knownInterface,
  NftReconciler,
  plan,
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
