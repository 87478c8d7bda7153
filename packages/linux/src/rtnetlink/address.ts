import { addressToBytes, ByteReader, familyOf } from "@ocicat/net";
import { Attributes, type MessageWriter, NLM_F_CREATE, NLM_F_EXCL } from "@ocicat/netlink";
import type { LinkAddress } from "../kernel/kernel.ts";
import { RTM_DELADDR, RTM_GETADDR, RTM_NEWADDR } from "./constants.ts";
import { addressFamilyOf, addressIn, familyFrom } from "./family.ts";
import { FixedHeader } from "./header.ts";

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_F_NODAD = 0x02;

/*
 *      0        1               2       3       4             8
 *      +--------+---------------+-------+-------+-------------+- - - - - -
 *      | family | prefix length | flags | scope | link index  | attributes
 *      +--------+---------------+-------+-------+-------------+- - - - - -
 */
const HEADER = 8;

export function addressFrom(payload: Uint8Array): LinkAddress | undefined {
  const reader = new ByteReader(payload);
  const family = familyFrom(reader.u8());
  const prefixLength = reader.u8();
  reader.skip(1);
  const scope = reader.u8();
  const linkIndex = reader.u32le();
  if (family === undefined) return undefined;
  const attributes = new Attributes(payload.subarray(HEADER));
  // On a point-to-point link IFA_ADDRESS is the peer's.
  const address = addressIn(attributes.bytes(IFA_LOCAL) ?? attributes.bytes(IFA_ADDRESS));
  return address === undefined ? undefined : { linkIndex, address, prefixLength, scope };
}

export function encodeGetAddresses(out: MessageWriter, flags: number, sequence: number): void {
  out.begin(RTM_GETADDR, flags, sequence, new Uint8Array(HEADER));
}

export function encodeAddAddress(out: MessageWriter, flags: number, sequence: number, address: LinkAddress): void {
  const addressFlags = familyOf(address.address) === 6 ? IFA_F_NODAD : 0;
  encode(out, RTM_NEWADDR, flags | NLM_F_CREATE | NLM_F_EXCL, sequence, address, addressFlags);
}

export function encodeDeleteAddress(out: MessageWriter, flags: number, sequence: number, address: LinkAddress): void {
  encode(out, RTM_DELADDR, flags, sequence, address, 0);
}

function encode(
  out: MessageWriter,
  type: number,
  flags: number,
  sequence: number,
  { address, prefixLength, scope, linkIndex }: LinkAddress,
  addressFlags: number,
): void {
  const header = new FixedHeader(HEADER)
    .u8(0, addressFamilyOf(address))
    .u8(1, prefixLength)
    .u8(2, addressFlags)
    .u8(3, scope)
    .u32(4, linkIndex);
  const bytes = addressToBytes(address);
  out.begin(type, flags, sequence, header.bytes).bytes(IFA_LOCAL, bytes).bytes(IFA_ADDRESS, bytes);
}
