import type { KeyValue, Revision } from "../datastore.ts";
import { DatastoreError } from "../errors.ts";

/** The failures every backend reports, in the same words. */

export function alreadyExists(key: string, current: KeyValue | undefined): DatastoreError {
  const at = current === undefined ? "" : ` at revision ${current.modRevision}`;
  return new DatastoreError("ALREADY_EXISTS", `exists already${at}`, { key, current });
}

export function notFound(key: string): DatastoreError {
  return new DatastoreError("NOT_FOUND", "does not exist", { key });
}

export function conflict(key: string, expected: Revision, current: KeyValue): DatastoreError {
  return new DatastoreError("CONFLICT", `is at revision ${current.modRevision}, not at ${expected}`, {
    key,
    why: "somebody else wrote it in between",
    fix: "read it again and repeat the change on what is there now",
    current,
  });
}

export function compacted(what: string, revision: Revision, oldest: Revision | undefined): DatastoreError {
  const why = oldest === undefined ? "" : `; the oldest that can be read is ${oldest}`;
  return new DatastoreError("COMPACTED", `${what} at revision ${revision}: that history is gone${why}`, {
    fix: "list again and go on from the revision the list shows",
  });
}

export function futureRevision(revision: Revision, newest: Revision | undefined): DatastoreError {
  const why = newest === undefined ? undefined : `the store is at ${newest}`;
  return new DatastoreError("FUTURE_REVISION", `revision ${revision} has not happened yet`, { why });
}

export function leaseNotFound(lease: bigint | undefined): DatastoreError {
  const name = lease === undefined ? "the lease" : `lease ${lease.toString(16)}`;
  return new DatastoreError("NOT_FOUND", `${name} does not exist or has expired`, {
    fix: "grant a new lease and put its keys again",
  });
}

export function unsupported(what: string): DatastoreError {
  return new DatastoreError("UNSUPPORTED", `this datastore has no ${what}`, {
    fix: `ask \`abilities.${what}\` before using them`,
  });
}

export function closed(): DatastoreError {
  return new DatastoreError("CLOSED", "the datastore has been closed");
}
