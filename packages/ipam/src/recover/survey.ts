import {
  type AffinityOwner,
  type AllocationBlock,
  blocksPrefix,
  decodeBlock,
  decodeHandle,
  formatOwner,
  HANDLES_PREFIX,
  handleKey,
  IpamCorruptError,
  type IpamHandle,
} from "@ocicat/api/ipam";
import type { Datastore, KeyValue } from "@ocicat/datastore";
import { attributeOf, ordinalsOf } from "../block/index.ts";
import { blockKeyOfCidr } from "../client/plan/handle.ts";
import type { Rows } from "../client/rows.ts";
import { listPages } from "../client/search/list.ts";
import { isFor } from "./whose.ts";

/** What of the store concerns one node. */
export interface Survey {
  /** The blocks that are the node's, or nobody's, or hold addresses for the node, by key. */
  readonly blocks: ReadonlyMap<string, AllocationBlock>;
  /** The keys of all blocks there are. */
  readonly existing: ReadonlySet<string>;
  /** The handles that hold addresses for the node, with the keys of the blocks these are in. */
  readonly holders: ReadonlyMap<string, readonly string[]>;
  readonly unreadable: readonly IpamCorruptError[];
}

/** Lists all blocks. Only those that mention the node are decoded: there may be ten thousand others. Fills `rows` with the node's own. */
export async function surveyBlocks(store: Datastore, rows: Rows): Promise<Survey> {
  const { owner } = rows;
  const blocks = new Map<string, AllocationBlock>();
  const existing = new Set<string>();
  const unreadable: IpamCorruptError[] = [];
  const ownMark = JSON.stringify(formatOwner(owner));
  const marks = [ownMark, JSON.stringify(owner.name), '"affinity":null'];
  for await (const row of listPages(store, blocksPrefix())) {
    existing.add(row.key);
    if (!marks.some((mark) => row.value.includes(mark))) continue;
    const block = tryDecode(() => decodeBlock(row.key, row.value), unreadable);
    if (block !== undefined) blocks.set(row.key, block);
    if (row.value.includes(ownMark)) rows.learn(row.key, row);
  }
  return { blocks, existing, holders: findHolders(blocks, owner), unreadable };
}

/** The handles that do not count what the blocks of the survey say, of those given or (undefined) of all there are. */
export async function findMiscounted(store: Datastore, survey: Survey, ids?: Iterable<string>): Promise<Set<string>> {
  const suspects = new Set<string>();
  const seen = new Set<string>();
  const rows = ids === undefined ? listPages(store, HANDLES_PREFIX) : getAll(store, [...ids].map(handleKey));
  for await (const row of rows) {
    const id = row.key.slice(HANDLES_PREFIX.length);
    seen.add(id);
    const handle = tryDecode(() => decodeHandle(row.key, row.value), []);
    if (handle !== undefined && isMiscounted(survey, id, handle)) suspects.add(id);
  }
  for (const id of survey.holders.keys()) if (!seen.has(id)) suspects.add(id);
  return suspects;
}

function isMiscounted(survey: Survey, id: string, handle: IpamHandle): boolean {
  const actual = new Set(survey.holders.get(id));
  for (const [cidr, count] of handle.blocks) {
    const key = blockKeyOfCidr(cidr);
    const block = survey.blocks.get(key);
    // A block that does not concern this node is its own node's to judge.
    if (!survey.existing.has(key)) return true;
    if (block !== undefined && ordinalsOf(block, id).length !== count) return true;
    actual.delete(key);
  }
  return actual.size > 0 || handle.blocks.size === 0;
}

function findHolders(
  blocks: ReadonlyMap<string, AllocationBlock>,
  owner: AffinityOwner,
): ReadonlyMap<string, readonly string[]> {
  const holders = new Map<string, Set<string>>();
  for (const [key, block] of blocks) {
    for (const ordinal of block.allocations.keys()) {
      const attribute = attributeOf(block, ordinal);
      if (attribute?.handleId === undefined || !isFor(owner, block, attribute)) continue;
      holders.set(attribute.handleId, (holders.get(attribute.handleId) ?? new Set()).add(key));
    }
  }
  return new Map([...holders].map(([id, keys]) => [id, [...keys]]));
}

async function* getAll(store: Datastore, keys: readonly string[]): AsyncIterable<KeyValue> {
  const AT_ONCE = 32;
  for (let index = 0; index < keys.length; index += AT_ONCE) {
    const rows = await Promise.all(keys.slice(index, index + AT_ONCE).map((key) => store.get(key)));
    yield* rows.filter((row) => row !== undefined);
  }
}

function tryDecode<T>(decode: () => T, unreadable: IpamCorruptError[]): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof IpamCorruptError)) throw error;
    unreadable.push(error);
    return undefined;
  }
}
