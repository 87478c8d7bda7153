import { type AllocationBlock, blocksPrefix } from "@ocicat/api/ipam";
import type { Family } from "@ocicat/net";

const V4_PREFIX = blocksPrefix(4);
const NOTHING: readonly string[] = [];

/**
 * The node's own blocks, found by what requests ask: which have room, and which hold addresses of a handle. So a request
 * costs the same however many full blocks the node has.
 */
export class OwnBlocks {
  readonly #all: Readonly<Record<Family, KeySet>> = { 4: new KeySet(), 6: new KeySet() };
  readonly #roomy: Readonly<Record<Family, KeySet>> = { 4: new KeySet(), 6: new KeySet() };
  /** By handle, the keys of the blocks whose attributes name it. */
  readonly #holding = new Map<string, Set<string>>();
  /** By block, the handles it is noted under. */
  readonly #handles = new Map<string, ReadonlySet<string>>();

  get size(): number {
    return this.#all[4].size + this.#all[6].size;
  }

  has(key: string): boolean {
    return this.#all[familyOf(key)].has(key);
  }

  /** In key order: the order Calico tries them in. */
  all(family: Family): readonly string[] {
    return this.#all[family].sorted;
  }

  /** Those with an address that is free, or may be by now for having cooled down; in key order. */
  withRoom(family: Family): readonly string[] {
    return this.#roomy[family].sorted;
  }

  holding(handleId: string): Iterable<string> {
    return this.#holding.get(handleId) ?? NOTHING;
  }

  /** Takes the block as it is now. */
  add(key: string, block: AllocationBlock): void {
    const family = familyOf(key);
    this.#all[family].add(key);
    let hasRoom = block.unallocated.length > 0;
    const handles = new Set<string>();
    for (const { handleId, releasedAt } of block.attributes ?? []) {
      if (handleId !== undefined) handles.add(handleId);
      hasRoom ||= releasedAt !== undefined;
    }
    if (hasRoom) this.#roomy[family].add(key);
    else this.#roomy[family].delete(key);
    this.#noteHandles(key, handles);
  }

  delete(key: string): void {
    if (!this.#all[familyOf(key)].delete(key)) return;
    this.#roomy[familyOf(key)].delete(key);
    this.#noteHandles(key, new Set());
  }

  clear(): void {
    for (const keys of [this.#all, this.#roomy]) for (const family of [4, 6] as const) keys[family].clear();
    this.#holding.clear();
    this.#handles.clear();
  }

  #noteHandles(key: string, handles: ReadonlySet<string>): void {
    for (const handle of this.#handles.get(key) ?? NOTHING) {
      if (handles.has(handle)) continue;
      const blocks = this.#holding.get(handle);
      blocks?.delete(key);
      if (blocks?.size === 0) this.#holding.delete(handle);
    }
    for (const handle of handles) {
      const blocks = this.#holding.get(handle);
      if (blocks === undefined) this.#holding.set(handle, new Set([key]));
      else blocks.add(key);
    }
    if (handles.size > 0) this.#handles.set(key, handles);
    else this.#handles.delete(key);
  }
}

function familyOf(key: string): Family {
  return key.startsWith(V4_PREFIX) ? 4 : 6;
}

/** Keys, sorted when they are asked for. */
class KeySet {
  readonly #keys = new Set<string>();
  #sorted: readonly string[] | undefined;

  get size(): number {
    return this.#keys.size;
  }

  get sorted(): readonly string[] {
    this.#sorted ??= [...this.#keys].sort();
    return this.#sorted;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  add(key: string): void {
    if (this.#keys.has(key)) return;
    this.#keys.add(key);
    this.#sorted = undefined;
  }

  delete(key: string): boolean {
    const had = this.#keys.delete(key);
    if (had) this.#sorted = undefined;
    return had;
  }

  clear(): void {
    this.#keys.clear();
    this.#sorted = undefined;
  }
}
