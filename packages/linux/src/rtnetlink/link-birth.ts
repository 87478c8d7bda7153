import type { Mac } from "@ocicat/net";
import { type AttributeSink, type MessageWriter, NLM_F_CREATE, NLM_F_EXCL } from "@ocicat/netlink";
import { IFF_UP, RTM_NEWLINK } from "./constants.ts";
import { macBytes } from "./family.ts";
import { FixedHeader } from "./header.ts";

export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINKINFO = 18;
export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;

/*
 *      0        1     2        4             8             12            16
 *      +--------+-----+--------+-------------+-------------+-------------+- - - - - -
 *      | family | 0   | type   | index       | flags       | change mask | attributes
 *      +--------+-----+--------+-------------+-------------+-------------+- - - - - -
 *                      ARPHRD_*                IFF_*         bits of flags to set
 */
export const LINK_HEADER = 16;

interface LinkHeader {
  readonly index?: number;
  readonly up?: boolean | undefined;
}

export function linkHeader({ index = 0, up }: LinkHeader): Uint8Array {
  return new FixedHeader(LINK_HEADER)
    .u32(4, index)
    .u32(8, up === true ? IFF_UP : 0)
    .u32(12, up === undefined ? 0 : IFF_UP).bytes;
}

interface Birth extends Identity {
  /** `false` is how links are born: then the kernel must not be asked to change anything. */
  readonly up?: boolean | undefined;
}

/** A new device of a kind, which must not be there yet; `data` writes the attributes of the kind's own. */
export function encodeBirth(
  out: MessageWriter,
  flags: number,
  sequence: number,
  kind: string,
  link: Birth,
  data?: (data: AttributeSink) => void,
): void {
  const header = linkHeader(link.up === true ? { up: true } : {});
  out.begin(RTM_NEWLINK, flags | NLM_F_CREATE | NLM_F_EXCL, sequence, header);
  encodeIdentity(out, link);
  out.nested(IFLA_LINKINFO, (info) => {
    info.string(IFLA_INFO_KIND, kind);
    if (data !== undefined) info.nested(IFLA_INFO_DATA, data);
  });
}

export interface Identity {
  readonly name?: string | undefined;
  readonly mac?: Mac | undefined;
  readonly mtu?: number | undefined;
}

export function encodeIdentity(out: AttributeSink, { name, mac, mtu }: Identity): void {
  if (name !== undefined) out.string(IFLA_IFNAME, name);
  if (mac !== undefined) out.bytes(IFLA_ADDRESS, macBytes(mac));
  if (mtu !== undefined) out.u32(IFLA_MTU, mtu);
}
