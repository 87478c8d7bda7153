import type { ActualTable, Expression, Operation, Rule, Table, TableRef } from "@ocicat/nftables";

/*
 * What Felix has in nftables, by what it says of itself:
 *
 *     tables ip calico, ip6 calico, arp calico      its nftables mode: all in tables of its own
 *     chains cali-…, and rules that lead to them    its iptables mode, over nftables: between the rules of others
 *     rules with a comment cali:…                   the same: those that it has in the others' chains themselves
 */
const TABLE = "calico";
const CHAIN = /^cali-/;
const COMMENT = /^cali:/;

/** One transaction that takes all of it away and nothing else: packets meet all of Felix's rules, or none. */
export function felixRemoval(tables: readonly ActualTable[]): readonly Operation[] {
  return tables.flatMap(({ table, ruleStates }): Operation[] => {
    const at: TableRef = { family: table.family, name: table.name };
    if (table.name === TABLE) return [{ op: "table.delete", table: at }];
    const own = table.chains.filter(({ name }) => CHAIN.test(name)).map(({ name }) => name);
    const between = table.chains
      .filter(({ name }) => !CHAIN.test(name))
      .flatMap(({ name, rules }) =>
        rules.flatMap((rule, index): Operation[] => {
          const handle = ruleStates.get(name)?.[index]?.handle;
          return handle === undefined || !isFelix(rule) ? [] : [{ op: "rule.delete", table: at, chain: name, handle }];
        }),
      );
    // Chains lead to each other: all are empty before one goes.
    return [
      ...between,
      ...own.map((chain): Operation => ({ op: "chain.flush", table: at, chain })),
      ...own.map((chain): Operation => ({ op: "chain.delete", table: at, chain })),
    ];
  });
}

/** Chains of Felix in tables of iptables' old interface, `filter cali-FORWARD`: these cannot be taken away here. */
export function legacyFelixChains(tables: readonly Table[]): readonly string[] {
  return tables.flatMap((table) =>
    table.chains.filter(({ name }) => CHAIN.test(name)).map(({ name }) => `${table.name} ${name}`),
  );
}

function isFelix(rule: Rule): boolean {
  return COMMENT.test(rule.comment ?? "") || rule.body.some(leadsToFelix) || rule.body.some(isFelixComment);
}

function leadsToFelix(expression: Expression): boolean {
  if (expression.kind !== "verdict") return false;
  const { verdict } = expression;
  return (verdict.kind === "jump" || verdict.kind === "goto") && CHAIN.test(verdict.chain);
}

/** iptables over nftables keeps a comment as a match of its own: a name, and 256 bytes of text behind a revision. */
function isFelixComment(expression: Expression): boolean {
  if (expression.kind !== "opaque" || expression.name !== "match") return false;
  return Array.from(expression.data, (byte) => String.fromCharCode(byte))
    .join("")
    .includes("cali:");
}
