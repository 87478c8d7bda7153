import { type Table, tableKey } from "@ocicat/nftables";
import { FAMILIES, type PolicyModel } from "@ocicat/policy";
import { REVOKED } from "../compile/static-sets.ts";
import type { Difference } from "./difference.ts";
import type { IsState } from "./kernel/match.ts";
import { type NodeOptions, placesOf } from "./model/places.ts";
import { Prover } from "./prover.ts";

export interface VerifyInput {
  /** As read back from the kernel. Undefined: it is not there. */
  readonly table: Table | undefined;
  /** What of it the IR cannot express: ActualTable's `unknown`. */
  readonly unknown?: readonly string[];
  readonly model: PolicyModel;
  readonly options: NodeOptions;
}

export interface VerifyReport {
  /** None: the kernel does to every packet what the model wants. */
  readonly differences: readonly Difference[];
  /** For how many interfaces it was shown. */
  readonly interfaces: number;
  /** Of all diagrams: what it took. */
  readonly nodes: number;
}

/** Compares what a node's kernel holds with what the model wants of it, for every packet there can be. */
export function verifyNode({ table, unknown = [], model, options }: VerifyInput): VerifyReport {
  if (table === undefined) {
    return { differences: [{ kind: "table", what: "the policy table is not there" }], interfaces: 0, nodes: 0 };
  }
  const differences: Difference[] = unknown.map((what) => ({
    kind: "table",
    what: `${tableKey(table)}: ${what}: cannot be understood`,
  }));
  if (table.dormant) differences.push({ kind: "table", what: `${tableKey(table)} is switched off` });
  const places = placesOf(model, [table], options);
  let nodes = 0;
  for (const family of FAMILIES) {
    const prover = new Prover(family, table, model, isState);
    differences.push(...prover.differences(places));
    nodes += prover.size;
  }
  return { differences, interfaces: places.length, nodes };
}

/** Connections that lost their permission come and go by themselves. */
export const isState: IsState = ({ name }) => STATE_SETS.has(name);
const STATE_SETS: ReadonlySet<string> = new Set(Object.values(REVOKED).map(({ set }) => set));
