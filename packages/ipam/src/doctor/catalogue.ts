/** What each code is about: for the list, and for whoever reads a finding. Codes are never reused for something else. */
export interface CatalogueEntry {
  readonly looksFor: string;
  /** How it comes about. */
  readonly cause: string;
}

const CATALOGUE = {
  IPAM_ROW_UNREADABLE: {
    looksFor: "rows that are not what their key says",
    cause: "written by hand, cut off by a restore, or by a later version",
  },
  IPAM_BLOCK_SHAPE: {
    looksFor: "blocks under another block's key, or with another number of addresses than their CIDR",
    cause: "written by hand, or copied from another cluster",
  },
  IPAM_ADDRESS_LOST: {
    looksFor: "addresses of a block that are neither held nor free: nobody can get them any more",
    cause: "a program that dropped what it did not know when it wrote the block",
  },
  IPAM_ADDRESS_FREE_TWICE: {
    looksFor: "addresses that stand twice among the free ones",
    cause: "a release that was done twice by a program that did not compare",
  },
  IPAM_ADDRESS_FREE_AND_HELD: {
    looksFor: "addresses that are held and free at once: the next pod could get one that is in use",
    cause: "a block that was written without comparing, over a newer one",
  },
  IPAM_OWNER_MISSING: {
    looksFor: "held addresses of which the block does not say who holds them",
    cause: "a block that was cut off or edited",
  },
  IPAM_OWNER_UNUSED: {
    looksFor: "holders named in a block that hold none of its addresses",
    cause: "a release by a program that did not tidy up behind itself; it only takes space",
  },
  IPAM_SEQUENCE_AHEAD: {
    looksFor: "allocations made at a sequence number that the block has not reached: a later one could repeat it",
    cause: "a block restored from a backup in part, or edited",
  },
  IPAM_BLOCKS_OVERLAP: {
    looksFor: "blocks that share addresses: each could give the same one away",
    cause: "a pool that was deleted and made again with another block size while addresses were in use",
  },
  IPAM_BLOCK_ORPHANED: {
    looksFor: "empty blocks that belong to nobody",
    cause: "a node that died between giving up a block and deleting it",
  },
  IPAM_BLOCK_WITHOUT_POOL: {
    looksFor: "blocks in no pool: what holds their addresses is routed by no pool's rules",
    cause: "the pool was deleted",
  },
  IPAM_BLOCK_OF_DEAD_NODE: {
    looksFor: "blocks that belong to a node of which there is no Node",
    cause: "the node was removed without its Calico resources, as autoscalers do",
  },
  IPAM_AFFINITY_MISSING: {
    looksFor: "blocks whose owner has no affinity to them: it neither announces nor uses them",
    cause: "a crash between two writes, or an affinity deleted by hand",
  },
  IPAM_AFFINITY_HALF_DONE: {
    looksFor: "claims and releases of blocks that were begun and never finished",
    cause: "a crash between two writes",
  },
  IPAM_AFFINITY_STALE: {
    looksFor: "affinities to blocks that are gone, or another's",
    cause: "a crash between two writes, or a block deleted by hand",
  },
  IPAM_HANDLE_MISSING: {
    looksFor: "holders of addresses without a handle: deleting their pod releases nothing",
    cause: "a handle deleted by hand, or a crash of an old version",
  },
  IPAM_HANDLE_MISCOUNTS: {
    looksFor: "handles that count other addresses than the blocks say",
    cause: "a crash between two writes",
  },
  IPAM_HANDLE_ORPHANED: {
    looksFor: "handles that hold nothing",
    cause: "a crash between two writes, or a release that failed half-way; it only takes space",
  },
  IPAM_ADDRESS_LEAKED: {
    looksFor: "addresses given out long ago to a pod or a tunnel that is not there, or has another",
    cause: "a node or pod that went without a DEL, or an ADD that was repeated and got another address",
  },
  IPAM_ADDRESS_UNEXPLAINED: {
    looksFor: "addresses that nobody uses and of which it cannot be told whether somebody will",
    cause: "given out by a version that did not note for whom or when, or by a tool of somebody's own",
  },
  IPAM_ADDRESS_NOT_ALLOCATED: {
    looksFor: "addresses of a pool in use without an allocation: another pod could get the same",
    cause: "a release of an address that was still in use, or a restore of an older state",
  },
  IPAM_ADDRESS_TWICE: {
    looksFor: "addresses that two endpoints or nodes say they have",
    cause: "an address released while in use and given out again",
  },
  IPAM_HOLDER_DIFFERS: {
    looksFor: "addresses held for another pod or container than the one that uses them",
    cause: "an address released while in use and given out again, or an endpoint written by hand",
  },
} as const satisfies Readonly<Record<string, CatalogueEntry>>;

export type FindingCode = keyof typeof CATALOGUE;

export const IPAM_CATALOGUE: Readonly<Record<FindingCode, CatalogueEntry>> = CATALOGUE;
