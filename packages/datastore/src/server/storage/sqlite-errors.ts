/** SQLite's primary result codes that we tell apart (sqlite.org/rescode.html). */
export const SQLITE = {
  BUSY: 5,
  NOMEM: 7,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  NOTADB: 26,
} as const;

/** The primary result code of an error thrown by node:sqlite; undefined for any other error. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

/** Failures of the machine, which take the whole transaction with them; any other error is one statement's. */
const OF_THE_MACHINE: ReadonlySet<number> = new Set([
  SQLITE.NOMEM,
  SQLITE.READONLY,
  SQLITE.IOERR,
  SQLITE.CORRUPT,
  SQLITE.FULL,
  SQLITE.CANTOPEN,
  SQLITE.NOTADB,
]);

export function isMachineFailure(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== undefined && OF_THE_MACHINE.has(code);
}
