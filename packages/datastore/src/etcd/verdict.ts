import { DatastoreError, type DatastoreErrorCode } from "../errors.ts";
import { GrpcCode, type GrpcError } from "../grpc/index.ts";

/** What a failed attempt means for the call. */
export interface Verdict {
  readonly code: DatastoreErrorCode;
  /**
   * `final`: the server has decided, asking again changes nothing. `again`: it was certainly not done, and may be soon.
   * `login`: not done for want of a valid token. `unknown`: it may have been done.
   */
  readonly next: "final" | "again" | "login" | "unknown";
  readonly fix?: string;
}

interface Rule extends Verdict {
  readonly status: GrpcCode;
  /** In the status message; etcd tells its errors of one status code apart by text alone. */
  readonly text?: string;
}

const SPACE = "make room: delete and compact, or give it a larger disk or quota; then etcdctl alarm disarm";
const LOGIN = "check the user name and password of the datastore";

/** The first that fits holds. Texts: etcd's api/v3rpc/rpctypes/error.go. */
const RULES: readonly Rule[] = [
  { status: GrpcCode.OUT_OF_RANGE, text: "has been compacted", code: "COMPACTED", next: "final" },
  { status: GrpcCode.OUT_OF_RANGE, text: "future revision", code: "FUTURE_REVISION", next: "final" },
  { status: GrpcCode.OUT_OF_RANGE, code: "INVALID", next: "final" },
  { status: GrpcCode.NOT_FOUND, code: "NOT_FOUND", next: "final" },
  { status: GrpcCode.RESOURCE_EXHAUSTED, text: "space exceeded", code: "NO_SPACE", next: "final", fix: SPACE },
  { status: GrpcCode.RESOURCE_EXHAUSTED, text: "larger than max", code: "TOO_LARGE", next: "final" },
  { status: GrpcCode.RESOURCE_EXHAUSTED, text: "too many requests", code: "UNAVAILABLE", next: "again" },
  { status: GrpcCode.INVALID_ARGUMENT, text: "too large", code: "TOO_LARGE", next: "final" },
  { status: GrpcCode.INVALID_ARGUMENT, text: "too many operations", code: "TOO_LARGE", next: "final" },
  {
    status: GrpcCode.INVALID_ARGUMENT,
    text: "authentication failed",
    code: "UNAUTHENTICATED",
    next: "final",
    fix: LOGIN,
  },
  { status: GrpcCode.INVALID_ARGUMENT, text: "user name is empty", code: "UNAUTHENTICATED", next: "login", fix: LOGIN },
  { status: GrpcCode.INVALID_ARGUMENT, text: "auth store is old", code: "UNAUTHENTICATED", next: "login", fix: LOGIN },
  { status: GrpcCode.INVALID_ARGUMENT, code: "INVALID", next: "final" },
  { status: GrpcCode.UNAUTHENTICATED, code: "UNAUTHENTICATED", next: "login", fix: LOGIN },
  { status: GrpcCode.PERMISSION_DENIED, code: "PERMISSION_DENIED", next: "final" },
  { status: GrpcCode.FAILED_PRECONDITION, text: "authentication is not enabled", code: "UNSUPPORTED", next: "final" },
  { status: GrpcCode.UNIMPLEMENTED, code: "UNSUPPORTED", next: "final" },
  // Checked before anything is done, because every call carries `hasleader`.
  { status: GrpcCode.UNAVAILABLE, text: "no leader", code: "UNAVAILABLE", next: "again" },
  { status: GrpcCode.UNAVAILABLE, code: "UNAVAILABLE", next: "unknown" },
  { status: GrpcCode.CANCELLED, code: "UNAVAILABLE", next: "unknown" },
  { status: GrpcCode.DEADLINE_EXCEEDED, code: "TIMEOUT", next: "unknown" },
];

const ANYTHING_ELSE: Verdict = { code: "INTERNAL", next: "unknown" };

export function judge(error: GrpcError): Verdict {
  switch (error.origin) {
    case "unsent":
      return { code: "UNAVAILABLE", next: "again" };
    case "lost":
      return { code: "UNAVAILABLE", next: "unknown" };
    case "local":
      return { code: error.code === GrpcCode.CANCELLED ? "CLOSED" : "TIMEOUT", next: "unknown" };
    case "peer":
      return (
        RULES.find((rule) => rule.status === error.code && error.message.includes(rule.text ?? "")) ?? ANYTHING_ELSE
      );
  }
}

/** The error of a call that is given up. A write that may have happened is UNKNOWN_OUTCOME, whatever went wrong. */
export function toDatastoreError(error: GrpcError, what: string, kind: "read" | "write"): DatastoreError {
  const verdict = judge(error);
  if (kind === "write" && verdict.next === "unknown") {
    return new DatastoreError("UNKNOWN_OUTCOME", `${what} may or may not have happened`, {
      why: error.message,
      fix: "read what is there before repeating it",
      cause: error,
    });
  }
  return new DatastoreError(verdict.code, `${what} failed`, { why: error.message, fix: verdict.fix, cause: error });
}
