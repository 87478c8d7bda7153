import { Attributes, AttributeWriter, type NetlinkMessage } from "@ocicat/netlink";
import * as nft from "../netlink/constants.ts";
import { ANY_FAMILY, NFGENMSG_BYTES } from "../netlink/message.ts";
import { Refusal } from "./refusal.ts";
import { type FakeRuleset, type FakeTable, type Stored, tableId } from "./state.ts";

/** A message of an answer. */
export interface Answer {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** As many elements a message as the kernel fits into one. */
const ELEMENTS_A_MESSAGE = 100;

/** What a request is answered with. Throws Refusal. */
export function answer(ruleset: FakeRuleset, generation: number, request: NetlinkMessage): readonly Answer[] {
  const family = request.payload[0] ?? ANY_FAMILY;
  const attributes = new Attributes(request.payload.subarray(NFGENMSG_BYTES));
  const tables = [...ruleset.values()].filter((table) => family === ANY_FAMILY || table.family === family);
  switch (request.type & 0xff) {
    case nft.NFT_MSG_GETGEN:
      return [message(nft.NFT_MSG_NEWGEN, ANY_FAMILY, (out) => out.u32be(nft.NFTA_GEN_ID, generation))];
    case nft.NFT_MSG_GETTABLE:
      return tables.map(tableMessage);
    case nft.NFT_MSG_GETCHAIN:
      return tables.flatMap(chainMessages);
    case nft.NFT_MSG_GETRULE:
      return tables
        .filter(({ name }) => name === attributes.string(nft.NFTA_RULE_TABLE))
        .flatMap((table) => ruleMessages(table, attributes.string(nft.NFTA_RULE_CHAIN)));
    case nft.NFT_MSG_GETSET:
      return tables.filter(({ name }) => name === attributes.string(nft.NFTA_SET_TABLE)).flatMap(setMessages);
    case nft.NFT_MSG_GETSETELEM: {
      const table = ruleset.get(tableId(family, attributes.string(nft.NFTA_SET_ELEM_LIST_TABLE) ?? ""));
      return elementMessages(table, attributes.string(nft.NFTA_SET_ELEM_LIST_SET) ?? "");
    }
    default:
      throw new Refusal("EINVAL", `nothing is known of message ${request.type}`);
  }
}

function tableMessage(table: FakeTable): Answer {
  return message(nft.NFT_MSG_NEWTABLE, table.family, (out) => {
    out.string(nft.NFTA_TABLE_NAME, table.name).u32be(nft.NFTA_TABLE_FLAGS, table.flags);
    if (table.owner !== undefined) out.u32be(nft.NFTA_TABLE_OWNER, table.owner);
    if (table.userdata !== undefined) out.bytes(nft.NFTA_TABLE_USERDATA, table.userdata);
  });
}

function chainMessages(table: FakeTable): readonly Answer[] {
  return [...table.chains.values()].map((chain) =>
    message(nft.NFT_MSG_NEWCHAIN, table.family, (out) => {
      out.string(nft.NFTA_CHAIN_TABLE, table.name);
      writeStored(out, chain.attributes);
    }),
  );
}

function ruleMessages(table: FakeTable, only: string | undefined): readonly Answer[] {
  return [...table.chains]
    .filter(([name]) => only === undefined || name === only)
    .flatMap(([name, chain]) =>
      chain.rules.map(({ handle, attributes }) =>
        message(nft.NFT_MSG_NEWRULE, table.family, (out) => {
          out
            .string(nft.NFTA_RULE_TABLE, table.name)
            .string(nft.NFTA_RULE_CHAIN, name)
            .u64be(nft.NFTA_RULE_HANDLE, handle);
          writeStored(out, attributes);
        }),
      ),
    );
}

function setMessages(table: FakeTable): readonly Answer[] {
  return [...table.sets.values()].map((set) =>
    message(nft.NFT_MSG_NEWSET, table.family, (out) => {
      out.string(nft.NFTA_SET_TABLE, table.name);
      writeStored(out, set.attributes);
    }),
  );
}

function elementMessages(table: FakeTable | undefined, name: string): readonly Answer[] {
  const set = table?.sets.get(name);
  if (table === undefined || set === undefined) throw new Refusal("ENOENT", `there is no set ${name}`);
  const elements = [...set.elements.values()];
  const messages: Answer[] = [];
  for (let at = 0; at < elements.length; at += ELEMENTS_A_MESSAGE) {
    messages.push(
      message(nft.NFT_MSG_NEWSETELEM, table.family, (out) => {
        out.string(nft.NFTA_SET_ELEM_LIST_TABLE, table.name).string(nft.NFTA_SET_ELEM_LIST_SET, name);
        out.nested(nft.NFTA_SET_ELEM_LIST_ELEMENTS, (list) => {
          for (const element of elements.slice(at, at + ELEMENTS_A_MESSAGE))
            list.bytes(nft.NFTA_LIST_ELEM, element.bytes);
        });
      }),
    );
  }
  return messages;
}

function message(type: number, family: number, build: (out: AttributeWriter) => void): Answer {
  const out = new AttributeWriter();
  out.raw(Uint8Array.of(family, 0, 0, 0));
  build(out);
  return { type: (nft.NFNL_SUBSYS_NFTABLES << 8) | type, payload: out.finish() };
}

function writeStored(out: AttributeWriter, stored: Stored): void {
  for (const [type, value] of stored) out.bytes(type, value);
}
