import type { ListOptions, Revision, Transaction, WatchOptions, WriteOptions } from "../datastore.ts";
import { DatastoreError } from "../errors.ts";
import { utf8Length } from "./keys.ts";

/** etcd's default for compares and for operations in one transaction (`--max-txn-ops`). */
export const MAX_TRANSACTION_OPERATIONS = 128;

/** etcd's default for one request in bytes (`--max-request-bytes`): keys and values together, and a little framing. */
export const MAX_REQUEST_BYTES = 1.5 * 1024 * 1024;

/** etcd's longest lease in seconds. */
const MAX_LEASE_SECONDS = 9_000_000_000;

/** What no backend can store is refused before it leaves, in the same words everywhere. All throw INVALID. */

export function checkKey(key: string): void {
  if (key === "") throw invalid("a key cannot be empty");
  checkText(key, "a key", key);
}

export function checkPrefix(prefix: string): void {
  checkText(prefix, "a prefix", prefix);
}

export function checkWrite(key: string, value: string, options: WriteOptions | undefined): void {
  checkKey(key);
  checkText(value, "a value", key);
  if (options?.lease !== undefined && options.lease < 0n) throw invalid(`lease ${options.lease} is negative`, key);
}

export function checkRevision(revision: Revision | undefined): void {
  if (revision !== undefined && revision < 1n) throw invalid(`revision ${revision} is below 1, where history begins`);
}

export function checkList(prefix: string, options: ListOptions | undefined): void {
  checkPrefix(prefix);
  checkRevision(options?.revision);
  if (options?.after !== undefined) checkPrefix(options.after);
  const limit = options?.limit;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1)) {
    throw invalid(`limit ${limit} is not a whole number from 1 on`);
  }
}

export function checkWatch(prefix: string, options: WatchOptions): void {
  checkPrefix(prefix);
  checkRevision(options.from);
}

export function checkLeaseSeconds(seconds: number): void {
  if (Number.isSafeInteger(seconds) && seconds >= 1 && seconds <= MAX_LEASE_SECONDS) return;
  throw invalid(`a lease of ${seconds} s: whole seconds from 1 to ${MAX_LEASE_SECONDS} are possible`);
}

export function checkTransaction({ compares, operations }: Transaction): void {
  for (const compare of compares) checkKey(compare.key);
  const written = new Set<string>();
  for (const operation of operations) {
    const key = "put" in operation ? operation.put : operation.delete;
    if ("put" in operation) checkWrite(key, operation.value, operation);
    else checkKey(key);
    if (written.has(key)) throw invalid("is written twice in one transaction", key);
    written.add(key);
  }
  const most = Math.max(compares.length, operations.length);
  if (most > MAX_TRANSACTION_OPERATIONS) {
    throw new DatastoreError(
      "TOO_LARGE",
      `a transaction of ${compares.length} compares and ${operations.length} operations`,
      {
        why: `at most ${MAX_TRANSACTION_OPERATIONS} of each are possible`,
        fix: "split it where a crash between the parts does no harm",
      },
    );
  }
}

/** Throws TOO_LARGE for texts that no server at its default would take in one request. */
export function checkSize(texts: readonly string[]): void {
  const atMost = texts.reduce((sum, text) => sum + 3 * text.length, 0);
  if (atMost <= MAX_REQUEST_BYTES) return;
  const bytes = texts.reduce((sum, text) => sum + utf8Length(text), 0);
  if (bytes > MAX_REQUEST_BYTES) throw tooLarge(bytes);
}

export function tooLarge(bytes: number | undefined, cause?: unknown): DatastoreError {
  const size = bytes === undefined ? "a request" : `a request of ${bytes} bytes`;
  return new DatastoreError("TOO_LARGE", `${size} is more than the store takes`, {
    why: `${MAX_REQUEST_BYTES} bytes, unless its server is configured otherwise`,
    fix: "split the value over several keys",
    cause,
  });
}

function checkText(text: string, what: string, key: string): void {
  if (!text.isWellFormed()) throw invalid(`${what} with half a surrogate pair in it is not text and has no UTF-8`, key);
}

function invalid(what: string, key?: string): DatastoreError {
  return new DatastoreError("INVALID", what, { key: key?.toWellFormed() });
}
