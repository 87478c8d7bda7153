/**
 * Tables here are columns: one typed array for each property, indexed by a row's number. Row 0 is never used, so that 0 can
 * say "none". A column costs its bytes and nothing more: no object a row, nothing for the garbage collector to look at.
 */
export const NONE = 0;

/** Rows that a new table has room for. A speaker of a few routes must stay small. */
export const FIRST_ROWS = 64;

/** The column with room for `rows`, what it holds kept, the rest 0. */
export function grown32(column: Int32Array<ArrayBuffer>, rows: number): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(rows);
  longer.set(column);
  return longer;
}

/** The same for unsigned words: addresses, identifiers, metrics. */
export function grownU32(column: Uint32Array<ArrayBuffer>, rows: number): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(rows);
  longer.set(column);
  return longer;
}

/** The same for half words: numbers of peers. */
export function grownU16(column: Uint16Array<ArrayBuffer>, rows: number): Uint16Array<ArrayBuffer> {
  const longer = new Uint16Array(rows);
  longer.set(column);
  return longer;
}

/** The same for bytes: lengths, flags. */
export function grownU8(column: Uint8Array<ArrayBuffer>, rows: number): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(rows);
  longer.set(column);
  return longer;
}

/**
 * Puts a value into a column that is as long as its last row that is not 0: nothing, where all are. What is beyond is read as
 * undefined, and stands for 0. The column, or a longer one.
 */
export function putSparse(column: Int32Array<ArrayBuffer>, row: number, value: number): Int32Array<ArrayBuffer> {
  if (row >= column.length && value === NONE) return column;
  const longer = row < column.length ? column : grown32(column, roomFor(row, column.length));
  longer[row] = value;
  return longer;
}

/**
 * How long a column becomes that must hold `row`: four times as long, so that growing costs little in all. What of it was never
 * written takes no memory: the system gives a page when it is first touched.
 */
export function roomFor(row: number, length: number): number {
  return Math.max(row + 1, length * 4);
}

/** Hands out the rows of a table, the lowest that was never used or the one that was given back last. */
export class Rows {
  /** Rows that were given back, the last one at the end. */
  #free = new Int32Array(0);
  #freed = 0;
  #next = 1;

  /** Rows in use. */
  get size(): number {
    return this.#next - 1 - this.#freed;
  }

  /** All rows in use are below. */
  get end(): number {
    return this.#next;
  }

  take(): number {
    if (this.#freed === 0) return this.#next++;
    this.#freed -= 1;
    return this.#free[this.#freed] ?? NONE;
  }

  give(row: number): void {
    if (this.#freed === this.#free.length) this.#free = grown32(this.#free, roomFor(this.#freed, this.#free.length));
    this.#free[this.#freed] = row;
    this.#freed += 1;
  }
}
