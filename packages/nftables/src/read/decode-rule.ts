import { Attributes } from "@ocicat/netlink";
import { originOf } from "../comment.ts";
import type { Rule } from "../ir/rule.ts";
import * as nft from "../netlink/constants.ts";
import { decodeBody } from "../netlink/decode-expression.ts";
import { NFGENMSG_BYTES } from "../netlink/message.ts";
import { familyName } from "../netlink/names.ts";
import { readComment } from "../netlink/userdata.ts";
import type { RuleState } from "./actual.ts";

export interface ReadRule {
  readonly chain: string;
  readonly rule: Rule;
  readonly state: RuleState;
}

/** What names a rule, and what it says of itself, without what it does. */
export interface RuleLabel {
  readonly handle: bigint;
  readonly comment: string;
}

export function decodeRuleLabel(payload: Uint8Array): RuleLabel {
  const attributes = new Attributes(payload.subarray(NFGENMSG_BYTES));
  return {
    handle: attributes.u64be(nft.NFTA_RULE_HANDLE) ?? 0n,
    comment: readComment(attributes.bytes(nft.NFTA_RULE_USERDATA)),
  };
}

export function decodeRule(payload: Uint8Array): ReadRule {
  const attributes = new Attributes(payload.subarray(NFGENMSG_BYTES));
  const { body, counters } = decodeBody(attributes.nested(nft.NFTA_RULE_EXPRESSIONS), familyName(payload[0]));
  const comment = readComment(attributes.bytes(nft.NFTA_RULE_USERDATA));
  return {
    chain: attributes.string(nft.NFTA_RULE_CHAIN) ?? "",
    rule: Object.freeze({ kind: "rule", body, origin: originOf(comment), comment }),
    state: { handle: attributes.u64be(nft.NFTA_RULE_HANDLE) ?? 0n, counters },
  };
}
