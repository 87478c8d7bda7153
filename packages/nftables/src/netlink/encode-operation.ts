import { type MessageWriter, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST } from "@ocicat/netlink";
import { commentOf, originComment } from "../comment.ts";
import type { Chain } from "../ir/chain.ts";
import { DATA_TYPES, type DataType } from "../ir/data-type.ts";
import type { Rule } from "../ir/rule.ts";
import type { NamedSet } from "../ir/set.ts";
import type { TableRef } from "../ir/table.ts";
import type { Operation } from "../plan/operation.ts";
import * as nft from "./constants.ts";
import { encodeElements } from "./encode-element.ts";
import { compileBody, writeInstructions } from "./encode-expression.ts";
import { beginMessage } from "./message.ts";
import { HOOK_NUMBERS, POLICY_NUMBERS } from "./names.ts";
import { commentData, setData } from "./userdata.ts";
import { keyBytes } from "./value.ts";

/** Writes an operation's messages behind what is already there; `nextSequence` numbers them. */
export function encodeOperation(writer: MessageWriter, operation: Operation, nextSequence: () => number): void {
  const { family } = operation.table;
  const begin = (type: number, flags = 0) => beginMessage(writer, type, NLM_F_REQUEST | flags, nextSequence(), family);
  switch (operation.op) {
    case "table.create": {
      const { name, dormant, origin } = operation.table;
      begin(nft.NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
      writeTable(writer, name, operation.owned, dormant, originComment(origin));
      return;
    }
    case "table.flags":
      begin(nft.NFT_MSG_NEWTABLE);
      writeTable(writer, operation.table.name, operation.owned, operation.dormant, "");
      return;
    case "table.delete":
      begin(nft.NFT_MSG_DELTABLE).string(nft.NFTA_TABLE_NAME, operation.table.name);
      return;
    case "set.create":
      begin(nft.NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
      writeSet(writer, operation.table, operation.set);
      return;
    case "set.delete":
      begin(nft.NFT_MSG_DELSET)
        .string(nft.NFTA_SET_TABLE, operation.table.name)
        .string(nft.NFTA_SET_NAME, operation.set);
      return;
    case "chain.create":
      begin(nft.NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
      writeChain(writer, operation.table, operation.chain);
      return;
    case "chain.policy":
      begin(nft.NFT_MSG_NEWCHAIN)
        .string(nft.NFTA_CHAIN_TABLE, operation.table.name)
        .string(nft.NFTA_CHAIN_NAME, operation.chain)
        .u32be(nft.NFTA_CHAIN_POLICY, POLICY_NUMBERS[operation.policy]);
      return;
    case "chain.delete":
      begin(nft.NFT_MSG_DELCHAIN)
        .string(nft.NFTA_CHAIN_TABLE, operation.table.name)
        .string(nft.NFTA_CHAIN_NAME, operation.chain);
      return;
    case "elements.add":
      // Without EXCL: an element that is already there as wanted is no error.
      encodeElements(writer, operation, () => begin(nft.NFT_MSG_NEWSETELEM, NLM_F_CREATE));
      return;
    case "elements.delete":
      // One that may have gone by itself is put there first: deleting what is not there would refuse the transaction.
      if (operation.set.timeout)
        encodeElements(writer, { ...operation, op: "elements.add" }, () => begin(nft.NFT_MSG_NEWSETELEM, NLM_F_CREATE));
      encodeElements(writer, operation, () => begin(nft.NFT_MSG_DELSETELEM));
      return;
    case "rule.add":
      // With a position and without APPEND: in front of it. With APPEND and without a position: last.
      begin(nft.NFT_MSG_NEWRULE, NLM_F_CREATE | (operation.before === undefined ? NLM_F_APPEND : 0));
      writeRule(writer, operation.table, operation.chain, operation.rule);
      if (operation.before !== undefined) writer.u64be(nft.NFTA_RULE_POSITION, operation.before);
      return;
    case "rule.delete":
      begin(nft.NFT_MSG_DELRULE)
        .string(nft.NFTA_RULE_TABLE, operation.table.name)
        .string(nft.NFTA_RULE_CHAIN, operation.chain)
        .u64be(nft.NFTA_RULE_HANDLE, operation.handle);
      return;
    case "chain.flush":
      begin(nft.NFT_MSG_DELRULE)
        .string(nft.NFTA_RULE_TABLE, operation.table.name)
        .string(nft.NFTA_RULE_CHAIN, operation.chain);
      return;
  }
}

function writeTable(writer: MessageWriter, name: string, owned: boolean, dormant: boolean, comment: string): void {
  const flags = (owned ? nft.NFT_TABLE_F_OWNER | nft.NFT_TABLE_F_PERSIST : 0) | (dormant ? nft.NFT_TABLE_F_DORMANT : 0);
  writer.string(nft.NFTA_TABLE_NAME, name).u32be(nft.NFTA_TABLE_FLAGS, flags);
  if (comment !== "") writer.bytes(nft.NFTA_TABLE_USERDATA, commentData(comment));
}

function writeChain(writer: MessageWriter, table: TableRef, chain: Chain): void {
  writer.string(nft.NFTA_CHAIN_TABLE, table.name).string(nft.NFTA_CHAIN_NAME, chain.name);
  if (chain.kind === "baseChain") {
    writer
      .string(nft.NFTA_CHAIN_TYPE, chain.type)
      .u32be(nft.NFTA_CHAIN_POLICY, POLICY_NUMBERS[chain.policy])
      .nested(nft.NFTA_CHAIN_HOOK, (hook) => {
        hook.u32be(nft.NFTA_HOOK_HOOKNUM, HOOK_NUMBERS[chain.hook]).u32be(nft.NFTA_HOOK_PRIORITY, chain.priority);
      });
  }
  const comment = originComment(chain.origin);
  if (comment !== "") writer.bytes(nft.NFTA_CHAIN_USERDATA, commentData(comment));
}

function writeSet(writer: MessageWriter, table: TableRef, set: NamedSet): void {
  const flags =
    (set.interval ? nft.NFT_SET_INTERVAL : 0) |
    (set.timeout ? nft.NFT_SET_TIMEOUT : 0) |
    (set.data === "verdict" ? nft.NFT_SET_MAP : 0);
  writer
    .string(nft.NFTA_SET_TABLE, table.name)
    .string(nft.NFTA_SET_NAME, set.name)
    .u32be(nft.NFTA_SET_FLAGS, flags)
    .u32be(nft.NFTA_SET_KEY_TYPE, keyTypeNumber(set.key))
    .u32be(nft.NFTA_SET_KEY_LEN, keyBytes(set.key));
  if (set.data === "verdict") {
    writer.u32be(nft.NFTA_SET_DATA_TYPE, nft.NFT_DATA_VERDICT).u32be(nft.NFTA_SET_DATA_LEN, 0);
  }
  // The kernel insists on a number of its own in this transaction, by which later messages could name the set; ours use
  // its name. The place in the batch is as good a number as any.
  writer.u32be(nft.NFTA_SET_ID, writer.length);
  writer.bytes(nft.NFTA_SET_USERDATA, setData(set.key, originComment(set.origin)));
}

/** nft's number for a concatenation: six bits a field, the first field highest. */
export function keyTypeNumber(key: readonly DataType[]): number {
  return key.reduce((number, type) => (number << 6) | DATA_TYPES[type].id, 0);
}

function writeRule(writer: MessageWriter, table: TableRef, chain: string, rule: Rule): void {
  writer
    .string(nft.NFTA_RULE_TABLE, table.name)
    .string(nft.NFTA_RULE_CHAIN, chain)
    .nested(nft.NFTA_RULE_EXPRESSIONS, (list) => writeInstructions(list, compileBody(rule.body)));
  const comment = commentOf(rule);
  if (comment !== "") writer.bytes(nft.NFTA_RULE_USERDATA, commentData(comment));
}
