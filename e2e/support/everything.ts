import { isDeepStrictEqual } from "node:util";
import type { Datastore } from "@ocicat/datastore";
import { expect } from "vitest";
import { allKeys, allocations, ipamProblems } from "./datastore.ts";
import { eventually } from "./lab.ts";
import type { NodeCni, NodeState } from "./node-cni.ts";

export interface Everything {
  readonly kernel: NodeState;
  readonly keys: readonly string[];
  readonly allocations: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

/** What could be left behind: in a node's kernel, and in the datastore. Blocks stay, and their sequence numbers rise. */
export async function everything(node: NodeCni, store: Datastore): Promise<Everything> {
  return {
    kernel: await node.state(),
    keys: [...(await allKeys(store)).keys()],
    allocations: await allocations(store),
    problems: await ipamProblems(store),
  };
}

/** All is again as it was; an agent may take a turn of its own for what nobody waits for. */
export async function expectAgain(
  look: () => Promise<Everything>,
  before: Everything,
  when: string = "afterwards",
): Promise<void> {
  await eventually(look, (after) => isDeepStrictEqual(after, before), 5_000).catch(() => undefined);
  expect(await look(), when).toEqual(before);
}
