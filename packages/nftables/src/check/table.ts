import { type Table, tableKey } from "../ir/table.ts";
import { targetOf } from "../ir/verdict.ts";
import { checkHook, checkPaths } from "./chains.ts";
import { checkDistinct, checkName, checkReason } from "./names.ts";
import { checkRule, noTarget, type RuleContext } from "./rule.ts";
import { checkSet } from "./set.ts";

/**
 * Everything the kernel would refuse the table for, and what it would take but could not mean. Throws NftError
 * (NFT_INVALID) with the place and the remedy.
 */
export function checkTable(table: Table): void {
  const where = `table ${tableKey(table)}`;
  checkName(where, "table", table.name);
  checkReason(where, table.origin);
  checkDistinct(
    where,
    "set",
    table.sets.map((set) => set.name),
  );
  checkDistinct(
    where,
    "chain",
    table.chains.map((chain) => chain.name),
  );
  const context: RuleContext = {
    family: table.family,
    sets: new Map(table.sets.map((set) => [set.name, set])),
    targets: new Set(table.chains.filter((chain) => chain.kind === "chain").map((chain) => chain.name)),
  };
  for (const set of table.sets) {
    checkSet(`${where} set ${set.name}`, set);
    for (const { verdict } of set.elements) {
      const target = verdict && targetOf(verdict);
      if (target !== undefined && !context.targets.has(target)) throw noTarget(`${where} set ${set.name}`, target);
    }
  }
  for (const chain of table.chains) {
    const at = `${where} chain ${chain.name}`;
    checkName(at, "chain", chain.name);
    checkReason(at, chain.origin);
    if (chain.kind === "baseChain") checkHook(at, table.family, chain);
    for (const rule of chain.rules) checkRule(at, rule, context);
  }
  checkPaths(where, table.chains, table.sets);
}
