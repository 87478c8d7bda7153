import { type Change, type Entry, NO_LEASE } from "./entry.ts";
import { byteString, type KeyRange } from "./key-range.ts";
import { SortedKeys, type Span } from "./sorted-keys.ts";

/** Of values that are kept beside their keys when they were written or read; others are read from the file. */
const VALUE_BYTES = 64 * 1024 * 1024;

/**
 * The newest write of a key, deletions included. Key and value are strings of one character a byte (byteString): as small
 * objects of bytes they would take twice the memory, and keep what they were cut from.
 */
export interface Slot extends Omit<Entry, "key" | "value"> {
  /** Its place in the history, and that of the write before it. */
  readonly id: number;
  readonly previousId: number;
  /** Undefined: only in the file. */
  value: string | undefined;
}

/**
 * The present: every key's newest write, in the order of the keys. It is made from the history at the start and then follows
 * it, so that a write goes to one place of the file, its end, and reading the present does not go to the file at all.
 *
 *     history  … [id 7: key, previous 0] … [id 9: key, previous 7]
 *                                                 ▲
 *     slots    key ───────────────────────────────┘        live, deleted: the keys in order
 *
 * What was taken since settle() can be taken back.
 */
export class KeyIndex {
  readonly #slots = new Map<string, Slot>();
  readonly #live: SortedKeys;
  readonly #deleted: SortedKeys;
  readonly #leased = new Map<bigint, Set<string>>();
  /** What each key was before, since settle(). */
  #journal: { readonly key: string; readonly before: Slot | undefined }[] = [];
  readonly #maxValueBytes: number;
  #valueBytes = 0;
  /** Goes round over the slots when values have to go. */
  #hand: MapIterator<Slot>;

  /** `history`: all of it, in its order. Its values are not looked at. */
  constructor(history: Iterable<Change>, maxValueBytes = VALUE_BYTES) {
    this.#maxValueBytes = maxValueBytes;
    for (const change of history) this.#slots.set(byteString(change.entry.key), slotOf(change, undefined));
    this.#hand = this.#slots.values();
    const [live, deleted]: [string[], string[]] = [[], []];
    for (const key of [...this.#slots.keys()].sort()) {
      const slot = this.#slots.get(key);
      if (isLive(slot)) live.push(key);
      else deleted.push(key);
      this.#hold(key, slot);
    }
    this.#live = new SortedKeys(live);
    this.#deleted = new SortedKeys(deleted);
  }

  get(key: string): Slot | undefined {
    return this.#slots.get(key);
  }

  /** The slot of a key that has one. */
  slot(key: string): Slot {
    const slot = this.#slots.get(key);
    if (slot === undefined) throw new Error("a key in order has no slot");
    return slot;
  }

  /** The keys that exist, in order. */
  live(range: KeyRange, limit?: number): string[] {
    return this.#live.take(spanOf(range), limit);
  }

  count(range: KeyRange): number {
    return this.#live.count(spanOf(range));
  }

  /** Also those whose newest write is a deletion. */
  *all(range: KeyRange): Generator<string, void, undefined> {
    const span = spanOf(range);
    const deleted = this.#deleted.each(span);
    let gone = deleted.next();
    for (const key of this.#live.each(span)) {
      for (; gone.done !== true && gone.value < key; gone = deleted.next()) yield gone.value;
      yield key;
    }
    for (; gone.done !== true; gone = deleted.next()) yield gone.value;
  }

  leasedKeys(lease: bigint): string[] {
    return [...(this.#leased.get(lease) ?? [])].sort();
  }

  take(change: Change): void {
    const key = byteString(change.entry.key);
    this.#journal.push({ key, before: this.#slots.get(key) });
    this.#set(key, slotOf(change, byteString(change.entry.value)));
    this.#trim();
  }

  /** The value of a slot without one, as read from the file. */
  keep(slot: Slot, value: Uint8Array): void {
    slot.value = byteString(value);
    this.#valueBytes += valueBytes(slot);
    this.#trim();
  }

  /** For takeBack(): up to here. */
  get mark(): number {
    return this.#journal.length;
  }

  takeBack(mark: number): void {
    for (const { key, before } of this.#journal.splice(mark).reverse()) this.#set(key, before);
  }

  /** What was taken stays. */
  settle(): void {
    this.#journal = [];
  }

  /** Compaction took this deletion from the file. Not amid a group. */
  forget(key: string, id: number): void {
    if (this.#slots.get(key)?.id === id) this.#set(key, undefined);
  }

  #set(key: string, slot: Slot | undefined): void {
    const before = this.#slots.get(key);
    this.#valueBytes += valueBytes(slot) - valueBytes(before);
    if (slot === undefined) this.#slots.delete(key);
    else this.#slots.set(key, slot);
    this.#hold(key, slot, before);
    const [from, to] = [this.#orderOf(before), this.#orderOf(slot)];
    if (from === to) return;
    from?.delete(key);
    to?.add(key);
  }

  #orderOf(slot: Slot | undefined): SortedKeys | undefined {
    if (slot === undefined) return undefined;
    return isLive(slot) ? this.#live : this.#deleted;
  }

  #hold(key: string, slot: Slot | undefined, before?: Slot): void {
    const [from, to] = [before?.lease ?? NO_LEASE, slot?.lease ?? NO_LEASE];
    if (from === to) return;
    const held = this.#leased.get(from);
    held?.delete(key);
    if (held?.size === 0) this.#leased.delete(from);
    if (to === NO_LEASE) return;
    const holds = this.#leased.get(to);
    if (holds === undefined) this.#leased.set(to, new Set([key]));
    else holds.add(key);
  }

  #trim(): void {
    while (this.#valueBytes > this.#maxValueBytes) {
      const { value: slot } = this.#hand.next();
      if (slot === undefined) this.#hand = this.#slots.values();
      else {
        this.#valueBytes -= valueBytes(slot);
        slot.value = undefined;
      }
    }
  }
}

export function isLive(slot: Slot | undefined): slot is Slot {
  return slot !== undefined && slot.version > 0;
}

function slotOf({ id, previousId, entry }: Change, value: string | undefined): Slot {
  const { modRevision, createRevision, version, lease } = entry;
  return { id, previousId, modRevision, createRevision, version, lease, value };
}

function valueBytes(slot: Slot | undefined): number {
  return slot?.value?.length ?? 0;
}

function spanOf(range: KeyRange): Span {
  switch (range.kind) {
    case "one": {
      const start = byteString(range.key);
      return { start, end: `${start}\0` };
    }
    case "span":
      return { start: byteString(range.start), end: byteString(range.end) };
    case "from":
      return { start: byteString(range.start), end: undefined };
  }
}
