import { type Expression, type Table, targetOf } from "@ocicat/nftables";

/** Chains that no packet comes to: from no hook, over no jump and no map, does a way lead there. */
export function unreached(table: Table): string[] {
  const chains = new Map(table.chains.map((chain) => [chain.name, chain]));
  const reached = new Set<string>();
  const next = table.chains.flatMap(({ kind, name }) => (kind === "baseChain" ? [name] : []));
  for (let name = next.pop(); name !== undefined; name = next.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    for (const { body } of chains.get(name)?.rules ?? [])
      next.push(...body.flatMap((expression) => targets(expression, table)));
  }
  return table.chains.flatMap(({ name }) => (reached.has(name) ? [] : [name]));
}

function targets(expression: Expression, table: Table): string[] {
  const verdicts =
    expression.kind === "verdict"
      ? [expression.verdict]
      : expression.kind === "verdictLookup"
        ? (table.sets.find(({ name }) => name === expression.map)?.elements ?? []).map(({ verdict }) => verdict)
        : [];
  return verdicts.flatMap((verdict) => (verdict && targetOf(verdict)) ?? []);
}
