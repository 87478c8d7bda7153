import { Attributes, type NetlinkMessage, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from "@ocicat/netlink";
import * as nft from "../netlink/constants.ts";
import { NFGENMSG_BYTES } from "../netlink/message.ts";
import { referencesOf, referencesOfRule, targetIn } from "./references.ts";
import { Refusal } from "./refusal.ts";
import {
  type FakeChain,
  type FakeRuleset,
  type FakeSet,
  type FakeTable,
  type Stored,
  tableId,
  withEntry,
} from "./state.ts";

/** A message of a transaction, taken apart. */
interface Change {
  readonly family: number;
  readonly flags: number;
  readonly attributes: Attributes;
  /** Netlink port of the socket it came by. */
  readonly port: number;
  /** Milliseconds of the fake's time. */
  readonly now: number;
}

const TABLE_FLAGS = nft.NFT_TABLE_F_DORMANT | nft.NFT_TABLE_F_OWNER | nft.NFT_TABLE_F_PERSIST;

/** One message, on the ruleset that those before it have made. Throws Refusal. */
export function applyMessage(ruleset: FakeRuleset, message: NetlinkMessage, port: number, now: number): FakeRuleset {
  const change: Change = {
    family: message.payload[0] ?? 0,
    flags: message.flags,
    attributes: new Attributes(message.payload.subarray(NFGENMSG_BYTES)),
    port,
    now,
  };
  const type = message.type & 0xff;
  if (message.type >> 8 !== nft.NFNL_SUBSYS_NFTABLES) throw new Refusal("EINVAL", "not a message of nftables");
  if (type === nft.NFT_MSG_NEWTABLE) return newTable(ruleset, change);
  if (type === nft.NFT_MSG_DELTABLE) return deleteTable(ruleset, change);
  const edit = TABLE_EDITS.get(type);
  if (edit === undefined) throw new Refusal("EINVAL", `message ${type} is not for transactions`);
  const table = ownTable(ruleset, change, change.attributes.string(NFTA_TABLE) ?? "");
  return withEntry(ruleset, tableId(table.family, table.name), edit(table, change));
}

/** Of chains, rules, sets and elements alike. */
const NFTA_TABLE = 1;

const TABLE_EDITS: ReadonlyMap<number, (table: FakeTable, change: Change) => FakeTable> = new Map([
  [nft.NFT_MSG_NEWCHAIN, newChain],
  [nft.NFT_MSG_DELCHAIN, deleteChain],
  [nft.NFT_MSG_NEWRULE, newRule],
  [nft.NFT_MSG_DELRULE, deleteRules],
  [nft.NFT_MSG_NEWSET, newSet],
  [nft.NFT_MSG_DELSET, deleteSet],
  [nft.NFT_MSG_NEWSETELEM, newElements],
  [nft.NFT_MSG_DELSETELEM, deleteElements],
]);

function newTable(ruleset: FakeRuleset, change: Change): FakeRuleset {
  const name = change.attributes.string(nft.NFTA_TABLE_NAME) ?? "";
  const flags = change.attributes.u32be(nft.NFTA_TABLE_FLAGS) ?? 0;
  if ((flags & ~TABLE_FLAGS) !== 0) throw new Refusal("EOPNOTSUPP", "unknown flags");
  const id = tableId(change.family, name);
  const owner = (flags & nft.NFT_TABLE_F_OWNER) === 0 ? undefined : change.port;
  if (!ruleset.has(id)) {
    const userdata = change.attributes.bytes(nft.NFTA_TABLE_USERDATA)?.slice();
    const empty = { chains: new Map(), sets: new Map(), nextHandle: 1n };
    return withEntry(ruleset, id, { family: change.family, name, flags, owner, userdata, ...empty });
  }
  const table = ownTable(ruleset, change, name);
  refuseExisting(change, `table ${name}`);
  if (flags === table.flags) return ruleset;
  const orphaned = table.owner === undefined && (table.flags & nft.NFT_TABLE_F_PERSIST) !== 0;
  const persistence = (flags ^ table.flags) & nft.NFT_TABLE_F_PERSIST;
  if (persistence !== 0 || (owner !== undefined && !orphaned) || (owner === undefined && table.owner !== undefined)) {
    throw new Refusal("EOPNOTSUPP", "a table's ownership changes only when it has lost its owner");
  }
  return withEntry(ruleset, id, { ...table, flags, owner });
}

function deleteTable(ruleset: FakeRuleset, change: Change): FakeRuleset {
  const table = ownTable(ruleset, change, change.attributes.string(nft.NFTA_TABLE_NAME) ?? "");
  return withEntry(ruleset, tableId(table.family, table.name), undefined);
}

function newChain(table: FakeTable, change: Change): FakeTable {
  const { attributes } = change;
  const name = attributes.string(nft.NFTA_CHAIN_NAME) ?? "";
  const present = table.chains.get(name);
  if (present === undefined) {
    const kept = keep(attributes, [
      nft.NFTA_CHAIN_NAME,
      nft.NFTA_CHAIN_HOOK,
      nft.NFTA_CHAIN_POLICY,
      nft.NFTA_CHAIN_TYPE,
      nft.NFTA_CHAIN_USERDATA,
    ]);
    return withChain(table, name, { attributes: kept, rules: [] });
  }
  refuseExisting(change, `chain ${name}`);
  if (attributes.has(nft.NFTA_CHAIN_HOOK)) throw new Refusal("EEXIST", `chain ${name} has another hook`);
  const policy = attributes.bytes(nft.NFTA_CHAIN_POLICY)?.slice();
  return withChain(table, name, {
    ...present,
    attributes: withEntry(present.attributes, nft.NFTA_CHAIN_POLICY, policy),
  });
}

function deleteChain(table: FakeTable, { attributes }: Change): FakeTable {
  const name = attributes.string(nft.NFTA_CHAIN_NAME) ?? "";
  chainOf(table, name);
  const without = withChain(table, name, undefined);
  if (referencesOf(without).chains.has(name)) throw new Refusal("EBUSY", `chain ${name} is gone to`);
  return without;
}

function newRule(table: FakeTable, { attributes, flags }: Change): FakeTable {
  const name = attributes.string(nft.NFTA_RULE_CHAIN) ?? "";
  const chain = chainOf(table, name);
  const { chains, sets } = referencesOfRule(attributes.bytes(nft.NFTA_RULE_EXPRESSIONS));
  for (const target of chains) chainOf(table, target);
  for (const set of sets) setOf(table, set);
  const rule = {
    handle: table.nextHandle,
    attributes: keep(attributes, [nft.NFTA_RULE_EXPRESSIONS, nft.NFTA_RULE_USERDATA]),
  };
  const rules = [...chain.rules];
  rules.splice(placeOf(rules, attributes.u64be(nft.NFTA_RULE_POSITION), (flags & NLM_F_APPEND) !== 0), 0, rule);
  return withChain({ ...table, nextHandle: table.nextHandle + 1n }, name, { ...chain, rules });
}

/** Behind the rule of that handle, or in front of it; without one, at the end or at the beginning. */
function placeOf(rules: FakeChain["rules"], position: bigint | undefined, append: boolean): number {
  if (position === undefined) return append ? rules.length : 0;
  const index = rules.findIndex(({ handle }) => handle === position);
  if (index < 0) throw new Refusal("ENOENT", `no rule has handle ${position}`);
  return append ? index + 1 : index;
}

function deleteRules(table: FakeTable, { attributes }: Change): FakeTable {
  const name = attributes.string(nft.NFTA_RULE_CHAIN) ?? "";
  const chain = chainOf(table, name);
  const handle = attributes.u64be(nft.NFTA_RULE_HANDLE);
  if (handle === undefined) return withChain(table, name, { ...chain, rules: [] });
  const rules = chain.rules.filter((rule) => rule.handle !== handle);
  if (rules.length === chain.rules.length) throw new Refusal("ENOENT", `no rule has handle ${handle}`);
  return withChain(table, name, { ...chain, rules });
}

function newSet(table: FakeTable, change: Change): FakeTable {
  const name = change.attributes.string(nft.NFTA_SET_NAME) ?? "";
  if (!change.attributes.has(nft.NFTA_SET_ID)) throw new Refusal("EINVAL", `set ${name} has no number`);
  if (table.sets.has(name)) {
    refuseExisting(change, `set ${name}`);
    return table;
  }
  const kept = keep(change.attributes, [
    nft.NFTA_SET_NAME,
    nft.NFTA_SET_FLAGS,
    nft.NFTA_SET_KEY_TYPE,
    nft.NFTA_SET_KEY_LEN,
    nft.NFTA_SET_DATA_TYPE,
    nft.NFTA_SET_DATA_LEN,
    nft.NFTA_SET_USERDATA,
  ]);
  return withSet(table, name, { attributes: kept, elements: new Map() });
}

function deleteSet(table: FakeTable, { attributes }: Change): FakeTable {
  const name = attributes.string(nft.NFTA_SET_NAME) ?? "";
  setOf(table, name);
  if (referencesOf(table).sets.has(name)) throw new Refusal("EBUSY", `set ${name} is looked up`);
  return withSet(table, name, undefined);
}

function newElements(table: FakeTable, change: Change): FakeTable {
  const name = change.attributes.string(nft.NFTA_SET_ELEM_LIST_SET) ?? "";
  const set = setOf(table, name);
  const elements = new Map(set.elements);
  for (const element of elementsIn(change.attributes)) {
    const target = targetIn(new Attributes(element).nested(nft.NFTA_SET_ELEM_DATA));
    if (target !== undefined) chainOf(table, target);
    const key = elementId(element);
    const present = elements.get(key);
    if (present !== undefined && ((change.flags & NLM_F_EXCL) !== 0 || !sameData(present.bytes, element))) {
      throw new Refusal("EEXIST", `set ${name} has another such element`);
    }
    const timeout = new Attributes(element).u64be(nft.NFTA_SET_ELEM_TIMEOUT);
    // One that is there begins its time anew, since Linux 6.12.
    if (present === undefined || timeout !== undefined) {
      const goesAt = timeout === undefined ? undefined : change.now + Number(timeout);
      elements.set(key, { bytes: element.slice(), goesAt });
    }
  }
  return withSet(table, name, { ...set, elements });
}

function deleteElements(table: FakeTable, { attributes }: Change): FakeTable {
  const name = attributes.string(nft.NFTA_SET_ELEM_LIST_SET) ?? "";
  const set = setOf(table, name);
  const elements = new Map(set.elements);
  for (const element of elementsIn(attributes)) {
    if (!elements.delete(elementId(element))) throw new Refusal("ENOENT", `set ${name} has no such element`);
  }
  return withSet(table, name, { ...set, elements });
}

/** The table, if this socket may change it. */
function ownTable(ruleset: FakeRuleset, { family, port }: Change, name: string): FakeTable {
  const table = ruleset.get(tableId(family, name));
  if (table === undefined) throw new Refusal("ENOENT", `there is no table ${name}`);
  if (table.owner !== undefined && table.owner !== port) throw new Refusal("EPERM", `table ${name} is another's`);
  return table;
}

function refuseExisting({ flags }: Change, what: string): void {
  const exclusive = NLM_F_CREATE | NLM_F_EXCL;
  if ((flags & exclusive) === exclusive) throw new Refusal("EEXIST", `${what} is there already`);
}

function chainOf(table: FakeTable, name: string): FakeChain {
  const chain = table.chains.get(name);
  if (chain === undefined) throw new Refusal("ENOENT", `there is no chain ${name}`);
  return chain;
}

function setOf(table: FakeTable, name: string): FakeSet {
  const set = table.sets.get(name);
  if (set === undefined) throw new Refusal("ENOENT", `there is no set ${name}`);
  return set;
}

function withChain(table: FakeTable, name: string, chain: FakeChain | undefined): FakeTable {
  return { ...table, chains: withEntry(table.chains, name, chain) };
}

function withSet(table: FakeTable, name: string, set: FakeSet | undefined): FakeTable {
  return { ...table, sets: withEntry(table.sets, name, set) };
}

function keep(attributes: Attributes, types: readonly number[]): Stored {
  return new Map(
    types.flatMap((type) => {
      const value = attributes.bytes(type);
      return value === undefined ? [] : [[type, value.slice()] as const];
    }),
  );
}

function elementsIn(attributes: Attributes): readonly Uint8Array[] {
  const list = attributes.nested(nft.NFTA_SET_ELEM_LIST_ELEMENTS);
  return (list?.each() ?? []).map(({ payload }) => payload);
}

function elementId(element: Uint8Array): string {
  const attributes = new Attributes(element);
  const key = attributes.nested(nft.NFTA_SET_ELEM_KEY)?.bytes(nft.NFTA_DATA_VALUE);
  const end = (attributes.u32be(nft.NFTA_SET_ELEM_FLAGS) ?? 0) & nft.NFT_SET_ELEM_INTERVAL_END;
  return `${String(key)} ${end}`;
}

function sameData(a: Uint8Array, b: Uint8Array): boolean {
  const data = (element: Uint8Array) => String(new Attributes(element).bytes(nft.NFTA_SET_ELEM_DATA));
  return data(a) === data(b);
}
