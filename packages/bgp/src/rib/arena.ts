import { grown32, grownU8, roomFor } from "./columns.ts";

const FIRST_BYTES = 4096;

/**
 * Byte strings by number, one behind the other in one array. What is dropped leaves a gap; when gaps are half of the arena
 * the rest moves together. So a byte string costs its bytes, and the arena at most twice what is in it.
 */
export class Arena {
  #bytes = new Uint8Array(FIRST_BYTES);
  #end = 0;
  #gaps = 0;
  #start = new Int32Array(0);
  #length = new Int32Array(0);

  /** Keeps a copy under a number that has none. */
  put(id: number, bytes: Uint8Array): void {
    if (id >= this.#start.length) {
      const rows = roomFor(id, this.#start.length);
      this.#start = grown32(this.#start, rows);
      this.#length = grown32(this.#length, rows);
    }
    if (this.#end + bytes.length > this.#bytes.length) this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#start[id] = this.#end;
    this.#length[id] = bytes.length;
    this.#end += bytes.length;
  }

  drop(id: number): void {
    this.#gaps += this.#length[id] ?? 0;
    this.#length[id] = 0;
  }

  /** A view: good until the next `put`. */
  get(id: number): Uint8Array {
    const start = this.#start[id] ?? 0;
    return this.#bytes.subarray(start, start + (this.#length[id] ?? 0));
  }

  equals(id: number, bytes: Uint8Array): boolean {
    if (this.#length[id] !== bytes.length) return false;
    const start = this.#start[id] ?? 0;
    for (let at = 0; at < bytes.length; at++) if (this.#bytes[start + at] !== bytes[at]) return false;
    return true;
  }

  #makeRoom(size: number): void {
    if (this.#gaps * 2 > this.#end) this.#close();
    if (this.#end + size > this.#bytes.length)
      this.#bytes = grownU8(this.#bytes, roomFor(this.#end + size, this.#bytes.length));
  }

  /** Moves all byte strings together, in a new array: numbers are not in the order of their places. */
  #close(): void {
    const together = new Uint8Array(this.#bytes.length);
    let end = 0;
    for (const [id, length] of this.#length.entries()) {
      if (length === 0) continue;
      const start = this.#start[id] ?? 0;
      together.set(this.#bytes.subarray(start, start + length), end);
      this.#start[id] = end;
      end += length;
    }
    this.#bytes = together;
    this.#end = end;
    this.#gaps = 0;
  }
}
