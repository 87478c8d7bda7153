import { IPAM_PREFIX, type IpamKey, parseIpamKey } from "@ocicat/api/ipam";
import type { Datastore } from "@ocicat/datastore";
import { type JsonValue, parseJson, stringifyJson } from "@ocicat/kit";
import { formatAddress, type Prefix } from "@ocicat/net";
import { listAll } from "../client/search/list.ts";

/**
 * Every way in which stored IPAM can contradict itself. Written apart from the code it judges: it reads the JSON by
 * itself and knows neither codec nor block algebra nor client.
 */
export interface IpamProblem {
  readonly rule:
    | "unreadable"
    | "block-shape"
    | "address-lost"
    | "address-free-twice"
    | "address-free-and-held"
    | "attribute-missing"
    | "attribute-unused"
    | "sequence-ahead"
    | "blocks-overlap"
    | "block-orphaned"
    | "block-unnamed"
    | "affinity-half-done"
    | "affinity-stale"
    | "handle-missing"
    | "handle-count"
    | "handle-orphaned";
  readonly key: string;
  readonly what: string;
}

interface Row {
  readonly key: string;
  readonly value: string;
}

interface Block {
  readonly key: string;
  readonly prefix: Prefix;
  readonly affinity: string | null;
  /** By handle, how many addresses it holds here. */
  readonly holders: ReadonlyMap<string, number>;
  readonly used: number;
}

interface Found {
  readonly problems: IpamProblem[];
  readonly blocks: Map<string, Block>;
  /** By handle id: its key, and counts by CIDR. */
  readonly handles: Map<string, { readonly key: string; readonly counts: ReadonlyMap<string, number> }>;
  /** By `host:node1 10.0.0.0/26`: its key and state. */
  readonly affinities: Map<string, { readonly key: string; readonly state: string }>;
}

/** Reads all of IPAM at one revision and says what is wrong with it. Throws DatastoreError. */
export async function auditIpam(store: Datastore): Promise<readonly IpamProblem[]> {
  return auditRows(await listAll(store, IPAM_PREFIX));
}

/** What is wrong with all rows of IPAM, as they stood at one revision. */
export function auditRows(rows: readonly Row[]): readonly IpamProblem[] {
  const found: Found = { problems: [], blocks: new Map(), handles: new Map(), affinities: new Map() };
  for (const { key, value } of rows) {
    const parsed = parseIpamKey(key);
    if (parsed !== undefined) readRow(found, key, value, parsed);
  }
  checkOverlaps(found);
  checkAffinities(found);
  checkHandles(found);
  return found.problems;
}

function readRow(found: Found, key: string, text: string, parsed: IpamKey): void {
  try {
    const value = members(parseJson(text === "" ? "{}" : text));
    if (parsed.kind === "block") found.blocks.set(key, readBlock(found.problems, key, parsed.prefix, value));
    if (parsed.kind === "handle") {
      const counts = Object.entries(members(value.block ?? {})).map(([cidr, count]) => [cidr, Number(count)] as const);
      found.handles.set(parsed.id, { key, counts: new Map(counts) });
    }
    if (parsed.kind === "affinity") {
      const name = `${parsed.owner.type}:${parsed.owner.name} ${parsed.prefix}`;
      found.affinities.set(name, { key, state: typeof value.state === "string" ? value.state : "confirmed" });
    }
  } catch (error) {
    found.problems.push({ rule: "unreadable", key, what: String(error) });
  }
}

function readBlock(problems: IpamProblem[], key: string, prefix: Prefix, value: Members): Block {
  const tell = (rule: IpamProblem["rule"], what: string) => problems.push({ rule, key, what });
  const allocations = values(value.allocations);
  const free = values(value.unallocated);
  const attributes = values(value.attributes);
  if (BigInt(allocations.length) !== prefix.size) tell("block-shape", `${allocations.length} allocations`);
  if (value.cidr !== prefix.toString()) tell("block-shape", `its cidr is ${stringifyJson(value.cidr)}`);
  const sequence = integer(value.sequenceNumber);
  const sequences = members(value.sequenceNumberForAllocation ?? {});
  const timesFree = new Map<JsonValue, number>();
  for (const ordinal of free) timesFree.set(ordinal, (timesFree.get(ordinal) ?? 0) + 1);
  const holders = new Map<string, number>();
  const pointedAt = new Set<number>();
  let used = 0;
  for (const [ordinal, index] of allocations.entries()) {
    const address = formatAddress(prefix.nth(ordinal));
    const times = timesFree.get(ordinal) ?? 0;
    if (times > 1) tell("address-free-twice", address);
    if (index === null && times === 0) tell("address-lost", address);
    if (index === null) continue;
    used += 1;
    if (times > 0) tell("address-free-and-held", address);
    const attribute = attributes[Number(index)];
    if (attribute === undefined) {
      tell("attribute-missing", address);
      continue;
    }
    pointedAt.add(Number(index));
    const at = sequences[`${ordinal}`];
    if (at !== undefined && integer(at) >= sequence) tell("sequence-ahead", address);
    const handle = members(attribute).handle_id;
    if (typeof handle !== "string") continue;
    // Handles once came with a line's end, which is no part of them.
    const id = handle.replace(/\r.*$/s, "");
    // What Windows keeps of each block for itself has no handle.
    if (id.toLowerCase() === "windows-reserved-ipam-handle") continue;
    holders.set(id, (holders.get(id) ?? 0) + 1);
  }
  for (const index of attributes.keys()) if (!pointedAt.has(index)) tell("attribute-unused", `attribute ${index}`);
  return { key, prefix, affinity: affinityOf(value), holders, used };
}

/** Blocks of old say `hostAffinity`, a node's name. */
function affinityOf({ affinity, hostAffinity }: Members): string | null {
  if (typeof affinity === "string") return affinity;
  return typeof hostAffinity === "string" ? `host:${hostAffinity}` : null;
}

function checkOverlaps({ problems, blocks }: Found): void {
  const sorted = [...blocks.values()].sort((a, b) => (a.prefix.address < b.prefix.address ? -1 : 1));
  for (const [index, { prefix, key }] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next?.prefix.overlaps(prefix) === true)
      problems.push({ rule: "blocks-overlap", key, what: `with ${next.prefix}` });
  }
}

function checkAffinities({ problems, blocks, affinities }: Found): void {
  const byPrefix = new Map([...blocks.values()].map((block) => [block.prefix.toString(), block]));
  for (const [name, { key, state }] of affinities) {
    if (state !== "confirmed") problems.push({ rule: "affinity-half-done", key, what: state });
    const [owner, cidr = ""] = name.split(" ");
    const block = byPrefix.get(cidr);
    if (block?.affinity !== owner) {
      const what = block === undefined ? "there is no such block" : `the block is ${block.affinity ?? "nobody"}'s`;
      problems.push({ rule: "affinity-stale", key, what });
    }
  }
  for (const { key, prefix, affinity, used } of blocks.values()) {
    if (affinity === null && used === 0) problems.push({ rule: "block-orphaned", key, what: "empty and nobody's" });
    if (affinity !== null && !affinities.has(`${affinity} ${prefix}`)) {
      problems.push({ rule: "block-unnamed", key, what: `${affinity} has no affinity to it` });
    }
  }
}

function checkHandles({ problems, blocks, handles }: Found): void {
  const held = new Map<string, Map<string, number>>();
  for (const { key, prefix, holders } of blocks.values()) {
    for (const [handle, count] of holders) {
      const counts = held.get(handle) ?? new Map<string, number>();
      held.set(handle, counts.set(prefix.toString(), count));
      if (!handles.has(handle)) problems.push({ rule: "handle-missing", key, what: handle });
    }
  }
  for (const [id, { key, counts }] of handles) {
    const actual = held.get(id) ?? new Map<string, number>();
    if (actual.size === 0) problems.push({ rule: "handle-orphaned", key, what: "it holds nothing" });
    for (const cidr of new Set([...counts.keys(), ...actual.keys()])) {
      if ((counts.get(cidr) ?? 0) === (actual.get(cidr) ?? 0)) continue;
      const what = `it counts ${counts.get(cidr) ?? 0} in ${cidr}, which gives it ${actual.get(cidr) ?? 0}`;
      problems.push({ rule: "handle-count", key, what });
    }
  }
}

type Members = Readonly<Record<string, JsonValue>>;

function members(value: JsonValue | undefined): Members {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Members;
  throw new TypeError(`${stringifyJson(value)} is not an object`);
}

function integer(value: JsonValue | undefined): bigint {
  if (typeof value === "bigint" || typeof value === "number") return BigInt(value);
  throw new TypeError(`${stringifyJson(value)} is not an integer`);
}

function values(value: JsonValue | undefined): readonly JsonValue[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value as readonly JsonValue[];
  throw new TypeError("a list is not a list");
}
