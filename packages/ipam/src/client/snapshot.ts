import type { AllocationBlock, BlockAffinity, IpamHandle } from "@ocicat/api/ipam";
import type { Rows } from "./rows.ts";
import type { Seen } from "./table.ts";

const ABSENT = { state: "absent" } as const;

/**
 * Rows as they were when a draft first looked at them. What is planned from a value must be compared with the revision
 * of that very value, whatever has been learnt about the row since.
 */
export class Snapshot {
  readonly #rows: Rows;
  readonly #blocks = new Map<string, Seen<AllocationBlock>>();
  readonly #handles = new Map<string, Seen<IpamHandle>>();
  readonly #affinities = new Map<string, Seen<BlockAffinity>>();

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  /** Throws Error if nobody has read the row. */
  block(key: string): Seen<AllocationBlock> {
    return freeze(this.#blocks, key, this.#rows.block(key));
  }

  /** A handle that nobody has read is taken to be absent, which is what a new container's is; the commit finds out. */
  handle(key: string): Seen<IpamHandle> {
    return freeze(this.#handles, key, this.#rows.handle(key) ?? ABSENT);
  }

  /** Throws Error if nobody has read the row. */
  affinity(key: string): Seen<BlockAffinity> {
    return freeze(this.#affinities, key, this.#rows.affinity(key));
  }

  /** Whether nothing has been learnt since of the rows in it. */
  get isCurrent(): boolean {
    const rows = this.#rows;
    return (
      areCurrent(this.#blocks, (key) => rows.block(key)) &&
      areCurrent(this.#handles, (key) => rows.handle(key)) &&
      areCurrent(this.#affinities, (key) => rows.affinity(key))
    );
  }
}

function areCurrent<T>(frozen: ReadonlyMap<string, Seen<T>>, now: (key: string) => Seen<T> | undefined): boolean {
  for (const [key, seen] of frozen) {
    const known = now(key) ?? ABSENT;
    if (known !== seen && (known.state !== "absent" || seen.state !== "absent")) return false;
  }
  return true;
}

function freeze<T>(frozen: Map<string, Seen<T>>, key: string, seen: Seen<T> | undefined): Seen<T> {
  const first = frozen.get(key) ?? seen;
  if (first === undefined) throw new Error(`${key} was planned over before anybody read it`);
  frozen.set(key, first);
  return first;
}
