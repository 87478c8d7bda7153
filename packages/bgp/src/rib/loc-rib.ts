import type { Address, Ipv4, Prefix } from "@ocicat/net";
import { bestUnreachable, type NextHopResolver, select } from "./decision.ts";
import { type Destination, type Path, type Selection, samePath } from "./path.ts";
import { take } from "./take.ts";

/** A prefix whose best path, or set of equally good paths, or path that cannot be used, is not what it was. */
export interface SelectionChange {
  readonly destination: Destination;
  readonly before: Selection | undefined;
  readonly after: Selection | undefined;
  /** The best of the paths that cannot be used, while there are only such: what it was, and is. */
  readonly unreachableBefore: Path | undefined;
  readonly unreachable: Path | undefined;
}

/**
 * Every path to every prefix, and what was selected among them. Changes are queued and selected in batches, so that a
 * prefix which changes ten times in one turn is decided once.
 */
export class LocRib {
  /** IPv4 by address × 64 + length, IPv6 by text: a number is the cheaper key. */
  readonly #destinations = new Map<number | string, Destination>();
  readonly #dirty = new Set<Destination>();
  /** Of the prefixes that have paths and none that can be used: the best one. */
  readonly #unreachable = new Map<Destination, Path>();
  readonly #resolve: NextHopResolver;
  readonly #multipath: boolean;

  constructor(resolve: NextHopResolver, multipath: boolean) {
    this.#resolve = resolve;
    this.#multipath = multipath;
  }

  /** Prefixes with at least one path, a selection or a holder. */
  get size(): number {
    return this.#destinations.size;
  }

  /** Prefixes that wait for the decision process. */
  get pending(): number {
    return this.#dirty.size;
  }

  find(prefix: Prefix): Destination | undefined {
    return this.#destinations.get(keyOf(prefix));
  }

  destination(prefix: Prefix): Destination {
    const key = keyOf(prefix);
    const known = this.#destinations.get(key);
    if (known !== undefined) return known;
    const created = { prefix, paths: [], selected: undefined, holders: 0 };
    this.#destinations.set(key, created);
    return created;
  }

  destinations(): IterableIterator<Destination> {
    return this.#destinations.values();
  }

  /** Puts `path` in the place of `previous`; either may be missing. */
  replace(destination: Destination, previous: Path | undefined, path: Path | undefined): void {
    destination.paths = replaced(destination.paths, previous, path);
    this.markDirty(destination);
  }

  markDirty(destination: Destination): void {
    this.#dirty.add(destination);
  }

  /** Selects again where a path goes through one of these next hops (any unless told). */
  nextHopsChanged(nextHops?: readonly Address[]): void {
    const concerned = nextHops === undefined ? undefined : new Set<Address>(nextHops);
    for (const destination of this.#destinations.values()) {
      const through = ({ accepted }: Path) =>
        accepted !== undefined && (concerned === undefined || concerned.has(accepted.attributes.nextHop));
      if (destination.paths.some(through)) this.markDirty(destination);
    }
  }

  /** Decides up to `limit` of the prefixes that wait; the changes, in the order they were queued. */
  settle(limit: number): SelectionChange[] {
    const changes: SelectionChange[] = [];
    for (const destination of take(this.#dirty, limit)) {
      const before = destination.selected;
      const unreachableBefore = this.#unreachable.get(destination);
      const after = select(destination, this.#resolve, this.#multipath);
      const unreachable = after === undefined ? bestUnreachable(destination) : undefined;
      destination.selected = after;
      if (unreachable !== undefined) this.#unreachable.set(destination, unreachable);
      else if (unreachableBefore !== undefined) this.#unreachable.delete(destination);
      if (!sameSelection(before, after) || !sameUnreachable(unreachableBefore, unreachable))
        changes.push({ destination, before, after, unreachableBefore, unreachable });
      this.#collect(destination);
    }
    return changes;
  }

  hold(destination: Destination): void {
    destination.holders += 1;
  }

  letGo(destination: Destination): void {
    destination.holders -= 1;
    this.#collect(destination);
  }

  #collect(destination: Destination): void {
    const { paths, selected, holders, prefix } = destination;
    if (paths.length > 0 || selected !== undefined || holders > 0 || this.#dirty.has(destination)) return;
    this.#destinations.delete(keyOf(prefix));
  }
}

function replaced(paths: readonly Path[], previous: Path | undefined, path: Path | undefined): readonly Path[] {
  const others = previous === undefined ? paths : paths.filter((one) => one !== previous);
  if (path === undefined) return others;
  return others.length === 0 ? [path] : [...others, path];
}

function keyOf(prefix: Prefix): number | string {
  return isIpv4(prefix.address) ? prefix.address * 64 + prefix.length : prefix.toString();
}

function isIpv4(address: Address): address is Ipv4 {
  return typeof address === "number";
}

function sameUnreachable(a: Path | undefined, b: Path | undefined): boolean {
  return a === undefined || b === undefined ? a === b : samePath(a, b);
}

function sameSelection(a: Selection | undefined, b: Selection | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.multipath.length !== b.multipath.length) return false;
  return a.multipath.every((path, index) => {
    const other = b.multipath[index];
    return other !== undefined && samePath(path, other);
  });
}
