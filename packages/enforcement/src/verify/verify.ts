import { type Table, tableKey } from "@ocicat/nftables";
import { FAMILIES, type PolicyModel } from "@ocicat/policy";
import { rangesInModel, rangesInTable } from "./cuts.ts";
import type { Difference } from "./difference.ts";
import { unreached } from "./kernel/reached.ts";
import { Members } from "./model/members.ts";
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
  /** Chains that are there although no packet comes to them. They change nothing. */
  readonly unreached: readonly string[];
  /** For how many interfaces it was shown. */
  readonly interfaces: number;
  /** Of all diagrams: what it took. */
  readonly nodes: number;
}

/** Compares what a node's kernel holds with what the model wants of it, for every packet there can be. */
export function verifyNode(input: VerifyInput): VerifyReport {
  const steps = verifyNodeInSteps(input);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** The same in pieces of some milliseconds, for who has other things to do in between. */
export function* verifyNodeInSteps({
  table,
  unknown = [],
  model,
  options,
}: VerifyInput): Generator<undefined, VerifyReport> {
  if (table === undefined) {
    const differences: Difference[] = [{ kind: "table", what: "the policy table is not there" }];
    return { differences, unreached: [], interfaces: 0, nodes: 0 };
  }
  const differences: Difference[] = notUnderstood(table, unknown);
  const places = placesOf(model, [table], options);
  yield undefined;
  const members = new Members(model);
  yield undefined;
  const ranges = [...rangesInTable(table), ...rangesInModel(model)];
  yield undefined;
  let nodes = 0;
  for (const family of FAMILIES) {
    const prover = new Prover(family, table, model, members, ranges);
    for (const difference of prover.differences(places)) {
      if (difference !== undefined) differences.push(difference);
      yield undefined;
    }
    nodes += prover.size;
  }
  return { differences, unreached: unreached(table), interfaces: places.length, nodes };
}

/** What may mean anything, and not one packet alone. */
function notUnderstood(table: Table, unknown: readonly string[]): Difference[] {
  const opaque = table.chains.flatMap(({ name, rules }) =>
    rules.flatMap(({ body }, index) =>
      body.flatMap((one) => (one.kind === "opaque" ? [`chain ${name}, rule ${index + 1}: ${one.name}`] : [])),
    ),
  );
  const found = [
    ...[...unknown, ...opaque].map((what) => `${what}: cannot be understood`),
    ...(table.dormant ? ["is switched off"] : []),
  ];
  return found.map((what) => ({ kind: "table", what: `${tableKey(table)}: ${what}` }));
}
