import type { CodecContext } from "../wire/context.ts";
import { writeAnnouncements, writeCanonical, writeWithdrawals } from "../wire/pack.ts";
import { writePathId } from "../wire/prefix-entries.ts";
import { type Entries, UpdateWriter } from "../wire/update-writer.ts";
import type { AttributeId } from "./attribute-store.ts";
import { NONE } from "./columns.ts";
import type { LocRib } from "./loc-rib.ts";
import type { PrefixId, PrefixTable } from "./prefix-table.ts";
import type { SourceId } from "./sources.ts";

/** Bytes of an UPDATE's header and attributes, and of an entry. */
const TYPICAL_HEAD = 120;
const TYPICAL_ENTRY = 6;

/** Encoded UPDATEs, for all members of a group but `except`, who told us of these routes; NONE: for all. */
export interface Run {
  readonly start: number;
  readonly end: number;
  readonly updates: number;
  readonly except: SourceId;
}

/** What a bundle becomes: one array of bytes, and which part of it is for whom. */
export interface Packed {
  readonly bytes: Uint8Array;
  readonly runs: readonly Run[];
}

/** Prefixes that go together, with the numbers of their paths where RFC 7911 is spoken. */
interface Bucket {
  readonly set: AttributeId;
  readonly family: 4 | 6;
  readonly except: SourceId;
  readonly prefixes: PrefixId[];
  readonly localIds: number[];
}

/**
 * Collects changes and packs them, each set of attributes encoded once: withdrawals first, then announcements, prefixes with
 * equal attributes together.
 */
export class Bundle {
  readonly #locRib: LocRib;
  readonly #context: CodecContext;
  readonly #buckets = new Map<number, Bucket>();
  /** Where the last route went: the next one nearly always goes there too. */
  #last: Bucket | undefined;
  /** Nearly no session has path identifiers. */
  readonly #anyIds: boolean;

  constructor(locRib: LocRib, context: CodecContext) {
    this.#locRib = locRib;
    this.#context = context;
    this.#anyIds = Object.values(context.addPath).some((directions) => directions?.send === true);
  }

  get isEmpty(): boolean {
    return this.#buckets.size === 0;
  }

  withdraw(prefix: PrefixId, localId: number, except: SourceId): void {
    this.announce(prefix, localId, NONE, except);
  }

  /** A set of NONE withdraws. */
  announce(prefix: PrefixId, localId: number, set: AttributeId, except: SourceId): void {
    const family = this.#locRib.prefixes.familyOf(prefix);
    const bucket = this.#bucket(set, family, except);
    bucket.prefixes.push(prefix);
    if (this.#withIds(family)) bucket.localIds.push(localId);
  }

  pack(): Packed {
    const buckets = [...this.#buckets.values()];
    const writer = new UpdateWriter(this.#context.maxMessage, this.#expected(buckets));
    const runs: Run[] = [];
    const withdrawals = buckets.filter(({ set }) => set === NONE);
    const announcements = buckets.filter(({ set }) => set !== NONE);
    for (const bucket of [...withdrawals, ...announcements]) {
      const { length: start, count } = writer;
      this.#write(writer, bucket);
      runs.push({ start, end: writer.length, updates: writer.count - count, except: bucket.except });
    }
    return { bytes: writer.take(), runs };
  }

  /** About as many bytes as the buckets become. */
  #expected(buckets: readonly Bucket[]): number {
    const entries = buckets.reduce((sum, { prefixes }) => sum + prefixes.length, 0);
    return buckets.length * TYPICAL_HEAD + entries * TYPICAL_ENTRY;
  }

  #write(writer: UpdateWriter, bucket: Bucket): void {
    const { store } = this.#locRib;
    const { set, family } = bucket;
    const entries = new BucketEntries(this.#locRib.prefixes, bucket, this.#withIds(family));
    if (set === NONE) writeWithdrawals(writer, family, entries);
    else if (this.#context.as4) writeCanonical(writer, store.bytes(set), family, entries);
    else writeAnnouncements(writer, store.attributes(set), family, entries, this.#context);
  }

  #bucket(set: AttributeId, family: 4 | 6, except: SourceId): Bucket {
    const last = this.#last;
    if (last !== undefined && last.set === set && last.except === except && last.family === family) return last;
    // Numbers of sources take 16 bits.
    const key = (set * 0x1_0000 + except) * 2 + (family === 4 ? 0 : 1);
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = { set, family, except, prefixes: [], localIds: [] };
      this.#buckets.set(key, bucket);
    }
    this.#last = bucket;
    return bucket;
  }

  #withIds(family: 4 | 6): boolean {
    return this.#anyIds && this.#context.addPath[family]?.send === true;
  }
}

/** A bucket's prefixes as the writer wants them. */
class BucketEntries implements Entries {
  readonly #table: PrefixTable;
  readonly #bucket: Bucket;
  readonly #withIds: boolean;

  constructor(table: PrefixTable, bucket: Bucket, withIds: boolean) {
    this.#table = table;
    this.#bucket = bucket;
    this.#withIds = withIds;
  }

  get count(): number {
    return this.#bucket.prefixes.length;
  }

  size(index: number): number {
    return (this.#withIds ? 4 : 0) + this.#table.wireSize(this.#bucket.prefixes[index] ?? NONE);
  }

  write(index: number, into: Uint8Array, at: number): number {
    const start = this.#withIds ? writePathId(this.#bucket.localIds[index] ?? 0, into, at) : at;
    return this.#table.write(this.#bucket.prefixes[index] ?? NONE, into, start);
  }
}
