import type { Chain } from "../ir/chain.ts";
import { type Table, type TableFamily, type TableRef, tableKey } from "../ir/table.ts";
import { checkHook } from "./hook.ts";
import { checkDistinct, checkName, checkReason } from "./names.ts";
import { References } from "./references.ts";
import { checkRule } from "./rule.ts";
import { checkSet } from "./set.ts";

/**
 * Everything the kernel would refuse the table for, and what it would take but could not mean. Throws NftError
 * (NFT_INVALID) with the place and the remedy.
 */
export function checkTable(table: Table): void {
  const where = tableAt(table);
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
  const references = new References(where);
  for (const set of table.sets) {
    checkSet(`${where} set ${set.name}`, set);
    references.putSet(set);
    for (const element of set.elements) references.replaceElement(set.name, undefined, element);
  }
  for (const chain of table.chains) {
    checkChain(where, chain, table.family);
    references.putChain(chain);
  }
  references.verify();
}

/** A chain for itself: whether what it refers to is there is the table's affair. Throws NftError. */
export function checkChain(where: string, chain: Chain, family: TableFamily): void {
  const at = `${where} chain ${chain.name}`;
  checkName(at, "chain", chain.name);
  checkReason(at, chain.origin);
  if (chain.kind === "baseChain") checkHook(at, family, chain);
  for (const rule of chain.rules) checkRule(at, rule, family);
}

/** Where an error is. */
export function tableAt(ref: TableRef): string {
  return `table ${tableKey(ref)}`;
}
