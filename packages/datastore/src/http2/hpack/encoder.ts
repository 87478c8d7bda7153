import { DynamicTable } from "./dynamic-table.ts";
import { FIRST_DYNAMIC, STATIC_TABLE } from "./static-table.ts";

/** In the order in which they are sent. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

interface Entry {
  readonly name: string;
  readonly value: string;
  /** How many had been added before it. */
  readonly number: number;
}

const STATIC_PAIRS = new Map(STATIC_TABLE.map(([name, value], index) => [`${name}\n${value}`, index + 1]));
/** The first of those with the name. */
const STATIC_NAMES = new Map(STATIC_TABLE.map(([name], index) => [name, index + 1] as const).reverse());

/** Never the same twice: not worth a place in the table. */
const FLEETING: ReadonlySet<string> = new Set(["grpc-message"]);

/** We use no larger table than this, whatever the peer allows. */
const MAX_TABLE = 4096;

/**
 * RFC 7541 §6, the sending side. A header that has been sent before is one byte; Huffman coding is left out, as it would save
 * some bytes once a connection.
 *
 *     1iiiiiii                          name and value at an index
 *     01iiiiii [name] value             to be remembered; name at an index, or as text where that is 0
 *     0000iiii [name] value             not to be remembered
 *     001sssss                          the table's size from here on
 */
export class HpackEncoder {
  #bytes = Buffer.allocUnsafeSlow(1024);
  #length = 0;
  #added = 0;
  readonly #numbers = new Map<string, number>();
  readonly #table = new DynamicTable<Entry>(MAX_TABLE, ({ name, value, number }) => {
    const pair = `${name}\n${value}`;
    if (this.#numbers.get(pair) === number) this.#numbers.delete(pair);
  });
  /** The smallest size since the last block, to be told with the next. */
  #smallest: number | undefined;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  limitTable(size: number): void {
    const limited = Math.min(size, MAX_TABLE);
    if (limited === this.#table.maxSize) return;
    this.#table.resize(limited);
    this.#smallest = Math.min(limited, this.#smallest ?? limited);
  }

  /** A header block; it is overwritten by the next. Names are in lower case. */
  encode(headers: HeaderList): Buffer {
    this.#length = 0;
    if (this.#smallest !== undefined) this.#tellSize(this.#smallest);
    for (const [name, value] of headers) this.#header(name, value);
    return this.#bytes.subarray(0, this.#length);
  }

  #tellSize(smallest: number): void {
    this.#integer(0x20, 5, smallest);
    if (this.#table.maxSize !== smallest) this.#integer(0x20, 5, this.#table.maxSize);
    this.#smallest = undefined;
  }

  #header(name: string, value: string): void {
    const pair = `${name}\n${value}`;
    const number = this.#numbers.get(pair);
    const index = number === undefined ? STATIC_PAIRS.get(pair) : FIRST_DYNAMIC + this.#added - 1 - number;
    if (index !== undefined) {
      this.#integer(0x80, 7, index);
      return;
    }
    const isKept = !FLEETING.has(name);
    const nameIndex = STATIC_NAMES.get(name) ?? 0;
    if (isKept) this.#integer(0x40, 6, nameIndex);
    else this.#integer(0, 4, nameIndex);
    if (nameIndex === 0) this.#text(name);
    this.#text(value);
    if (isKept && this.#table.add({ name, value, number: this.#added })) this.#numbers.set(pair, this.#added++);
  }

  /** RFC 7541 §5.1: what does not fit into the first byte's `bits` follows in groups of seven, lowest first. */
  #integer(first: number, bits: number, value: number): void {
    this.#makeRoom(6);
    const most = (1 << bits) - 1;
    if (value < most) {
      this.#bytes[this.#length++] = first | value;
      return;
    }
    this.#bytes[this.#length++] = first | most;
    let rest = value - most;
    for (; rest >= 128; rest >>>= 7) this.#bytes[this.#length++] = 128 | (rest & 127);
    this.#bytes[this.#length++] = rest;
  }

  #text(text: string): void {
    this.#integer(0, 7, text.length);
    this.#makeRoom(text.length);
    this.#length += this.#bytes.write(text, this.#length, "latin1");
  }

  #makeRoom(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow((this.#length + more) * 2);
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
