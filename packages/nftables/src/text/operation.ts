import { commentOf, elementComment, originComment } from "../comment.ts";
import type { Chain } from "../ir/chain.ts";
import type { Rule } from "../ir/rule.ts";
import type { NamedSet, SetElement, SetShape } from "../ir/set.ts";
import type { Table } from "../ir/table.ts";
import { tableKey } from "../ir/table.ts";
import type { Operation } from "../plan/operation.ts";
import { renderBody, renderVerdict } from "./expression.ts";
import { renderKey } from "./value.ts";

/**
 * A transaction as `nft -f` reads it, one command a line. Ownership and claims are comments: nft cannot own a table beyond its
 * own process, and before 1.0.9 does not know the flag "persist".
 */
export function renderOperations(operations: readonly Operation[]): string {
  return operations.map((operation) => `${renderOperation(operation)}\n`).join("");
}

/** A whole table as `nft list` shows it and `nft -f` reads it. */
export function renderTable(table: Table): string {
  const sections = [
    ...table.sets.map((set) => section(`${setKeyword(set)} ${set.name}`, setLines(set, true))),
    ...table.chains.map((chain) =>
      section(`chain ${chain.name}`, [...chainLines(chain), ...chain.rules.map(renderRule)]),
    ),
  ];
  const head = [
    ...(table.owned ? ["# owned by its writer, outlives it (flags owner, persist)"] : []),
    ...(table.dormant ? ["flags dormant;"] : []),
    ...commentLine(originComment(table.origin)),
  ];
  return [`table ${tableKey(table)} {`, ...indent(head), ...indent(sections.flat()), "}", ""].join("\n");
}

/** Body and comment. */
export function renderRule(rule: Rule): string {
  return `${renderBody(rule.body)}${quoted(commentOf(rule))}`;
}

export function renderElement(set: SetShape, element: SetElement): string {
  const verdict = element.verdict === undefined ? "" : ` : ${renderVerdict(element.verdict)}`;
  const timeout = element.timeout === undefined ? "" : ` timeout ${element.timeout}s`;
  return `${renderKey(set.key, element.key)}${timeout}${quoted(elementComment(element))}${verdict}`;
}

function renderOperation(operation: Operation): string {
  const where = tableKey(operation.table);
  switch (operation.op) {
    case "table.create":
      return `add table ${where}${block([...(operation.table.dormant ? ["flags dormant;"] : []), ...commentLine(originComment(operation.table.origin))])}`;
    case "table.flags":
      return operation.dormant ? `add table ${where} { flags dormant; }` : `# claim table ${where}`;
    case "table.delete":
      return `delete table ${where}`;
    case "set.create":
      return `add ${setKeyword(operation.set)} ${where} ${operation.set.name}${block(setLines(operation.set, false))}`;
    case "set.delete":
      return `delete set ${where} ${operation.set}`;
    case "chain.create":
      return `add chain ${where} ${operation.chain.name}${block(chainLines(operation.chain))}`;
    case "chain.policy":
      return `add chain ${where} ${operation.chain} { policy ${operation.policy}; }`;
    case "chain.delete":
      return `delete chain ${where} ${operation.chain}`;
    case "elements.add":
      return `add element ${where} ${operation.set.name} ${elementList(operation.set, operation.elements)}`;
    case "elements.delete":
      return `delete element ${where} ${operation.set.name} { ${operation.elements.map((element) => renderKey(operation.set.key, element.key)).join(", ")} }`;
    case "rule.add": {
      const place = operation.before === undefined ? "" : ` handle ${operation.before}`;
      const verb = operation.before === undefined ? "add" : "insert";
      return `${verb} rule ${where} ${operation.chain}${place} ${renderRule(operation.rule)}`;
    }
    case "rule.delete":
      return `delete rule ${where} ${operation.chain} handle ${operation.handle}`;
    case "chain.flush":
      return `flush chain ${where} ${operation.chain}`;
  }
}

function setKeyword(set: SetShape): string {
  return set.data === "verdict" ? "map" : "set";
}

function setLines(set: NamedSet, elements: boolean): readonly string[] {
  return [
    `type ${set.key.join(" . ")}${set.data === "verdict" ? " : verdict" : ""};`,
    ...(set.interval || set.timeout ? [`flags ${set.interval ? "interval" : "timeout"};`] : []),
    ...commentLine(originComment(set.origin)),
    ...(elements && set.elements.length > 0 ? [`elements = ${elementList(set, set.elements)}`] : []),
  ];
}

function chainLines(chain: Chain): readonly string[] {
  const base =
    chain.kind === "baseChain"
      ? [`type ${chain.type} hook ${chain.hook} priority ${chain.priority}; policy ${chain.policy};`]
      : [];
  return [...base, ...commentLine(originComment(chain.origin))];
}

function elementList(set: SetShape, elements: readonly SetElement[]): string {
  return `{ ${elements.map((element) => renderElement(set, element)).join(", ")} }`;
}

function commentLine(comment: string): readonly string[] {
  return comment === "" ? [] : [`comment "${comment}";`];
}

function quoted(comment: string): string {
  return comment === "" ? "" : ` comment "${comment}"`;
}

function block(lines: readonly string[]): string {
  return lines.length === 0 ? "" : ` { ${lines.join(" ")} }`;
}

function section(head: string, lines: readonly string[]): readonly string[] {
  return [`${head} {`, ...indent(lines), "}"];
}

function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `\t${line}`);
}
