import { MessageWriter, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST } from "@ocicat/netlink";
import type { TableFamily, TableRef } from "../ir/table.ts";
import * as nft from "../netlink/constants.ts";
import { beginMessage } from "../netlink/message.ts";

/** Requests that list; the kernel narrows the last four to what they name (chains it always lists for the whole family). */
export function listTables(): Uint8Array {
  return dump(nft.NFT_MSG_GETTABLE, undefined).finish();
}

export function listChains(family: TableFamily): Uint8Array {
  return dump(nft.NFT_MSG_GETCHAIN, family).finish();
}

export function listSets(table: TableRef): Uint8Array {
  return dump(nft.NFT_MSG_GETSET, table.family).string(nft.NFTA_SET_TABLE, table.name).finish();
}

export function listElements(table: TableRef, set: string): Uint8Array {
  return dump(nft.NFT_MSG_GETSETELEM, table.family)
    .string(nft.NFTA_SET_ELEM_LIST_TABLE, table.name)
    .string(nft.NFTA_SET_ELEM_LIST_SET, set)
    .finish();
}

/** Of one chain, or of all. */
export function listRules(table: TableRef, chain?: string): Uint8Array {
  const writer = dump(nft.NFT_MSG_GETRULE, table.family).string(nft.NFTA_RULE_TABLE, table.name);
  if (chain !== undefined) writer.string(nft.NFTA_RULE_CHAIN, chain);
  return writer.finish();
}

/** The number of the ruleset's state: every transaction makes a new one. */
export function getGeneration(): Uint8Array {
  return beginMessage(new MessageWriter(64), nft.NFT_MSG_GETGEN, NLM_F_REQUEST | NLM_F_ACK, 1, undefined).finish();
}

function dump(type: number, family: TableFamily | undefined): MessageWriter {
  return beginMessage(new MessageWriter(128), type, NLM_F_REQUEST | NLM_F_DUMP, 1, family);
}
