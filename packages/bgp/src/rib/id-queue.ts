import { FIRST_ROWS, grown32, grownU32, roomFor } from "./columns.ts";

/** Numbers that wait, each at most once, in the order in which they came. */
export class IdQueue {
  /** What waits is between `#head` and `#tail`. */
  #ids = new Int32Array(FIRST_ROWS);
  #head = 0;
  #tail = 0;
  /** A bit for each number: whether it waits. */
  #waiting = new Uint32Array(FIRST_ROWS >>> 5);

  get size(): number {
    return this.#tail - this.#head;
  }

  has(id: number): boolean {
    return ((this.#waiting[id >>> 5] ?? 0) & (1 << (id & 31))) !== 0;
  }

  /** False: it waits already. */
  add(id: number): boolean {
    const word = id >>> 5;
    if (word >= this.#waiting.length) this.#waiting = grownU32(this.#waiting, roomFor(word, this.#waiting.length));
    const bits = this.#waiting[word] ?? 0;
    const bit = 1 << (id & 31);
    if ((bits & bit) !== 0) return false;
    this.#waiting[word] = bits | bit;
    if (this.#tail === this.#ids.length) this.#makeRoom();
    this.#ids[this.#tail++] = id;
    return true;
  }

  /** The one that has waited longest; undefined: none waits. */
  take(): number | undefined {
    if (this.#head === this.#tail) return undefined;
    const id = this.#ids[this.#head++] ?? 0;
    const word = id >>> 5;
    this.#waiting[word] = (this.#waiting[word] ?? 0) & ~(1 << (id & 31));
    if (this.#head === this.#tail) this.#rewind();
    return id;
  }

  /** All that wait, which go on waiting. */
  *[Symbol.iterator](): IterableIterator<number> {
    for (let at = this.#head; at < this.#tail; at++) yield this.#ids[at] ?? 0;
  }

  #rewind(): void {
    this.#head = 0;
    this.#tail = 0;
  }

  /** Moves what waits to the front where that makes enough room, else grows. */
  #makeRoom(): void {
    if (this.#head > this.#ids.length >>> 1) {
      this.#ids.copyWithin(0, this.#head, this.#tail);
      this.#tail -= this.#head;
      this.#head = 0;
    } else {
      this.#ids = grown32(this.#ids, roomFor(this.#tail, this.#ids.length));
    }
  }
}
