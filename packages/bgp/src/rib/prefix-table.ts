import { type Family, ipv4, ipv6, Prefix } from "@ocicat/net";
import { FIRST_ROWS, grownU8, grownU32, NONE, Rows, roomFor } from "./columns.ts";
import { HashIndex } from "./hash-index.ts";

/** A prefix by number, for as long as somebody holds it. */
export type PrefixId = number;

/** An IPv6 length is kept with this added, so that one byte tells family and length: IPv4's end at 32. */
const IPV6 = 64;

/**
 * Numbers for prefixes, dense, so that whatever is known of a prefix can be a column.
 *
 *     id ─► word0 … word3   the address; an IPv4 prefix has word0 only
 *           length          0..32, or IPV6 + 0..128
 *           holders         how many know the prefix by its number; the last that lets go frees it
 *
 *     words and length ─► index ─► id
 */
export class PrefixTable {
  readonly #rows = new Rows();
  readonly #index = new HashIndex();
  #word0 = new Uint32Array(FIRST_ROWS);
  /** Empty until the first IPv6 prefix. */
  #word1 = new Uint32Array(0);
  #word2 = new Uint32Array(0);
  #word3 = new Uint32Array(0);
  #length = new Uint8Array(FIRST_ROWS);
  #holders = new Uint32Array(FIRST_ROWS);

  /** Prefixes that are held. */
  get size(): number {
    return this.#rows.size;
  }

  /** All numbers in use are below. */
  get end(): number {
    return this.#rows.end;
  }

  /** Undefined if nobody holds it. */
  find(prefix: Prefix): PrefixId | undefined {
    const [a, b, c, d] = wordsOf(prefix);
    return this.findWords(prefix.family, prefix.length, a, b, c, d);
  }

  /** The same by the words of the address; IPv4 has one. */
  findWords(family: Family, length: number, a: number, b: number, c: number, d: number): PrefixId | undefined {
    const wire = family === 4 ? length : IPV6 + length;
    const id = this.#index.at(this.#probe(hashOf(a, b, c, d, wire), a, b, c, d, wire));
    return id === NONE ? undefined : id;
  }

  /** Its number, held once more. */
  hold(prefix: Prefix): PrefixId {
    const [a, b, c, d] = wordsOf(prefix);
    return this.holdWords(prefix.family, prefix.length, a, b, c, d);
  }

  /** The same by the words of the address. Bits beyond the length must be 0. */
  holdWords(family: Family, length: number, a: number, b: number, c: number, d: number): PrefixId {
    return this.#hold(a, b, c, d, family === 4 ? length : IPV6 + length);
  }

  /** Of a number that somebody holds. */
  holdAgain(id: PrefixId): void {
    const holders = this.#holders[id] ?? 0;
    if (holders === 0) throw new Error("a prefix is held again that nobody holds");
    this.#holders[id] = holders + 1;
  }

  letGo(id: PrefixId): void {
    const left = (this.#holders[id] ?? 0) - 1;
    if (left < 0) throw new Error("a prefix is let go of that nobody holds");
    this.#holders[id] = left;
    if (left > 0) return;
    this.#index.remove(id);
    this.#rows.give(id);
  }

  /** False: the number is nobody's now. */
  isHeld(id: PrefixId): boolean {
    return (this.#holders[id] ?? 0) > 0;
  }

  /** The first byte of the address and the length: enough to know that a prefix is none of the odd ones. */
  firstByte(id: PrefixId): number {
    return (this.#word0[id] ?? 0) >>> 24;
  }

  familyOf(id: PrefixId): Family {
    return (this.#length[id] ?? 0) < IPV6 ? 4 : 6;
  }

  prefixOf(id: PrefixId): Prefix {
    const length = this.#length[id] ?? 0;
    if (length < IPV6) return Prefix.of(ipv4(this.#word0[id] ?? 0), length);
    const words = [this.#word0[id], this.#word1[id], this.#word2[id], this.#word3[id]];
    const address = words.reduce<bigint>((high, word = 0) => (high << 32n) | BigInt(word), 0n);
    return Prefix.of(ipv6(address), length - IPV6);
  }

  /** Bytes that `write` needs: one of length, and as many of the address as it says. */
  wireSize(id: PrefixId): number {
    const length = this.#length[id] ?? 0;
    return 1 + (((length < IPV6 ? length : length - IPV6) + 7) >>> 3);
  }

  /** Writes the prefix as it stands in an UPDATE (RFC 4271 §4.3); where the next thing goes. */
  write(id: PrefixId, into: Uint8Array, at: number): number {
    const length = this.#length[id] ?? 0;
    if (length < IPV6) {
      into[at] = length;
      return writeWord(this.#word0[id] ?? 0, (length + 7) >>> 3, into, at + 1);
    }
    into[at] = length - IPV6;
    let left = (length - IPV6 + 7) >>> 3;
    let next = at + 1;
    for (const column of [this.#word0, this.#word1, this.#word2, this.#word3]) {
      next = writeWord(column[id] ?? 0, Math.min(left, 4), into, next);
      left = Math.max(0, left - 4);
    }
    return next;
  }

  #hold(a: number, b: number, c: number, d: number, length: number): PrefixId {
    const hash = hashOf(a, b, c, d, length);
    const slot = this.#probe(hash, a, b, c, d, length);
    const known = this.#index.at(slot);
    if (known !== NONE) {
      this.#holders[known] = (this.#holders[known] ?? 0) + 1;
      return known;
    }
    const id = this.#rows.take();
    this.#makeRoom(id, length);
    this.#word0[id] = a;
    if (length >= IPV6) {
      this.#word1[id] = b;
      this.#word2[id] = c;
      this.#word3[id] = d;
    }
    this.#length[id] = length;
    this.#holders[id] = 1;
    this.#index.put(slot, id, hash);
    return id;
  }

  #makeRoom(id: number, length: number): void {
    if (id >= this.#word0.length) {
      const rows = roomFor(id, this.#word0.length);
      this.#word0 = grownU32(this.#word0, rows);
      this.#length = grownU8(this.#length, rows);
      this.#holders = grownU32(this.#holders, rows);
    }
    if (length < IPV6 || id < this.#word1.length) return;
    const rows = this.#word0.length;
    this.#word1 = grownU32(this.#word1, rows);
    this.#word2 = grownU32(this.#word2, rows);
    this.#word3 = grownU32(this.#word3, rows);
  }

  /** Where the index has the prefix, or where it belongs. */
  #probe(hash: number, a: number, b: number, c: number, d: number, length: number): number {
    const index = this.#index;
    let slot = index.home(hash);
    for (let id = index.at(slot); id !== NONE; slot = index.next(slot), id = index.at(slot)) {
      if (this.#is(id, a, b, c, d, length)) break;
    }
    return slot;
  }

  #is(id: number, a: number, b: number, c: number, d: number, length: number): boolean {
    if (this.#word0[id] !== a || this.#length[id] !== length) return false;
    return length < IPV6 || (this.#word1[id] === b && this.#word2[id] === c && this.#word3[id] === d);
  }
}

function wordsOf({ address }: Prefix): readonly [number, number, number, number] {
  if (typeof address === "number") return [address, 0, 0, 0];
  const whole: bigint = address;
  return [wordAt(whole, 96n), wordAt(whole, 64n), wordAt(whole, 32n), wordAt(whole, 0n)];
}

function wordAt(address: bigint, shift: bigint): number {
  return Number((address >> shift) & 0xffff_ffffn);
}

/**
 * Sixteen prefixes of one length that follow each other in address share a line of the processor's cache in the index, for
 * tables are mostly such; where the sixteen go is the finaliser of MurmurHash3 over the rest.
 */
function hashOf(a: number, b: number, c: number, d: number, length: number): number {
  if (length >= IPV6) return mix(mix(mix(mix(a ^ length) ^ b) ^ c) ^ d);
  const network = length === 0 ? 0 : a >>> (32 - length);
  return (mix((network >>> 4) ^ Math.imul(length, 0x9e37_79b1)) << 4) | (network & 15);
}

function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}

/** The first `count` bytes of a word. */
function writeWord(word: number, count: number, into: Uint8Array, at: number): number {
  for (let index = 0; index < count; index++) into[at + index] = word >>> (24 - 8 * index);
  return at + count;
}
