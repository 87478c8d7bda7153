import { Attributes } from "@ocicat/netlink";
import { originOf } from "../comment.ts";
import { baseChain, type Chain, type ChainType, chain } from "../ir/chain.ts";
import type { Rule } from "../ir/rule.ts";
import * as nft from "../netlink/constants.ts";
import { NFGENMSG_BYTES } from "../netlink/message.ts";
import { hookName, policyName } from "../netlink/names.ts";
import { readComment } from "../netlink/userdata.ts";

/** A chain of a dump, without its rules: `make` puts them in. `make` is missing if the model cannot express the chain. */
export interface ChainHead {
  readonly table: string;
  readonly name: string;
  readonly make: ((rules: readonly Rule[]) => Chain) | undefined;
}

export function decodeChain(payload: Uint8Array): ChainHead {
  const attributes = new Attributes(payload.subarray(NFGENMSG_BYTES));
  const name = attributes.string(nft.NFTA_CHAIN_NAME) ?? "";
  return { table: attributes.string(nft.NFTA_CHAIN_TABLE) ?? "", name, make: maker(name, attributes) };
}

const CHAIN_TYPES: readonly ChainType[] = ["filter", "nat", "route"];

function maker(name: string, attributes: Attributes): ChainHead["make"] {
  const origin = originOf(readComment(attributes.bytes(nft.NFTA_CHAIN_USERDATA)));
  const point = attributes.nested(nft.NFTA_CHAIN_HOOK);
  if (point === undefined) return (rules) => chain({ name, origin, rules });
  const type = CHAIN_TYPES.find((known) => known === attributes.string(nft.NFTA_CHAIN_TYPE));
  const hook = hookName(point.u32be(nft.NFTA_HOOK_HOOKNUM));
  const priority = point.u32be(nft.NFTA_HOOK_PRIORITY);
  const policy = policyName(attributes.u32be(nft.NFTA_CHAIN_POLICY));
  if (type === undefined || hook === undefined || priority === undefined || policy === undefined) return undefined;
  return (rules) => baseChain({ name, type, hook, priority: priority | 0, policy, origin, rules });
}
