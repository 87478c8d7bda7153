import {
  type AffinityOwner,
  type AllocationBlock,
  type BlockAffinity,
  blocksPrefix,
  encodeAffinity,
  encodeBlock,
  encodeHandle,
  HANDLES_PREFIX,
  type IpamHandle,
  isOwnedBy,
} from "@ocicat/api/ipam";
import type { Revision } from "@ocicat/datastore";
import type { Family } from "@ocicat/net";
import { nextVersion } from "../block/index.ts";
import type { Rows, Written } from "./rows.ts";
import { Snapshot } from "./snapshot.ts";
import type { Seen } from "./table.ts";

/** One row to be written: what it must still be, and what it becomes. */
export type RowWrite = Written & {
  /** The revision it must be at; undefined: it must not exist. */
  readonly base: Revision | undefined;
  /** What is stored; undefined: it is deleted. */
  readonly text: string | undefined;
};

/**
 * Changes to rows that are not written yet, over the rows as last seen. Many requests draft on top of one another and
 * are committed together; each drafts in a layer of its own, which is dropped if it cannot be served.
 */
export class Draft {
  readonly rows: Rows;
  readonly #below: Draft | undefined;
  readonly #snapshot: Snapshot;
  readonly #blocks = new Map<string, AllocationBlock | undefined>();
  readonly #handles = new Map<string, IpamHandle | undefined>();
  readonly #affinities = new Map<string, BlockAffinity | undefined>();
  readonly #verified = new Set<string>();
  readonly #read = new Set<string>();
  readonly #reserved = new Set<string>();
  readonly #giving = new Set<string>();

  constructor(rows: Rows, below?: Draft) {
    this.rows = rows;
    this.#below = below;
    this.#snapshot = below === undefined ? new Snapshot(rows) : below.#snapshot;
  }

  get owner(): AffinityOwner {
    return this.rows.owner;
  }

  /** Whether the rows it looked at are still what is known of them. */
  get isCurrent(): boolean {
    return this.#snapshot.isCurrent;
  }

  layer(): Draft {
    return new Draft(this.rows, this);
  }

  /** Undefined: there is no such block. Throws IpamCorruptError, and Error if nobody has read the row. */
  block(key: string): AllocationBlock | undefined {
    this.#read.add(key);
    if (this.#blocks.has(key)) return this.#blocks.get(key);
    return this.#below === undefined ? presentValue(this.#snapshot.block(key)) : this.#below.block(key);
  }

  /** One that nobody has read is taken to be absent; see Snapshot. */
  handle(key: string): IpamHandle | undefined {
    this.#read.add(key);
    if (this.#handles.has(key)) return this.#handles.get(key);
    return this.#below === undefined ? presentValue(this.#snapshot.handle(key)) : this.#below.handle(key);
  }

  affinity(key: string): BlockAffinity | undefined {
    this.#read.add(key);
    if (this.#affinities.has(key)) return this.#affinities.get(key);
    return this.#below === undefined ? presentValue(this.#snapshot.affinity(key)) : this.#below.affinity(key);
  }

  setBlock(key: string, block: AllocationBlock | undefined): void {
    this.#snapshot.block(key);
    this.#blocks.set(key, block);
  }

  setHandle(key: string, handle: IpamHandle | undefined): void {
    this.#snapshot.handle(key);
    this.#handles.set(key, handle);
    this.#reserved.add(key);
  }

  setAffinity(key: string, affinity: BlockAffinity | undefined): void {
    this.#snapshot.affinity(key);
    this.#affinities.set(key, affinity);
  }

  /** Says that blocks of this draft give a handle addresses: it is written before them in any case. */
  give(handleKey: string): void {
    this.#giving.add(handleKey);
  }

  /** Writes the block as it is: whoever planned a change of it on an older revision will be refused. */
  fence(key: string): void {
    if (!this.changesBlock(key)) this.#blocks.set(key, this.block(key));
  }

  /** The keys this layer has looked at: what a refusal of its plan rests on. */
  get read(): ReadonlySet<string> {
    return this.#read;
  }

  /** The keys that a commit of it compares or writes. Of the lowest layer only. */
  get keys(): readonly string[] {
    return [...this.#affinities.keys(), ...this.#handles.keys(), ...this.#blocks.keys(), ...this.#verified];
  }

  /** Compares the row at the commit, although it is not written. */
  verify(key: string): void {
    this.#seen(key);
    this.#verified.add(key);
  }

  /** Keeps other requests of the same commit away from a key: a handle, or a key of the caller's own. */
  reserve(key: string): void {
    this.#reserved.add(key);
  }

  changesBlock(key: string): boolean {
    return this.#blocks.has(key) || this.#below?.changesBlock(key) === true;
  }

  /** The keys of the blocks that will be this node's, those it has first. */
  affine(family: Family): readonly string[] {
    return this.#owned(this.rows.affine(family), family);
  }

  /** The keys of those of them that may have room. */
  affineWithRoom(family: Family): readonly string[] {
    return this.#owned(this.rows.affineWithRoom(family), family);
  }

  /** The keys of those of them in which a handle may hold addresses. */
  affineHolding(handleId: string): readonly string[] {
    return this.#owned(this.rows.affineHolding(handleId));
  }

  /** True if this layer touches a key that one below keeps for itself. */
  get collides(): boolean {
    const below = this.#below;
    return below !== undefined && [...this.#reserved].some((key) => below.#isReserved(key));
  }

  /** Makes this layer part of the one below. */
  merge(): void {
    const below = this.#below;
    if (below === undefined) throw new Error("the lowest layer of a draft has nothing to merge into");
    for (const [key, block] of this.#blocks) below.#blocks.set(key, block);
    for (const [key, handle] of this.#handles) below.#handles.set(key, handle);
    for (const [key, affinity] of this.#affinities) below.#affinities.set(key, affinity);
    for (const key of this.#verified) below.#verified.add(key);
    for (const key of this.#reserved) below.#reserved.add(key);
    for (const key of this.#giving) below.#giving.add(key);
  }

  /** How many compares or operations of a transaction it will take, whichever is more. */
  get size(): number {
    const own = this.#blocks.size + this.#handles.size + this.#affinities.size + this.#verified.size;
    return own + (this.#below?.size ?? 0);
  }

  /** Everything to be written, each with its sequence number moved on. Of the lowest layer only. */
  writes(): readonly RowWrite[] {
    const writes: RowWrite[] = [];
    for (const [key, affinity] of this.#affinities) {
      const base = baseOf(this.#snapshot.affinity(key));
      if (affinity === undefined && base === undefined) continue;
      const text = affinity === undefined ? undefined : encodeAffinity(affinity);
      writes.push({ kind: "affinity", key, value: affinity, base, text });
    }
    for (const [key, handle] of this.#handles) {
      const base = baseOf(this.#snapshot.handle(key));
      if (handle === undefined && base === undefined) continue;
      writes.push({ kind: "handle", key, value: handle, base, text: handle && encodeHandle(handle) });
    }
    for (const [key, block] of this.#blocks) {
      const base = baseOf(this.#snapshot.block(key));
      if (block === undefined && base === undefined) continue;
      // A new block that nobody allocated from yet is written as it was made.
      const isNew = base === undefined && block?.attributes === null;
      const value = block === undefined || isNew ? block : nextVersion(block);
      writes.push({ kind: "block", key, value, base, text: value && encodeBlock(value) });
    }
    return writes;
  }

  isGiving(handleKey: string): boolean {
    return this.#giving.has(handleKey);
  }

  /**
   * Rows to be compared and not written, with the revision they must be at (undefined: they must not exist). What is to
   * be deleted and does not exist is one of them: it might by now.
   */
  verifications(): readonly { readonly key: string; readonly base: Revision | undefined }[] {
    const changed = [...this.#affinities, ...this.#handles, ...this.#blocks];
    const written = new Set<string>();
    const absent: string[] = [];
    for (const [key, value] of changed) {
      if (value === undefined && baseOf(this.#seen(key)) === undefined) absent.push(key);
      else written.add(key);
    }
    const compared = new Set([...this.#verified, ...absent]);
    return [...compared].filter((key) => !written.has(key)).map((key) => ({ key, base: baseOf(this.#seen(key)) }));
  }

  #seen(key: string): Seen<unknown> {
    if (key.startsWith(HANDLES_PREFIX)) return this.#snapshot.handle(key);
    return key.startsWith(blocksPrefix()) ? this.#snapshot.block(key) : this.#snapshot.affinity(key);
  }

  #isReserved(key: string): boolean {
    const below = this.#below;
    if (below === undefined || this.#reserved.has(key)) return this.#reserved.has(key);
    return below.#isReserved(key);
  }

  *#changedBlocks(): Iterable<string> {
    if (this.#below !== undefined) yield* this.#below.#changedBlocks();
    yield* this.#blocks.keys();
  }

  /** What of `known`, and of the blocks changed here, is this node's. */
  #owned(known: Iterable<string>, family?: Family): readonly string[] {
    const keys = new Set(known);
    for (const key of this.#changedBlocks())
      if (family === undefined || this.#blockFamily(key) === family) keys.add(key);
    return [...keys].filter((key) => {
      const block = this.block(key);
      return block !== undefined && isOwnedBy(block, this.rows.owner);
    });
  }

  #blockFamily(key: string): Family | undefined {
    return this.block(key)?.prefix.family;
  }
}

function presentValue<T>(seen: Seen<T>): T | undefined {
  if (seen.state === "corrupt") throw seen.error;
  return seen.state === "present" ? seen.value : undefined;
}

function baseOf(seen: Seen<unknown>): Revision | undefined {
  return seen.state === "absent" ? undefined : seen.revision;
}
