import type { AffinityOwner } from "@ocicat/api/ipam";
import type { Prefix } from "@ocicat/net";
import type { AffinityRow, Allocation, EndpointRow } from "./rows.ts";
import type { Subject } from "./subject.ts";

/** Why something is garbage. Stable: these are metrics' labels, and stand in logs and in the backlog. */
export type Reason =
  /** No endpoint is of the container that holds the address, and none has the address. */
  | "container-gone"
  /** The node that gave the address out does not exist. */
  | "node-gone"
  /** A handle counts something else than the blocks give it, or is missing, or is of nobody. */
  | "handle-wrong"
  /** A claim or a release of a block stands half-way; or an affinity and its block do not say the same. */
  | "affinity-half-done"
  /** A block of a node that does not exist, or its affinity. */
  | "block-of-gone-node"
  /** A block that is nobody's, and of which nobody has an address. */
  | "block-of-nobody"
  /** A block that its node has not used for the whole grace period, and is not its last. */
  | "block-idle"
  /** An endpoint, or a bare marker, of a node that does not exist. */
  | "left-by-gone-node"
  /** The runtime of the node says that the container does not exist (CNI GC). */
  | "attachment-not-valid";

/** What would be done, with all that it rests on. */
export type Action =
  /** All that a handle holds is given back, and the endpoints go with it. */
  | {
      readonly do: "release";
      readonly handleId: string;
      /** Undefined: the handle's row does not exist. */
      readonly handleRevision: bigint | undefined;
      /** The handle counts addresses in other blocks too: it is not deleted, but counts less. */
      readonly handleStays: boolean;
      readonly allocations: readonly Allocation[];
      readonly endpoints: readonly EndpointRow[];
      /** Nodes that must not exist. */
      readonly goneNodes: readonly string[];
    }
  /** The handle is made to count what the blocks give it; without any it is deleted. */
  | {
      readonly do: "recount";
      readonly handleId: string;
      readonly handleRevision: bigint | undefined;
      /** Keys of all blocks it names or is named in. */
      readonly blocks: readonly string[];
    }
  /** The affinities to a block are made to say what the block says. */
  | { readonly do: "align"; readonly prefix: Prefix; readonly affinities: readonly AffinityRow[] }
  /** The owner gives the block up: it is deleted if unused, else left to those who hold addresses of it. */
  | {
      readonly do: "give-up";
      readonly prefix: Prefix;
      readonly owner: AffinityOwner | undefined;
      readonly onlyUnused: boolean;
      /** Undefined: whatever it is. */
      readonly sequence: bigint | undefined;
      readonly affinities: readonly AffinityRow[];
      /** Another one of the owner's, which must be there still: nobody loses his last block. */
      readonly keeps: AffinityRow | undefined;
      readonly goneNodes: readonly string[];
    }
  | {
      readonly do: "delete";
      readonly key: string;
      readonly revision: bigint;
      readonly goneNodes: readonly string[];
    };

export interface Verdict {
  readonly subject: Subject;
  readonly reason: Reason;
  /** A sentence for people. */
  readonly why: string;
  /** What it rests on, as text: when that changes, the grace period begins anew. */
  readonly evidence: string;
  /** The node it concerns, as metrics name it. */
  readonly node: string | undefined;
  readonly action: Action;
}
