/** What etcd refuses by default, so that what works here works there. */
export const MAX_REQUEST_BYTES = 1.5 * 1024 * 1024;

/** A message may be this much larger than the keys and values in it (etcd: grpcOverheadBytes). */
export const MESSAGE_OVERHEAD_BYTES = 512 * 1024;

/** Compares, or operations of one branch, in a transaction; those of nested ones included. */
export const MAX_TXN_OPERATIONS = 128;

/** Seconds. */
export const MAX_LEASE_TTL = 9_000_000_000;
export const MIN_LEASE_TTL = 1;
