import { OcicatError } from "@ocicat/kit";

export type NftErrorCode =
  /** A table, rule or element that cannot be right. Nothing was sent. */
  | "NFT_INVALID"
  /** The kernel answered with something this package does not understand. */
  | "NFT_MALFORMED"
  /** This kernel has no nftables for a table's family, or none at all. */
  | "NFT_UNSUPPORTED"
  /** Another process owns the table. */
  | "NFT_TABLE_OWNED"
  /** The ruleset kept changing while it was read. */
  | "NFT_READ_UNSTABLE"
  /** The kernel refused a transaction. */
  | "NFT_REFUSED";

/** What goes wrong with tables and rules, before or in the kernel. */
export class NftError extends OcicatError {
  declare readonly code: NftErrorCode;
}

/** A refusal on sight: what, where, how to mend it. */
export function invalid(where: string, what: string, fix?: string): NftError {
  return new NftError({ code: "NFT_INVALID", where, what, fix });
}
