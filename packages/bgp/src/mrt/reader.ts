import { OcicatError } from "@ocicat/kit";
import { ByteReader } from "@ocicat/net";
import { concat } from "../wire/framer.ts";
import { HEADER_LENGTH, hasMicroseconds, MICROSECONDS, type MrtRecord } from "./record.ts";

/** No record is longer: a table of 10,000 peers' paths to one prefix has some 2 MB. What says more is no record. */
const LONGEST = 16 * 1024 * 1024;

/** The file cannot be read from here on: `offset` is the record's place. */
export function damaged(file: string, offset: number, what: string, why?: string): OcicatError {
  const fix = "what stands before it can be used; get the file again, or cut it off there";
  return new OcicatError({ code: "MRT_DAMAGED", where: `${file}, byte ${offset}`, what, why, fix });
}

/** Cuts a file into records. Bytes may come in any pieces; no more than one record and one piece is held. */
export class MrtReader {
  readonly #file: string;
  #pending: Uint8Array = new Uint8Array(0);
  /** Of `#pending`, from the file's beginning. */
  #offset = 0;

  /** `file`: its name, for messages. */
  constructor(file: string) {
    this.#file = file;
  }

  push(chunk: Uint8Array): void {
    this.#pending = this.#pending.length === 0 ? chunk : concat(this.#pending, chunk);
  }

  /** The next whole record; undefined: more bytes are needed. Throws OcicatError MRT_DAMAGED. */
  next(): MrtRecord | undefined {
    if (this.#pending.length < HEADER_LENGTH) return undefined;
    const reader = new ByteReader(this.#pending);
    const seconds = reader.u32();
    const type = reader.u16();
    const subtype = reader.u16();
    const length = reader.u32();
    const offset = this.#offset;
    if (length > LONGEST)
      throw damaged(this.#file, offset, `a record of ${length} bytes`, "no record is longer than 16 MiB");
    const extended = hasMicroseconds(type);
    if (extended && length < 4)
      throw damaged(this.#file, offset, `a record of ${length} bytes has no room for its microseconds`);
    if (reader.left < length) return undefined;
    const microseconds = extended ? reader.u32() : 0;
    const body = reader.bytes(extended ? length - 4 : length);
    this.#pending = this.#pending.subarray(HEADER_LENGTH + length);
    this.#offset += HEADER_LENGTH + length;
    return { time: BigInt(seconds) * MICROSECONDS + BigInt(microseconds), type, subtype, body, offset };
  }

  /** The file ends here. Throws OcicatError MRT_DAMAGED if a record does not. */
  end(): void {
    const { length } = this.#pending;
    if (length === 0) return;
    const wanted = length < HEADER_LENGTH ? "its header" : `${new ByteReader(this.#pending, 8).u32()} bytes`;
    throw damaged(this.#file, this.#offset, "the file ends within a record", `${length} bytes are there, of ${wanted}`);
  }
}
