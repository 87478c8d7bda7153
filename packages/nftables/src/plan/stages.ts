import { tableKey } from "../ir/table.ts";
import type { Operation } from "./operation.ts";

/**
 * The transactions of a change. The kernel holds a packet to the rules that were in force when it came to a hook, and shows it
 * sets and maps as they are now. One that is on its way while everything changes at once could be led by the new map to a chain
 * that has no rules for it yet, or look into a set whose members have gone. So what can be led to comes a transaction before
 * what leads there, and goes a transaction after:
 *
 *     new chains and sets, and what is in them      nobody is led there yet
 *     rules and elements of those that are there    what is decided changes, all of it at once
 *     chains and sets that are not needed           nobody is led there any more
 *
 * Where a table itself is made or taken away all is one transaction: nothing leads into it before.
 */
export function stagesOf(operations: readonly Operation[]): readonly (readonly Operation[])[] {
  if (operations.some(({ op }) => op.startsWith("table."))) return [operations];
  const made = new Set(operations.flatMap((operation) => madeBy(operation) ?? []));
  const gone = new Set(
    operations.flatMap((operation) => (operation.op === "chain.delete" ? [chainOf(operation)] : [])),
  );
  const stages = Map.groupBy(operations, (operation) => stageOf(operation, made, gone));
  return ORDER.flatMap((stage) => {
    const own = stages.get(stage);
    return own === undefined ? [] : [own];
  });
}

const ORDER = ["prepare", "switch", "retire"] as const;
type Stage = (typeof ORDER)[number];

/** The kernel calls base chains from the moment they are there: they are part of what is decided. */
function madeBy(operation: Operation): string | undefined {
  if (operation.op === "set.create") return inTable(operation, `set ${operation.set.name}`);
  if (operation.op === "chain.create" && operation.chain.kind === "chain")
    return inTable(operation, `chain ${operation.chain.name}`);
  return undefined;
}

function stageOf(operation: Operation, made: ReadonlySet<string>, gone: ReadonlySet<string>): Stage {
  switch (operation.op) {
    case "set.create":
      return "prepare";
    case "chain.create":
      return operation.chain.kind === "chain" ? "prepare" : "switch";
    case "elements.add":
      return made.has(inTable(operation, `set ${operation.set.name}`)) ? "prepare" : "switch";
    case "rule.add":
      return made.has(chainOf(operation)) ? "prepare" : "switch";
    case "chain.flush":
      // One that stays is filled anew.
      return gone.has(chainOf(operation)) ? "retire" : "switch";
    case "set.delete":
    case "chain.delete":
      return "retire";
    default:
      return "switch";
  }
}

function chainOf(operation: Operation & { readonly chain: string }): string {
  return inTable(operation, `chain ${operation.chain}`);
}

function inTable({ table }: Operation, what: string): string {
  return `${tableKey(table)} ${what}`;
}
