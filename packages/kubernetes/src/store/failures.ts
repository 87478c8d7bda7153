import { DatastoreError, type DatastoreErrorCode } from "@ocicat/datastore";
import { compacted, futureRevision, tooLarge } from "@ocicat/datastore/shared";
import { ApiError, TOO_LARGE_VERSION } from "../api/index.ts";

const BY_STATUS: Readonly<Record<number, DatastoreErrorCode>> = {
  400: "INVALID",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "UNAVAILABLE",
  405: "UNSUPPORTED",
  409: "CONFLICT",
  413: "TOO_LARGE",
  422: "INVALID",
};

/** How etcd, behind the API server, and the server itself say that a value is too large. */
const TOO_LARGE_TEXT = /request is too large|larger than max|Request entity too large|Too long: may not be/i;

/** The server's refusal in the datastore's words. `revision`: what was to be read. */
export function toDatastoreError(error: unknown, key: string, revision?: bigint): unknown {
  if (!(error instanceof ApiError)) return error;
  const { status, reason, outcome, told } = error;
  if (TOO_LARGE_TEXT.test(told)) return tooLarge(undefined, error);
  if (status === 410) return compacted(`reading ${key}`, revision ?? 0n, undefined);
  if (reason === TOO_LARGE_VERSION || /required revision is a future/.test(told)) {
    return futureRevision(revision ?? 0n, undefined);
  }
  if (outcome === "unknown") {
    return new DatastoreError("UNKNOWN_OUTCOME", `${error.where} was not answered: it may have happened`, {
      key,
      why: told,
      fix: "read it, and repeat what is not there",
      cause: error,
    });
  }
  const code = BY_STATUS[status] ?? "UNAVAILABLE";
  return new DatastoreError(code, error.where ?? "the request", {
    key,
    why: told,
    fix: status === 404 ? "apply the manifest: it defines the cluster's resources" : error.fix,
    cause: error,
  });
}
