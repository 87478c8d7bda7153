import { NO_LEASE } from "./entry.ts";

/** What comes out of the file is checked like anything from outside: SQLite's types are a matter of each row. */
export function columnsOf(row: unknown): readonly unknown[] {
  if (!Array.isArray(row)) throw new TypeError("the statement does not return arrays");
  return row;
}

export function integer(column: unknown): number {
  if (typeof column !== "number") throw new TypeError(`expected an integer in the data file, found ${typeof column}`);
  return column;
}

export function bytes(column: unknown): Uint8Array {
  if (!(column instanceof Uint8Array)) throw new TypeError(`expected bytes in the data file, found ${typeof column}`);
  return column;
}

export function text(column: unknown): string {
  if (typeof column !== "string") throw new TypeError(`expected text in the data file, found ${typeof column}`);
  return column;
}

export function leaseFromColumn(column: unknown): bigint {
  return column === null ? NO_LEASE : BigInt(text(column));
}

export function leaseToColumn(lease: bigint): string | null {
  return lease === NO_LEASE ? null : lease.toString();
}
