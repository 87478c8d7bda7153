import type { AffinityOwner } from "@ocicat/api/ipam";
import type { Family, Prefix } from "@ocicat/net";
import type { IpamPool, IpamSettings } from "../../pool/index.ts";
import type { Draft } from "../draft.ts";
import type { Rows } from "../rows.ts";
import type { Extra } from "../types.ts";

/** Something to be read from the store before a request can be planned. */
export type Missing =
  | { readonly kind: "row"; readonly key: string }
  /** All of this node's affinities of a family, with their blocks. */
  | { readonly kind: "affinities"; readonly family: Family }
  /** All blocks of a family. */
  | { readonly kind: "blocks"; readonly family: Family };

/** A block that a node lacks: one of these pools', or exactly this one. */
export interface Search {
  readonly family: Family;
  readonly pools: readonly IpamPool[];
  readonly exact?: Prefix;
}

/** A block that can be claimed, as far as is known. */
export interface Candidate {
  readonly key: string;
  readonly prefix: Prefix;
  /** Empty and another's for long enough: it is taken from them. */
  readonly steal?: {
    /** Undefined: it is nobody's. */
    readonly owner: AffinityOwner | undefined;
    readonly sequence: bigint;
  };
}

export type Found = { readonly kind: "claim"; readonly candidate: Candidate } | NoBlock;

/** No block can be claimed. */
export interface NoBlock {
  readonly kind: "none";
  readonly reason: NoBlockReason;
  /** Of each pool in question, where its blocks are. */
  readonly details: readonly string[];
  /** Which blocks of others could lend an address, in the node's own order. */
  readonly lenders: readonly string[];
}

export type NoBlockReason = "block-limit" | "no-auto-allocate" | "all-taken";

/** What a plan may look at, besides rows. */
export interface PlanContext {
  readonly settings: IpamSettings;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Whether comparing one row more costs nothing. */
  readonly transactions: boolean;
  /** What has been found for a search in this round; undefined: nobody has searched yet. */
  found(search: Search): readonly Found[];
  /** The first sequence number of a block made now. */
  firstSequence(): bigint;
}

export type Plan<R> =
  | { readonly kind: "ready"; readonly result: R; readonly extra: Extra | undefined }
  /** A block has to be searched, and the request planned again. */
  | { readonly kind: "short"; readonly search: Search }
  /** Another request of the same commit does away with the block it needs: it is planned after that. */
  | { readonly kind: "wait" };

/** A request as the pump sees it: which rows it needs, and what it does to them. Both may be asked many times. */
export interface Job<R> {
  missing(rows: Rows, settings: IpamSettings): Iterable<Missing>;
  /** Drafts the request whole, or throws; an error ends the request. */
  plan(draft: Draft, context: PlanContext): Plan<R>;
  /** A block of the last plan is written, or may be, although the whole plan is to be made again. */
  mayHaveWritten?(blockKey: string): void;
}

/** Searches with the same answer have the same text. */
export function searchName(search: Search): string {
  return `${search.family} ${search.exact ?? ""} ${search.pools.map((pool) => pool.name).join(",")}`;
}
