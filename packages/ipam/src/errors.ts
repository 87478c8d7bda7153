import { type ErrorDetails, OcicatError } from "@ocicat/kit";

export type IpamErrorCode =
  /** No pool may serve the request. */
  | "IPAM_NO_POOL"
  /** The pools have no address left for this node. */
  | "IPAM_EXHAUSTED"
  /** The node has as many blocks as it may have, and they are full. */
  | "IPAM_BLOCK_LIMIT"
  /** The address is in another node's block, and nodes may not borrow. */
  | "IPAM_STRICT_AFFINITY"
  | "IPAM_ADDRESS_TAKEN"
  | "IPAM_ADDRESS_OUTSIDE_POOLS"
  /** What was to be released is held by another handle by now. */
  | "IPAM_BAD_HANDLE"
  /** What was to be released has been given anew since. */
  | "IPAM_BAD_SEQUENCE"
  /** A compare of the caller's own did not hold. */
  | "IPAM_EXTRA_CONFLICT"
  | "IPAM_BLOCK_TAKEN"
  /** Others changed the same rows every time. Retryable. */
  | "IPAM_CONTENTION"
  /** The datastore did not say whether a write happened; the next request settles it. Retryable. */
  | "IPAM_OUTCOME_UNKNOWN"
  | "IPAM_REQUEST_INVALID"
  /** What must not happen under running agents was asked for while the datastore is open. */
  | "IPAM_NOT_LOCKED"
  /** A pool cannot be divided in this way. */
  | "IPAM_SPLIT_INVALID";

const RETRYABLE: ReadonlySet<IpamErrorCode> = new Set(["IPAM_CONTENTION", "IPAM_OUTCOME_UNKNOWN"]);

/** What an allocation or release failed with, beside the store's own DatastoreError and IpamCorruptError. */
export class IpamError extends OcicatError {
  declare readonly code: IpamErrorCode;

  constructor(details: Omit<ErrorDetails, "code" | "retryable"> & { readonly code: IpamErrorCode }) {
    super({ ...details, retryable: RETRYABLE.has(details.code) });
  }
}
