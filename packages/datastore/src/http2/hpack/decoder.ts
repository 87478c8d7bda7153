import { ConnectionFault, ErrorCode } from "../errors.ts";
import { DynamicTable, entrySize, type TableEntry } from "./dynamic-table.ts";
import { decodeHuffman } from "./huffman.ts";
import { FIRST_DYNAMIC, STATIC_TABLE } from "./static-table.ts";

/** Our SETTINGS_HEADER_TABLE_SIZE, the default. */
const MAX_TABLE = 4096;

const STATIC_ENTRIES: readonly TableEntry[] = STATIC_TABLE.map(([name, value]) => ({ name, value }));

/** A header block decoded. */
export interface DecodedBlock {
  readonly headers: readonly TableEntry[];
  /** It was larger than allowed: `headers` is not all of it. */
  readonly isTooLarge: boolean;
}

/**
 * RFC 7541 §3, the receiving side (the forms are drawn in encoder.ts). Every block must be decoded, wanted or not: the table
 * of both ends must stay the same. So a block that names more than `maxListSize` is read to its end, and not kept.
 */
export class HpackDecoder {
  readonly #table = new DynamicTable<TableEntry>(MAX_TABLE);
  readonly #maxListSize: number;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(maxListSize: number) {
    this.#maxListSize = maxListSize;
  }

  /** Throws ConnectionFault (COMPRESSION_ERROR): the tables are not the same any more. */
  decode(block: Buffer): DecodedBlock {
    this.#block = block;
    this.#at = 0;
    const headers: TableEntry[] = [];
    let size = 0;
    while (this.#at < block.length) {
      const entry = this.#next(size === 0);
      if (entry === undefined) continue;
      size += entrySize(entry.name, entry.value);
      if (size <= this.#maxListSize) headers.push(entry);
    }
    this.#block = Buffer.alloc(0);
    return { headers, isTooLarge: size > this.#maxListSize };
  }

  /** Undefined: a change of the table's size, which may stand before the first header only. */
  #next(isFirst: boolean): TableEntry | undefined {
    const first = this.#block[this.#at] ?? 0;
    if (first >= 0x80) return this.#entry(this.#integer(7));
    if (first >= 0x40) {
      const entry = this.#literal(6);
      this.#table.add(entry);
      return entry;
    }
    if (first < 0x20) return this.#literal(4);
    const size = this.#integer(5);
    if (!isFirst || size > MAX_TABLE) throw malformed("a table size out of place or range");
    this.#table.resize(size);
    return undefined;
  }

  #literal(bits: number): TableEntry {
    const index = this.#integer(bits);
    const name = index === 0 ? this.#text() : this.#entry(index).name;
    return { name, value: this.#text() };
  }

  #entry(index: number): TableEntry {
    const entry = index < FIRST_DYNAMIC ? STATIC_ENTRIES[index - 1] : this.#table.at(index - FIRST_DYNAMIC);
    if (entry === undefined) throw malformed(`index ${index}, which names nothing`);
    return entry;
  }

  #integer(bits: number): number {
    const most = (1 << bits) - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    // Four more bytes reach beyond anything we take.
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      value += (byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw malformed("an integer too large");
  }

  #text(): string {
    const isCoded = ((this.#block[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#integer(7);
    const end = this.#at + length;
    if (end > this.#block.length) throw malformed("a string longer than its block");
    const bytes = this.#block.subarray(this.#at, end);
    this.#at = end;
    return (isCoded ? decodeHuffman(bytes) : bytes).toString("latin1");
  }

  #byte(): number {
    const byte = this.#block[this.#at];
    if (byte === undefined) throw malformed("its end amid a header");
    this.#at += 1;
    return byte;
  }
}

function malformed(what: string): ConnectionFault {
  return new ConnectionFault(ErrorCode.COMPRESSION_ERROR, `a header block has ${what}`);
}
