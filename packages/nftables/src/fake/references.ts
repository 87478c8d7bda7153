import { Attributes } from "@ocicat/netlink";
import * as nft from "../netlink/constants.ts";
import type { FakeTable } from "./state.ts";

/** What rules and map elements of a table refer to, by name. */
export interface References {
  readonly chains: ReadonlySet<string>;
  readonly sets: ReadonlySet<string>;
}

export function referencesOf(table: FakeTable): References {
  const chains = new Set<string>();
  const sets = new Set<string>();
  for (const chain of table.chains.values()) {
    for (const { attributes } of chain.rules) {
      const found = referencesOfRule(attributes.get(nft.NFTA_RULE_EXPRESSIONS));
      for (const name of found.chains) chains.add(name);
      for (const name of found.sets) sets.add(name);
    }
  }
  for (const set of table.sets.values()) {
    for (const { bytes } of set.elements.values()) {
      const target = targetIn(new Attributes(bytes).nested(nft.NFTA_SET_ELEM_DATA));
      if (target !== undefined) chains.add(target);
    }
  }
  return { chains, sets };
}

export function referencesOfRule(expressions: Uint8Array | undefined): References {
  const chains = new Set<string>();
  const sets = new Set<string>();
  for (const { payload } of new Attributes(expressions ?? new Uint8Array()).each()) {
    const data = new Attributes(payload).nested(nft.NFTA_EXPR_DATA);
    switch (new Attributes(payload).string(nft.NFTA_EXPR_NAME)) {
      case "lookup": {
        const set = data?.string(nft.NFTA_LOOKUP_SET);
        if (set !== undefined) sets.add(set);
        break;
      }
      case "immediate": {
        const target = targetIn(data?.nested(nft.NFTA_IMMEDIATE_DATA));
        if (target !== undefined) chains.add(target);
        break;
      }
      default:
        break;
    }
  }
  return { chains, sets };
}

/** The chain that an nft_data with a verdict leads to. */
export function targetIn(data: Attributes | undefined): string | undefined {
  return data?.nested(nft.NFTA_DATA_VERDICT)?.string(nft.NFTA_VERDICT_CHAIN);
}
