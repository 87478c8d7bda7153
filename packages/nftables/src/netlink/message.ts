import type { MessageWriter } from "@ocicat/netlink";
import type { TableFamily } from "../ir/table.ts";
import { NFNL_SUBSYS_NFTABLES } from "./constants.ts";
import { FAMILY_NUMBERS } from "./names.ts";

/*
 * Every nftables message begins, behind netlink's own header, with
 *
 *      0        1         2                 4
 *     +--------+---------+-----------------+- - - -
 *     | family | version | resource id (0) | attributes
 *     +--------+---------+-----------------+- - - -
 *       NFPROTO_*  0
 */
export const NFGENMSG_BYTES = 4;

/** Of any family, in requests that list. */
export const ANY_FAMILY = 0;

export function beginMessage(
  writer: MessageWriter,
  type: number,
  flags: number,
  sequence: number,
  family: TableFamily | undefined,
): MessageWriter {
  const number = family === undefined ? ANY_FAMILY : FAMILY_NUMBERS[family];
  return writer.begin((NFNL_SUBSYS_NFTABLES << 8) | type, flags, sequence, Uint8Array.of(number, 0, 0, 0));
}
