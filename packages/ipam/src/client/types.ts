import type { Compare, Operation, Revision } from "@ocicat/datastore";
import type { Address, Family, Prefix } from "@ocicat/net";
import type { IpamPool, PoolUse } from "../pool/index.ts";

/** Writes of the caller's own that happen together with the allocation or release: the WorkloadEndpoint. */
export interface Extra {
  /** If one does not hold, the request fails with IPAM_EXTRA_CONFLICT and nothing of it happens. */
  readonly compares?: readonly Compare[];
  /** On keys outside IPAM. */
  readonly operations: readonly Operation[];
  /**
   * Told the revision of the operations before the request's promise resolves, where one transaction did it all and its
   * answer came. Otherwise the caller reads what it wrote.
   */
  readonly committed?: (revision: Revision) => void;
}

export interface Want {
  readonly family: Family;
  /** 1 unless told. */
  readonly count?: number;
  /** Pools by name or CIDR, in this order; all that select the node unless told. */
  readonly pools?: readonly string[];
  /** A further condition on pools not named: the namespace's selector. */
  readonly allows?: (pool: IpamPool) => boolean;
}

export interface AssignRequest {
  /** Who will hold the addresses: `<network>.<container id>`. The same one asking again gets the same addresses. */
  readonly handleId: string;
  /** `pod`, `namespace`, `type`, …; `node` and `timestamp` are added. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Workload unless told; LoadBalancer where no node asks. */
  readonly use?: PoolUse;
  /** All of them or none: one entry, or one for each family. */
  readonly wants: readonly Want[];
  /** Called with the addresses before anything is written; may be called again if they change. */
  readonly extra?: (addresses: readonly AssignedAddress[]) => Extra;
}

export interface AssignIpRequest extends ChosenAddresses {
  readonly address: Address;
}

export interface AssignIpsRequest extends ChosenAddresses {
  /** All of them or none. */
  readonly addresses: readonly Address[];
}

interface ChosenAddresses {
  readonly handleId: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** Any use the pool is for unless told. */
  readonly use?: PoolUse;
  readonly extra?: (addresses: readonly AssignedAddress[]) => Extra;
}

/** An address and why it is this one. */
export interface AssignedAddress {
  readonly address: Address;
  readonly family: Family;
  /** Undefined if no pool holds the address any more: an allocation outlives its pool. */
  readonly pool: string | undefined;
  readonly block: Prefix;
  /** What a release may name, to be sure it releases this allocation and not a later one. */
  readonly sequence: bigint;
  /** Whose block it is, as the block says (`host:node2`), if it is not this node's; `nobody` for a block without owner. */
  readonly borrowedFrom: string | undefined;
  /** The handle held it before: nothing was allocated. */
  readonly reused: boolean;
  readonly reason: string;
}

export interface ReleaseAddress {
  readonly address: Address;
  /** Released only if this handle still holds it. */
  readonly handleId?: string;
  /** Released only if this is still the sequence number of its allocation. */
  readonly sequence?: bigint;
}

/**
 * Addresses, all or none; or all that a handle holds. One request is one commit: with transactions at most about a hundred
 * blocks and handles at once, beyond that the store answers TOO_LARGE and nothing is released.
 */
export type ReleaseRequest = ({ readonly addresses: readonly ReleaseAddress[] } | { readonly handleId: string }) & {
  readonly extra?: Extra;
};

export interface ReleaseResult {
  readonly released: readonly Address[];
  /** Asked for by address, and free already: not an error. */
  readonly absent: readonly Address[];
}
