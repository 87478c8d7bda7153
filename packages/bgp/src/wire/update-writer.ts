import type { Family } from "@ocicat/net";
import { FLAG } from "./attributes/descriptor.ts";
import { AFI, SAFI_UNICAST } from "./family.ts";
import { HEADER_LENGTH, MARKER_LENGTH, MESSAGE_TYPES } from "./header.ts";

/** Prefixes to be written, by number, so that no object need be made for each. */
export interface Entries {
  readonly count: number;
  /** Bytes of an entry on the wire. */
  size(index: number): number;
  /** Writes it; where the next one goes. */
  write(index: number, into: Uint8Array, at: number): number;
}

const MP_REACH = 14;
const MP_UNREACH = 15;
/** The two length fields of an UPDATE. */
const LENGTHS = 4;
/** Flags, code, two bytes of length, AFI and SAFI. */
const MP_HEADER = 7;
const FIRST_BYTES = 1024;

/**
 * Writes UPDATEs one behind the other into one array, each as full as the limit allows, so that the array can go to many
 * peers as it is.
 *
 *     +--------+----------------+-----------+------------------+------------+---------+     RFC 4271 §4.3
 *     | header | withdrawn, len | withdrawn | attributes, len  | attributes | entries |
 *     +--------+----------------+-----------+------------------+------------+---------+
 */
export class UpdateWriter {
  readonly #limit: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;
  #start = 0;
  #count = 0;

  /** `limit`: the longest message, in bytes. `expected`: how many bytes there will be in all, if that is known. */
  constructor(limit: number, expected = FIRST_BYTES) {
    this.#limit = limit;
    this.#bytes = new Uint8Array(expected);
  }

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#at;
  }

  /** Messages among them. */
  get count(): number {
    return this.#count;
  }

  /** What was written, which is the caller's from here on. */
  take(): Uint8Array {
    const written = this.#bytes.subarray(0, this.#at);
    this.#bytes = new Uint8Array(0);
    this.#at = 0;
    this.#count = 0;
    return written;
  }

  /** What was written, message by message. */
  messages(): Uint8Array[] {
    const written = this.take();
    const messages: Uint8Array[] = [];
    for (let at = 0; at < written.length; ) {
      const length = ((written[at + MARKER_LENGTH] ?? 0) << 8) | (written[at + MARKER_LENGTH + 1] ?? 0);
      messages.push(written.subarray(at, at + length));
      at += length;
    }
    return messages;
  }

  withdrawPlain(entries: Entries): void {
    for (let next = 0; next < entries.count; ) {
      this.#begin(LENGTHS);
      const length = this.#u16(0);
      next = this.#entries(entries, next, 2);
      this.#patch(length);
      this.#u16(0);
      this.#end();
    }
  }

  withdrawMp(family: Family, entries: Entries): void {
    for (let next = 0; next < entries.count; ) next = this.#unreach(family, entries, next);
  }

  /** `attributes`: all of them, as they go on the wire. */
  announcePlain(attributes: Uint8Array, entries: Entries): void {
    if (HEADER_LENGTH + LENGTHS + attributes.length > this.#limit) return;
    for (let next = 0; next < entries.count; ) {
      this.#begin(LENGTHS + attributes.length);
      this.#u16(0);
      this.#u16(attributes.length);
      this.#put(attributes);
      const first = next;
      next = this.#entries(entries, next, 0);
      if (next === first) {
        this.#giveUp();
        return;
      }
      this.#end();
    }
  }

  /** `attributes`: all but MP_REACH_NLRI. */
  announceMp(family: Family, nextHop: Uint8Array, attributes: Uint8Array, entries: Entries): void {
    const fixed = LENGTHS + MP_HEADER + 2 + nextHop.length + attributes.length;
    if (HEADER_LENGTH + fixed > this.#limit) return;
    for (let next = 0; next < entries.count; ) {
      this.#begin(fixed);
      this.#u16(0);
      const all = this.#u16(0);
      // First, so that the routes can be withdrawn even if what follows is malformed (RFC 7606 §5.1).
      const reach = this.#mp(MP_REACH, family);
      this.#u8(nextHop.length);
      this.#put(nextHop);
      this.#u8(0);
      const first = next;
      next = this.#entries(entries, next, attributes.length);
      if (next === first) {
        this.#giveUp();
        return;
      }
      this.#patch(reach);
      this.#put(attributes);
      this.#patch(all);
      this.#end();
    }
  }

  /** RFC 4724 §2. */
  endOfRib(family: Family): void {
    if (family === 4) {
      this.#begin(LENGTHS);
      this.#u16(0);
      this.#u16(0);
      this.#end();
    } else this.#unreach(family, NO_ENTRIES, 0);
  }

  #unreach(family: Family, entries: Entries, from: number): number {
    this.#begin(LENGTHS + MP_HEADER);
    this.#u16(0);
    const all = this.#u16(0);
    const unreach = this.#mp(MP_UNREACH, family);
    const next = this.#entries(entries, from, 0);
    this.#patch(unreach);
    this.#patch(all);
    this.#end();
    return next;
  }

  /** Begins a message that has `fixed` bytes besides its header and entries. */
  #begin(fixed: number): void {
    this.#reserve(HEADER_LENGTH + fixed);
    this.#start = this.#at;
    this.#bytes.fill(0xff, this.#at, this.#at + MARKER_LENGTH);
    this.#bytes[this.#at + MARKER_LENGTH + 2] = MESSAGE_TYPES.update;
    this.#at += HEADER_LENGTH;
  }

  #end(): void {
    const length = this.#at - this.#start;
    this.#bytes[this.#start + MARKER_LENGTH] = length >>> 8;
    this.#bytes[this.#start + MARKER_LENGTH + 1] = length;
    this.#count += 1;
  }

  /** With no room for one entry there is no message. */
  #giveUp(): void {
    this.#at = this.#start;
  }

  /** As many as fit with `after` bytes behind them; the index of the next. */
  #entries(entries: Entries, from: number, after: number): number {
    const end = this.#start + this.#limit - after;
    let index = from;
    for (; index < entries.count; index++) {
      const size = entries.size(index);
      if (this.#at + size > end) break;
      if (this.#at + size + after > this.#bytes.length) this.#reserve(size + after);
      this.#at = entries.write(index, this.#bytes, this.#at);
    }
    return index;
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const longer = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + size));
    longer.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = longer;
  }

  /** The head of an MP attribute; where its length is. */
  #mp(code: number, family: Family): number {
    this.#u8(FLAG.optional | FLAG.extended);
    this.#u8(code);
    const length = this.#u16(0);
    this.#u16(AFI[family]);
    this.#u8(SAFI_UNICAST);
    return length;
  }

  #u8(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  /** Where it was written. */
  #u16(value: number): number {
    this.#bytes[this.#at] = value >>> 8;
    this.#bytes[this.#at + 1] = value;
    this.#at += 2;
    return this.#at - 2;
  }

  #put(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Sets a length field to what was written behind it. */
  #patch(field: number): void {
    const length = this.#at - field - 2;
    this.#bytes[field] = length >>> 8;
    this.#bytes[field + 1] = length;
  }
}

const NO_ENTRIES: Entries = { count: 0, size: () => 0, write: (_index, _into, at) => at };
