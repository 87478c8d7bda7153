import { Attributes } from "@ocicat/netlink";
import { NftError } from "../errors.ts";
import type { Chain } from "../ir/chain.ts";
import type { NamedSet } from "../ir/set.ts";
import { type TableRef, table, tableKey } from "../ir/table.ts";
import { errnoOf, type NftKernel } from "../kernel.ts";
import * as nft from "../netlink/constants.ts";
import { NFGENMSG_BYTES } from "../netlink/message.ts";
import type { ActualTable, RuleState } from "./actual.ts";
import { type ChainHead, decodeChain } from "./decode-chain.ts";
import { decodeRule, decodeRuleLabel, type ReadRule, type RuleLabel } from "./decode-rule.ts";
import { decodeElements, decodeSet, elementsOf, type SetHead } from "./decode-set.ts";
import { decodeTable, type TableHead } from "./decode-table.ts";
import { getGeneration, listChains, listElements, listRules, listSets, listTables } from "./request.ts";

type Query = NftKernel["nftQuery"];

/** How often reading starts again because somebody changed the ruleset meanwhile. */
const ATTEMPTS = 10;

/**
 * The named tables as they are now, all of one moment: those that exist. Throws NftError (NFT_READ_UNSTABLE) if others do
 * not stop changing the ruleset, and whatever `query` throws.
 */
export function readTables(query: Query, wanted: readonly TableRef[]): readonly ActualTable[] {
  const keys = new Set(wanted.map(tableKey));
  return consistently(query, () => readWhere(query, "named sets", (head) => keys.has(tableKey(head))));
}

/** Everybody's tables, with the sets that stand inside rules: to see what others' rules do to a packet. Throws as readTables. */
export function readAllTables(query: Query): readonly ActualTable[] {
  return consistently(query, () => readWhere(query, "all sets", () => true));
}

/** All tables there are, without what is in them. Throws whatever `query` throws. */
export function readTableHeads(query: Query): readonly TableHead[] {
  return query(listTables()).flatMap(({ payload }) => decodeTable(payload) ?? []);
}

/** Sets without a name go with the rule that holds them, and no rule of ours does. */
type Depth = "named sets" | "all sets";

function readWhere(query: Query, depth: Depth, wanted: (head: TableHead) => boolean): readonly ActualTable[] {
  const heads = readTableHeads(query).filter(wanted);
  const chains = new Map(
    [...new Set(heads.map((head) => head.family))].map((family) => [
      family,
      query(listChains(family)).map(({ payload }) => decodeChain(payload)),
    ]),
  );
  return heads.map((head) =>
    readTable(
      query,
      head,
      (chains.get(head.family) ?? []).filter((chain) => chain.table === head.name),
      depth,
    ),
  );
}

/** The rules of one chain by name: for the handles of those added since. One dump, which the kernel tells if it was disturbed. */
export function readRuleLabels(query: Query, at: TableRef, chain: string): readonly RuleLabel[] {
  return query(listRules(at, chain)).map(({ payload }) => decodeRuleLabel(payload));
}

function readTable(query: Query, head: TableHead, chainHeads: readonly ChainHead[], depth: Depth): ActualTable {
  const unknown: string[] = [];
  const rules = Map.groupBy(rulesOf(query, head), (read) => read.chain);
  const ruleStates = new Map<string, readonly RuleState[]>();
  const chains: Chain[] = [];
  for (const { name, make } of chainHeads) {
    const own = rules.get(name) ?? [];
    if (make === undefined) unknown.push(`chain ${name}`);
    else chains.push(make(own.map(({ rule }) => rule)));
    ruleStates.set(
      name,
      own.map(({ state }) => state),
    );
  }
  const sets: NamedSet[] = [];
  for (const { payload } of query(listSets(head))) {
    const setHead = decodeSet(payload);
    if (setHead.anonymous && depth === "named sets") continue;
    const set = readSet(query, head, setHead);
    if (set === undefined) unknown.push(`set ${setHead.name}`);
    else sets.push(set);
  }
  const { orphaned, owner } = head;
  return { table: table({ ...head, chains, sets }), orphaned, owner, ruleStates, unknown };
}

function readSet(query: Query, at: TableRef, { shape, origin }: SetHead): NamedSet | undefined {
  if (shape === undefined) return undefined;
  const raw = query(listElements(at, shape.name)).flatMap(({ payload }) => decodeElements(shape, payload));
  const elements = elementsOf(shape, raw);
  return elements && Object.freeze({ kind: "set", ...shape, origin, elements: Object.freeze(elements) });
}

function rulesOf(query: Query, at: TableRef): readonly ReadRule[] {
  return query(listRules(at)).map(({ payload }) => decodeRule(payload));
}

/** Between two dumps somebody may commit; then what was read is of no one moment. */
function consistently<T>(query: Query, read: () => T): T {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = generation(query);
    const result = attemptTo(read);
    if (result !== undefined && generation(query) === before) return result.value;
  }
  throw new NftError({
    code: "NFT_READ_UNSTABLE",
    what: `the ruleset changed during each of ${ATTEMPTS} readings`,
    fix: "find out who changes it all the time (nft monitor)",
    retryable: true,
  });
}

/** Undefined if what was being read vanished, or the kernel says that the dump was disturbed. */
function attemptTo<T>(read: () => T): { readonly value: T } | undefined {
  try {
    return { value: read() };
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "EINTR" || errno === "EAGAIN") return undefined;
    throw error;
  }
}

function generation(query: Query): number {
  const [answer] = query(getGeneration());
  const id = answer && new Attributes(answer.payload.subarray(NFGENMSG_BYTES)).u32be(nft.NFTA_GEN_ID);
  if (id === undefined) {
    throw new NftError({ code: "NFT_MALFORMED", what: "the kernel did not say the ruleset's generation" });
  }
  return id;
}
