import {
  type AllocationBlock,
  affinityKey,
  blockKey,
  blockOwner,
  decodeAffinity,
  decodeBlock,
  decodeHandle,
  encodeAffinity,
  encodeBlock,
  encodeHandle,
  handleKey,
  isOwnedBy,
  newAffinity,
  newHandle,
} from "@ocicat/api/ipam";
import type { Compare, KeyValue, Operation, Transaction } from "@ocicat/datastore";
import { clearAffinity, isEmpty, nextVersion, ordinalsOf, reclaimCooled, release, rfc3339 } from "@ocicat/ipam";
import { nodeKey } from "./state.ts";
import type { Action } from "./verdict.ts";

/** What of the settings matters to a release. */
export interface BatchContext {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** How long a released address rests, in seconds. */
  readonly cooldownSeconds: number;
}

type Release = Extract<Action, { do: "release" }>;
type Recount = Extract<Action, { do: "recount" }>;
type Align = Extract<Action, { do: "align" }>;
type GiveUp = Extract<Action, { do: "give-up" }>;
type Delete = Extract<Action, { do: "delete" }>;

/** The rows an action reads before it is planned: those it changes. What is only deleted is compared by its revision. */
export function rowsOf(action: Action): readonly string[] {
  switch (action.do) {
    case "release":
      return [
        ...(action.handleStays ? [handleKey(action.handleId)] : []),
        ...new Set(action.allocations.map(({ block }) => block.key)),
      ];
    case "recount":
      return [handleKey(action.handleId), ...action.blocks];
    case "align":
      return [blockKey(action.prefix), ...action.affinities.map(({ key }) => key)];
    case "give-up":
      return [blockKey(action.prefix), ...action.affinities.map(({ key }) => key)];
    case "delete":
      return [];
  }
}

/** A row is not what the verdict rests on any more: it is judged again when the watch tells of it. */
class Changed extends Error {}

/**
 * Actions drafted over one another into one transaction. It compares every row that a verdict rests on with what it was:
 * what was written since is refused by the store, whoever wrote it and however late this arrives.
 */
export class Batch {
  readonly #rows: ReadonlyMap<string, KeyValue | undefined>;
  readonly #context: BatchContext;
  readonly #compares = new Map<string, Compare>();
  readonly #operations = new Map<string, Operation>();
  /** Blocks as this batch leaves them; undefined: deleted. */
  #blocks = new Map<string, AllocationBlock | undefined>();

  /** `rows`: as just read, and as a refused commit brought them. */
  constructor(rows: ReadonlyMap<string, KeyValue | undefined>, context: BatchContext) {
    this.#rows = rows;
    this.#context = context;
  }

  /** False: the action does not hold any more, or not beside the others, and is not part of the batch. Throws IpamCorruptError. */
  add(action: Action): boolean {
    const draft = new Draft(this.#rows, this.#blocks, this.#context);
    try {
      draft.plan(action);
    } catch (error) {
      if (error instanceof Changed) return false;
      throw error;
    }
    if (this.#clashes(draft)) return false;
    this.#blocks = draft.blocks;
    for (const compare of draft.compares) this.#compares.set(compare.key, compare);
    for (const operation of draft.operations) {
      this.#operations.set("put" in operation ? operation.put : operation.delete, operation);
    }
    return true;
  }

  /**
   * True if one of them rests on a row that the other writes: the store compares all before it writes any, so that each
   * would seem right. Blocks are drafted over one another, and are no clash.
   */
  #clashes({ compares, operations, blocks }: Draft): boolean {
    const keys = operations.map((operation) => ("put" in operation ? operation.put : operation.delete));
    const isClash = (key: string, others: ReadonlyMap<string, unknown>) => !blocks.has(key) && others.has(key);
    return (
      compares.some(({ key }) => isClash(key, this.#operations)) || keys.some((key) => isClash(key, this.#compares))
    );
  }

  /** In the order in which a store without transactions takes them: endpoints, blocks, then what counts and names those. */
  transaction(): Transaction {
    return { compares: [...this.#compares.values()], operations: [...this.#operations.values()] };
  }
}

class Draft {
  readonly blocks: Map<string, AllocationBlock | undefined>;
  readonly compares: Compare[] = [];
  readonly operations: Operation[] = [];
  readonly #rows: ReadonlyMap<string, KeyValue | undefined>;
  readonly #context: BatchContext;

  constructor(
    rows: ReadonlyMap<string, KeyValue | undefined>,
    blocks: ReadonlyMap<string, AllocationBlock | undefined>,
    context: BatchContext,
  ) {
    this.#rows = rows;
    this.#context = context;
    this.blocks = new Map(blocks);
  }

  plan(action: Action): void {
    switch (action.do) {
      case "release":
        this.#release(action);
        break;
      case "recount":
        this.#recount(action);
        break;
      case "align":
        this.#align(action);
        break;
      case "give-up":
        this.#giveUp(action);
        break;
      case "delete":
        this.#delete(action);
        break;
    }
  }

  #release({ handleId, handleRevision, handleStays, allocations, endpoints, goneNodes }: Release): void {
    const key = handleKey(handleId);
    const stored = this.#expect(key, handleRevision);
    for (const endpoint of endpoints) {
      this.#expect(endpoint.key, endpoint.revision);
      this.operations.push({ delete: endpoint.key });
    }
    this.#expectNone(goneNodes);
    const counts = new Map(stored === undefined || !handleStays ? [] : decodeHandle(key, stored.value).blocks);
    for (const [blockKeyText, held] of Map.groupBy(allocations, ({ block }) => block.key)) {
      const block = this.#block(blockKeyText);
      if (block === undefined) throw new Changed();
      const targets = held.map(({ address, sequence }) => ({
        ordinal: Number(block.prefix.ordinalOf(address)),
        handleId,
        sequence,
      }));
      const { now, cooldownSeconds } = this.#context;
      const outcome = release(block, targets, cooldownSeconds > 0 ? rfc3339(now) : undefined);
      if (outcome.kind !== "released") throw new Changed();
      counts.delete(`${block.prefix}`);
      if (outcome.released.length > 0) this.#setBlock(blockKeyText, outcome.block);
    }
    if (counts.size > 0) this.#setHandle(key, stored, counts);
    else if (handleRevision !== undefined) this.operations.push({ delete: key });
  }

  /**
   * Blocks that give less than the handle counts are written anew: a writer that counted first and stands before its write
   * of the block, as those without transactions do, is refused then.
   */
  #recount({ handleId, handleRevision, blocks }: Recount): void {
    const key = handleKey(handleId);
    const stored = this.#expect(key, handleRevision);
    const before = stored === undefined ? new Map<string, number>() : decodeHandle(key, stored.value).blocks;
    const counts = new Map<string, number>();
    for (const blockKeyText of blocks) {
      const block = this.#block(blockKeyText);
      if (block === undefined) continue;
      const cidr = `${block.prefix}`;
      const count = ordinalsOf(block, handleId).length;
      if (count > 0) counts.set(cidr, count);
      if (count < (before.get(cidr) ?? 0)) this.#setBlock(blockKeyText, block);
    }
    this.#setHandle(key, stored, counts);
  }

  #align({ prefix, affinities }: Align): void {
    const block = this.#block(blockKey(prefix));
    const owned = affinities.filter(({ owner }) => block !== undefined && isOwnedBy(block, owner));
    for (const { key, revision, owner } of affinities) {
      const stored = this.#expect(key, revision);
      if (stored === undefined) throw new Changed();
      const affinity = decodeAffinity(key, stored.value);
      if (block === undefined || !isOwnedBy(block, owner)) this.operations.push({ delete: key });
      else if (affinity.state !== "confirmed") {
        this.operations.push({ put: key, value: encodeAffinity({ ...affinity, state: "confirmed" }) });
      }
    }
    const owner = block && blockOwner(block);
    if (owner === undefined || owned.length > 0) return;
    const key = affinityKey(owner, prefix);
    this.#expect(key, undefined);
    this.operations.push({ put: key, value: encodeAffinity(newAffinity("confirmed")) });
  }

  #giveUp({ prefix, owner, onlyUnused, sequence, affinities, keeps, goneNodes }: GiveUp): void {
    const key = blockKey(prefix);
    const block = this.#block(key);
    if (block === undefined) throw new Changed();
    const isStill = owner === undefined ? block.affinity === null : isOwnedBy(block, owner);
    const isSame = sequence === undefined || block.sequenceNumber === sequence;
    if (!isStill || !isSame || (onlyUnused && !isEmpty(block))) throw new Changed();
    this.#expectNone(goneNodes);
    if (keeps !== undefined) this.#expect(keeps.key, keeps.revision);
    this.#setBlock(key, isEmpty(block) ? undefined : clearAffinity(block));
    for (const affinity of affinities) {
      this.#expect(affinity.key, affinity.revision);
      this.operations.push({ delete: affinity.key });
    }
  }

  #delete({ key, revision, goneNodes }: Delete): void {
    this.#expect(key, revision);
    this.#expectNone(goneNodes);
    this.operations.push({ delete: key });
  }

  /** The row, which must be at this revision, or not exist. Where it has not been read, the store will compare it. */
  #expect(key: string, revision: bigint | undefined): KeyValue | undefined {
    const row = this.#rows.get(key);
    if (this.#rows.has(key) && row?.modRevision !== revision) throw new Changed();
    this.compares.push(revision === undefined ? { key, exists: false } : { key, modRevision: revision });
    return row;
  }

  #expectNone(nodes: readonly string[]): void {
    for (const node of nodes) this.#expect(nodeKey(node), undefined);
  }

  /** The block as read, or as this batch leaves it, with what has rested free again. */
  #block(key: string): AllocationBlock | undefined {
    const row = this.#rows.get(key);
    this.compares.push(row === undefined ? { key, exists: false } : { key, modRevision: row.modRevision });
    if (this.blocks.has(key)) return this.blocks.get(key);
    if (row === undefined) return undefined;
    return reclaimCooled(decodeBlock(key, row.value), this.#context.now, this.#context.cooldownSeconds);
  }

  /** A block that is nobody's and empty is not kept. */
  #setBlock(key: string, block: AllocationBlock | undefined): void {
    const left = block === undefined || (block.affinity === null && isEmpty(block)) ? undefined : block;
    this.blocks.set(key, left);
    this.operations.push(left === undefined ? { delete: key } : { put: key, value: encodeBlock(nextVersion(left)) });
  }

  #setHandle(key: string, stored: KeyValue | undefined, counts: ReadonlyMap<string, number>): void {
    if (counts.size === 0) {
      if (stored !== undefined) this.operations.push({ delete: key });
      return;
    }
    const handle = stored === undefined ? newHandle(counts) : { ...decodeHandle(key, stored.value), blocks: counts };
    this.operations.push({ put: key, value: encodeHandle(handle) });
  }
}
