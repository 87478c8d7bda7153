import type { FindingCode } from "../doctor/index.ts";

/** All that is known of one address. Times are as they are stored. */
export interface AddressStory {
  readonly address: string;
  /**
   * held: somebody has it. resting: released, and not to be given out yet. free: in a block. unclaimed: in a pool, in no
   * block yet. outside: in no pool and no block. unknown: its block cannot be read.
   */
  readonly state: "held" | "resting" | "free" | "unclaimed" | "outside" | "unknown";
  readonly pools: readonly StoryPool[];
  /** Names of the IPReservations it is in. */
  readonly reservedBy: readonly string[];
  readonly block: StoryBlock | undefined;
  readonly holder: StoryHolder | undefined;
  /** Since when it rests, and until when at the earliest, RFC 3339. */
  readonly rest: { readonly since: string; readonly until: string } | undefined;
  /** Of an address nobody holds: who could give it out, in words. */
  readonly givers: string | undefined;
  /** Endpoints and nodes that say they have it. */
  readonly uses: readonly StoryUse[];
  /** What of it contradicts what else is stored. */
  readonly contradictions: readonly StoryContradiction[];
}

export interface StoryPool {
  readonly name: string;
  readonly cidr: string;
  /** What it is for, and why it would or would not give this address to its holder's or block's node. */
  readonly why: string;
}

export interface StoryBlock {
  readonly cidr: string;
  readonly key: string;
  /** `host:node1`; null: nobody's. */
  readonly owner: string | null;
  /** Of the owner's affinity: confirmed, pending, pendingDeletion, missing, unreadable; undefined where there is no owner. */
  readonly affinity: string | undefined;
  /** RFC 3339. */
  readonly claimedAt: string | undefined;
  readonly total: number;
  readonly inUse: number;
  readonly sequence: bigint;
  readonly revision: bigint;
}

export interface StoryHolder {
  readonly handle: string | undefined;
  /** Of that handle, without this one. */
  readonly otherAddresses: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
  readonly alternate: Readonly<Record<string, string>>;
  /** As Go prints a time; undefined where the allocation does not say. */
  readonly since: string | undefined;
  readonly sequence: bigint;
  /** The node whose block it is, if the holder is on another. */
  readonly borrowedFrom: string | undefined;
}

export interface StoryUse {
  readonly by: string;
  readonly as: string;
  readonly node: string;
  /** When that resource was made, RFC 3339. */
  readonly since: string | undefined;
}

export interface StoryContradiction {
  readonly code: FindingCode;
  readonly what: string;
  readonly cause: string;
  readonly advice: string;
  /** Whether the doctor does it. */
  readonly isMendable: boolean;
}
