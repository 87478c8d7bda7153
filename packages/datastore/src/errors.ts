import { OcicatError } from "@ocicat/kit";
import type { KeyValue } from "./datastore.ts";

export type DatastoreErrorCode =
  | "ALREADY_EXISTS"
  | "NOT_FOUND"
  | "CONFLICT"
  | "COMPACTED"
  | "FUTURE_REVISION"
  | "UNAVAILABLE"
  | "TIMEOUT"
  | "UNKNOWN_OUTCOME"
  | "UNSUPPORTED"
  | "INVALID"
  | "TOO_LARGE"
  | "UNAUTHENTICATED"
  | "PERMISSION_DENIED"
  | "NO_SPACE"
  | "CLOSED"
  | "INTERNAL";

const RETRYABLE: ReadonlySet<DatastoreErrorCode> = new Set<DatastoreErrorCode>(["UNAVAILABLE", "TIMEOUT"]);

interface Details {
  readonly key?: string | undefined;
  readonly why?: string | undefined;
  readonly fix?: string | undefined;
  readonly current?: KeyValue | undefined;
  readonly cause?: unknown;
}

export class DatastoreError extends OcicatError {
  declare readonly code: DatastoreErrorCode;
  /** With CONFLICT and ALREADY_EXISTS: the key as it is, where the backend says so. */
  readonly current: KeyValue | undefined;

  constructor(code: DatastoreErrorCode, what: string, details: Details = {}) {
    super({
      code,
      what,
      where: details.key,
      why: details.why,
      fix: details.fix,
      cause: details.cause,
      retryable: RETRYABLE.has(code),
    });
    this.current = details.current;
  }
}
