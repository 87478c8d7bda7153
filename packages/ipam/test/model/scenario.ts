import { seededRandom } from "@ocicat/kit";
import { formatAddress, Prefix, parseAddress, parsePrefix } from "@ocicat/net";
import type { AssignedAddress, Ipam } from "../../src/index.ts";
import { walkStart } from "../../src/pool/index.ts";
import { pool } from "../support/world.ts";

/** Two blocks of two addresses: enough for every kind of meeting, and few enough to try every order of things. */
const POOL = pool("four", "10.0.0.0/30", 31);
export const POOLS = [POOL];
/** The block where node a begins to look: what is given up and asked for is in it, so that nodes meet there. */
export const BLOCK = Prefix.of(POOL.prefix.nth(2n * walkStart(POOL, "a", seededRandom(1))), POOL.blockSize);

/** What a node may be asked for. `holder`: the pod it is for. */
export type Operation =
  | { readonly name: "add"; readonly holder: string; readonly count: number }
  | { readonly name: "ask"; readonly holder: string; readonly address: string }
  | { readonly name: "del"; readonly holder: string }
  | { readonly name: "give-up"; readonly block: string; readonly of: string }
  | { readonly name: "ensure" }
  | { readonly name: "recover" };

/** One node's work: steps one after the other, the operations of a step all at once. */
export type Program = readonly (readonly Operation[])[];

export interface Scenario {
  readonly title: string;
  /** What was there before: who held what, by whose client, long ago. */
  readonly before: readonly { readonly node: string; readonly operation: Operation }[];
  /** By node. `transactions`: the way in which it writes. */
  readonly nodes: readonly { readonly name: string; readonly transactions: boolean; readonly program: Program }[];
}

/** What is said of a holder from outside. */
export interface Kubelet {
  promised(holder: string, addresses: readonly string[]): void;
  deleting(holder: string): void;
  deleted(holder: string): void;
  isLive(handleId: string): boolean;
}

export async function perform(ipam: Ipam, operation: Operation, kubelet: Kubelet): Promise<void> {
  switch (operation.name) {
    case "add":
    case "ask": {
      const given = await assign(ipam, operation);
      kubelet.promised(
        operation.holder,
        given.map(({ address }) => formatAddress(address)),
      );
      return;
    }
    case "del":
      kubelet.deleting(operation.holder);
      await ipam.release({ handleId: handleOf(operation.holder) });
      kubelet.deleted(operation.holder);
      return;
    case "give-up":
      await ipam.releaseAffinity(parsePrefix(operation.block), { node: operation.of });
      return;
    case "ensure":
      await ipam.ensureBlock({ family: 4 });
      return;
    case "recover":
      await ipam.recover({ isLive: (handle) => kubelet.isLive(handle) });
      return;
  }
}

export function handleOf(holder: string): string {
  return `net.${holder}`;
}

async function assign(
  ipam: Ipam,
  operation: Extract<Operation, { name: "add" | "ask" }>,
): Promise<readonly AssignedAddress[]> {
  const handleId = handleOf(operation.holder);
  if (operation.name === "ask") return [await ipam.assignIp({ handleId, address: parseAddress(operation.address) })];
  return ipam.autoAssign({ handleId, wants: [{ family: 4, count: operation.count }] });
}

export const MODES = {
  transactions: [true, true],
  singles: [false, false],
  mixed: [true, false],
} as const;

export type Mode = keyof typeof MODES;

/** The states in which a story can begin. The blocks are old: an empty one may be taken over. */
const BEGINNINGS: Readonly<Record<string, Scenario["before"]>> = {
  "an empty store": [],
  "a block each, in use": [
    { node: "a", operation: { name: "add", holder: "a0", count: 1 } },
    { node: "b", operation: { name: "add", holder: "b0", count: 1 } },
  ],
  "all of it one's, half of it the other's": [
    { node: "a", operation: { name: "add", holder: "a0", count: 3 } },
    { node: "b", operation: { name: "add", holder: "b0", count: 1 } },
  ],
  "a block each, empty": [
    { node: "a", operation: { name: "ensure" } },
    { node: "b", operation: { name: "ensure" } },
  ],
};

/** What a node can be asked for, with names for the pods it makes. */
function choices(node: string, other: string, number: number): readonly Operation[] {
  return [
    { name: "add", holder: `${node}${number}`, count: 1 },
    { name: "add", holder: `${node}${number}`, count: 2 },
    { name: "ask", holder: `${node}${number}`, address: formatAddress(BLOCK.nth(1)) },
    { name: "del", holder: `${node}0` },
    { name: "give-up", block: BLOCK.toString(), of: node },
    { name: "give-up", block: BLOCK.toString(), of: other },
    { name: "recover" },
  ];
}

/** For stories in which something goes wrong, of which each has hundreds of times as many courses. */
const FEW = { beginnings: 2, operations: ["add", "del", "give-up"] };

/**
 * Every three operations over two nodes: two of one, after each other or at once, beside one of the other; from every
 * beginning, in one way of writing. `few`: one address at a time, one after the other, from the first beginnings.
 */
export function* scenarios(mode: Mode, few: boolean): Iterable<Scenario> {
  const [first, second] = MODES[mode];
  const of = (node: string, other: string, number: number) =>
    choices(node, other, number).filter(
      (operation) =>
        !few || (FEW.operations.includes(operation.name) && !("count" in operation && operation.count > 1)),
    );
  for (const [beginning, before] of Object.entries(BEGINNINGS).slice(0, few ? FEW.beginnings : undefined)) {
    for (const one of of("a", "b", 1)) {
      for (const two of of("a", "b", 2)) {
        for (const three of of("b", "a", 1)) {
          const inTurn = [[one], [two]];
          for (const program of few ? [inTurn] : [inTurn, [[one, two]]]) {
            const title = `${mode}, ${beginning}: a ${describeProgram(program)}, b ${describeOperation(three)}`;
            const nodes = [
              { name: "a", transactions: first, program },
              { name: "b", transactions: second, program: [[three]] },
            ];
            yield { title, before, nodes };
          }
        }
      }
    }
  }
}

function describeProgram(program: Program): string {
  return program.map((step) => step.map(describeOperation).join(" and ")).join(" then ");
}

export function describeOperation(operation: Operation): string {
  const { name, ...rest } = operation;
  return [name, ...Object.values(rest)].join(" ");
}
