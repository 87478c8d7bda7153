import {
  type AffinityOwner,
  type AllocationBlock,
  affinitiesPrefix,
  type BlockAffinity,
  blocksPrefix,
  decodeAffinity,
  decodeBlock,
  decodeHandle,
  HANDLES_PREFIX,
  type IpamHandle,
  isOwnedBy,
} from "@ocicat/api/ipam";
import type { KeyValue, Revision } from "@ocicat/datastore";
import type { Address, Family } from "@ocicat/net";
import { OwnBlocks } from "./own-blocks.ts";
import { type Seen, Table } from "./table.ts";

/** Rows that are not this node's own are kept while there are few: they are only a cache. */
const MAX_FOREIGN_BLOCKS = 256;
const MAX_HANDLES = 8192;

const BLOCKS_PREFIX = blocksPrefix();
const ABSENT = { state: "absent" } as const;

/** A row that was written: what it is now, undefined if it was deleted. */
export type Written =
  | { readonly kind: "block"; readonly key: string; readonly value: AllocationBlock | undefined }
  | { readonly kind: "handle"; readonly key: string; readonly value: IpamHandle | undefined }
  | { readonly kind: "affinity"; readonly key: string; readonly value: BlockAffinity | undefined };

/**
 * All this client remembers of the store, and which blocks its node owns. Nothing here is trusted: a plan made from it
 * compares revisions when it is committed, and a refusal brings the rows as they are.
 */
export class Rows {
  readonly owner: AffinityOwner;
  readonly #blocks = new Table<AllocationBlock>(decodeBlock);
  readonly #handles = new Table<IpamHandle>(decodeHandle);
  readonly #affinities = new Table<BlockAffinity>(decodeAffinity);
  readonly #own = new OwnBlocks();
  readonly #loaded = new Set<Family>();
  readonly #listed = new Set<Family>();

  constructor(owner: AffinityOwner) {
    this.owner = owner;
  }

  block(key: string): Seen<AllocationBlock> | undefined {
    return this.#blocks.seen(key);
  }

  handle(key: string): Seen<IpamHandle> | undefined {
    return this.#handles.seen(key);
  }

  /** Once the node's own affinities of a family are loaded, those not among them are known to be absent. */
  affinity(key: string): Seen<BlockAffinity> | undefined {
    const seen = this.#affinities.seen(key);
    if (seen !== undefined) return seen;
    for (const family of this.#loaded) if (key.startsWith(affinitiesPrefix(this.owner, family))) return ABSENT;
    return undefined;
  }

  /** The keys of the node's own affinities that are known to exist. */
  ownAffinities(family: Family): readonly string[] {
    const prefix = affinitiesPrefix(this.owner, family);
    return [...this.#affinities.keys()].filter(
      (key) => key.startsWith(prefix) && this.#affinities.seen(key)?.state !== "absent",
    );
  }

  /** The keys of the blocks that say they are this node's, in key order: the order Calico tries them in. */
  affine(family: Family): readonly string[] {
    return this.#own.all(family);
  }

  /** Those of them with room. */
  affineWithRoom(family: Family): readonly string[] {
    return this.#own.withRoom(family);
  }

  /** Those of them in which a handle holds addresses. */
  affineHolding(handleId: string): Iterable<string> {
    return this.#own.holding(handleId);
  }

  isLoaded(family: Family): boolean {
    return this.#loaded.has(family);
  }

  /** Says that every affinity of the node's has been learnt. */
  markLoaded(family: Family): void {
    this.#loaded.add(family);
  }

  /** True while every block of the family is known: between a list of them and the end of the batch. */
  isListed(family: Family): boolean {
    return this.#listed.has(family);
  }

  markListed(family: Family): void {
    this.#listed.add(family);
  }

  /** The key of the known block that holds an address. */
  blockAround(address: Address): string | undefined {
    for (const key of this.#blocks.keys()) {
      const seen = this.#blocks.seen(key);
      if (seen?.state === "present" && seen.value.prefix.has(address)) return key;
    }
    return undefined;
  }

  /** Takes a row as the store has it; undefined: it does not exist. */
  learn(key: string, row: KeyValue | undefined): void {
    if (key.startsWith(BLOCKS_PREFIX)) this.#noteOwner(key, this.#blocks.learn(key, row));
    else if (key.startsWith(HANDLES_PREFIX)) this.#handles.learn(key, row);
    else this.#affinities.learn(key, row);
  }

  /** Takes a row as this client has just written it. */
  wrote(written: Written, revision: Revision): void {
    switch (written.kind) {
      case "block":
        this.#noteOwner(written.key, this.#blocks.wrote(written.key, written.value, revision));
        break;
      case "handle":
        this.#handles.wrote(written.key, written.value, revision);
        break;
      case "affinity":
        this.#affinities.wrote(written.key, written.value, revision);
        break;
    }
  }

  forget(key: string): void {
    this.#blocks.forget(key);
    this.#handles.forget(key);
    this.#affinities.forget(key);
    this.#own.delete(key);
  }

  /** A family's affinities are listed again before the next plan. */
  doubtAffinities(family: Family): void {
    this.#loaded.delete(family);
  }

  forgetAll(): void {
    this.#blocks.clear();
    this.#handles.clear();
    this.#affinities.clear();
    this.#loaded.clear();
    this.#listed.clear();
    this.#own.clear();
  }

  /** Keeps the memory small, between batches. */
  trim(): void {
    this.#listed.clear();
    this.#handles.trim(MAX_HANDLES, () => true);
    this.#blocks.trim(this.#own.size + MAX_FOREIGN_BLOCKS, (key) => !this.#own.has(key));
  }

  #noteOwner(key: string, seen: Seen<AllocationBlock>): void {
    if (seen.state === "present" && isOwnedBy(seen.value, this.owner)) this.#own.add(key, seen.value);
    else this.#own.delete(key);
  }
}
