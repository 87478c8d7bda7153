import type { Origin } from "@ocicat/kit";
import { Attributes } from "@ocicat/netlink";
import { originOf } from "../comment.ts";
import type { TableRef } from "../ir/table.ts";
import * as nft from "../netlink/constants.ts";
import { NFGENMSG_BYTES } from "../netlink/message.ts";
import { familyName } from "../netlink/names.ts";
import { readComment } from "../netlink/userdata.ts";

/** A table of a dump, without what is in it. */
export interface TableHead extends TableRef {
  readonly owned: boolean;
  readonly orphaned: boolean;
  readonly owner: number | undefined;
  readonly dormant: boolean;
  readonly origin: Origin;
}

/** Undefined for families that nobody here has heard of. */
export function decodeTable(payload: Uint8Array): TableHead | undefined {
  const family = familyName(payload[0]);
  const attributes = new Attributes(payload.subarray(NFGENMSG_BYTES));
  const name = attributes.string(nft.NFTA_TABLE_NAME);
  if (family === undefined || name === undefined) return undefined;
  const flags = attributes.u32be(nft.NFTA_TABLE_FLAGS) ?? 0;
  const persists = (flags & nft.NFT_TABLE_F_PERSIST) !== 0;
  return {
    family,
    name,
    owned: persists,
    // The kernel takes the owner's flag away with the owner, and leaves the other.
    orphaned: persists && (flags & nft.NFT_TABLE_F_OWNER) === 0,
    owner: attributes.u32be(nft.NFTA_TABLE_OWNER),
    dormant: (flags & nft.NFT_TABLE_F_DORMANT) !== 0,
    origin: originOf(readComment(attributes.bytes(nft.NFTA_TABLE_USERDATA))),
  };
}
