import { type AllocationBlock, blockOwner, blocksPrefix, decodeBlock, IpamCorruptError } from "@ocicat/api";
import type { KeyValue, WatchEvent } from "@ocicat/datastore";
import { LOAD_BALANCER } from "@ocicat/ipam";
import type { Address } from "@ocicat/net";
import { HANDLE_PREFIX } from "./service.ts";

/** Which services hold which addresses, as the blocks say. */
export class Holdings {
  readonly #byBlock = new Map<string, ReadonlyMap<string, readonly Address[]>>();

  /** What a handle holds. */
  of(handle: string): readonly Address[] {
    return [...this.#byBlock.values()].flatMap((held) => held.get(handle) ?? []);
  }

  handles(): ReadonlySet<string> {
    return new Set([...this.#byBlock.values()].flatMap((held) => [...held.keys()]));
  }

  /** Everything anew. The handles whose holdings may have changed. */
  replace(items: Iterable<KeyValue>): ReadonlySet<string> {
    const touched = new Set(this.handles());
    this.#byBlock.clear();
    for (const item of items) if (item.key.startsWith(blocksPrefix())) this.#put(item, touched);
    return touched;
  }

  apply(events: readonly WatchEvent[]): ReadonlySet<string> {
    const touched = new Set<string>();
    for (const event of events) {
      const key = event.type === "put" ? event.item.key : event.key;
      if (!key.startsWith(blocksPrefix())) continue;
      for (const handle of this.#byBlock.get(key)?.keys() ?? []) touched.add(handle);
      this.#byBlock.delete(key);
      if (event.type === "put") this.#put(event.item, touched);
    }
    return touched;
  }

  #put(item: KeyValue, touched: Set<string>): void {
    const held = heldIn(item);
    if (held.size === 0) return;
    this.#byBlock.set(item.key, held);
    for (const handle of held.keys()) touched.add(handle);
  }
}

function heldIn({ key, value }: KeyValue): ReadonlyMap<string, readonly Address[]> {
  const held = new Map<string, Address[]>();
  // Nearly all blocks are nodes', and large: they are told apart by a glance.
  if (!value.includes(`"${HANDLE_PREFIX}`) && !value.includes(`${LOAD_BALANCER.type}:${LOAD_BALANCER.name}`))
    return held;
  const block = readable(key, value);
  if (block === undefined || blockOwner(block)?.type === "host") return held;
  for (const [ordinal, index] of block.allocations.entries()) {
    const attribute = index === null ? undefined : block.attributes?.[index];
    const handle = attribute?.handleId;
    if (handle?.startsWith(HANDLE_PREFIX) !== true || attribute?.releasedAt !== undefined) continue;
    held.set(handle, [...(held.get(handle) ?? []), block.prefix.nth(ordinal)]);
  }
  return held;
}

/** One that cannot be read is told by garbage collection; who asks for an address of it is refused by IPAM. */
function readable(key: string, value: string): AllocationBlock | undefined {
  try {
    return decodeBlock(key, value);
  } catch (error) {
    if (error instanceof IpamCorruptError) return undefined;
    throw error;
  }
}
