/** What mends a finding: one operation and what it is done to, as data. Rows are named by their keys. */
export type Mend =
  /** Makes a block's list of free addresses, its holders and its sequence number agree with its allocations. */
  | { readonly operation: "repair-block"; readonly block: string }
  /** Frees an address of which the block does not say who holds it. */
  | { readonly operation: "free-unowned"; readonly block: string; readonly address: string }
  /** With its owner's affinity. */
  | { readonly operation: "delete-empty-block"; readonly block: string }
  /** Makes an affinity say what its block says: confirmed if the block is the owner's, else gone. */
  | { readonly operation: "settle-affinity"; readonly affinity: string; readonly block: string; readonly owner: string }
  /** A node that is gone gives up a block: it is deleted if empty, else left to those who hold addresses of it. */
  | {
      readonly operation: "release-affinity";
      readonly node: string;
      readonly block: string;
    }
  /** Makes a handle count what the blocks say. */
  | { readonly operation: "recount-handle"; readonly handle: string; readonly blocks: readonly string[] }
  /** Gives an address back, if it is still this allocation. */
  | {
      readonly operation: "release-address";
      readonly block: string;
      readonly address: string;
      readonly handle: string | undefined;
      readonly sequence: bigint;
      /** Of the handle's row: who gives its holder an endpoint writes it. Undefined: there is none. */
      readonly handleRevision: bigint | undefined;
      /** Rows that would say it is in use after all: they must stay as they are. */
      readonly guards: readonly string[];
    }
  /** Notes that an endpoint has an address which is free in its block. */
  | {
      readonly operation: "allocate";
      readonly block: string;
      readonly address: string;
      readonly handle: string;
      readonly attributes: Readonly<Record<string, string>>;
      /** The endpoint's row: it must still be the one that was seen. */
      readonly endpoint: string;
      readonly endpointRevision: bigint;
    };

/** The operation in words, for people. */
export function describeMend(mend: Mend): string {
  switch (mend.operation) {
    case "repair-block":
      return `write ${mend.block} with its free addresses, holders and sequence number as its allocations have them`;
    case "free-unowned":
      return `make ${mend.address} free in ${mend.block}`;
    case "delete-empty-block":
      return `delete the empty ${mend.block}, and its owner's affinity to it`;
    case "settle-affinity":
      return `make ${mend.affinity} say what ${mend.block} says: confirmed if it is ${mend.owner}'s, else gone`;
    case "release-affinity":
      return `take ${mend.block} from ${mend.node}: deleted if it is empty, else nobody's, so that others may use it`;
    case "recount-handle":
      return `make handle ${mend.handle} count what the blocks say, or delete it if that is nothing`;
    case "release-address":
      return `release ${mend.address} if it is still the allocation at ${mend.sequence} and nobody uses it`;
    case "allocate":
      return `note in ${mend.block} that ${mend.address} is held by ${mend.handle}`;
  }
}
