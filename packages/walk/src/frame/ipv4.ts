import { type Address, addressFromBytes, type ByteReader } from "@ocicat/net";
import { CARRIED } from "./ip-protocol.ts";
import type { Step } from "./step.ts";

export interface Ipv4Header {
  readonly layer: "ipv4";
  /** Of the packet, header included, as it says itself; 0 if the sending interface was to fill it in. */
  readonly length: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** In bytes. */
  readonly fragmentOffset: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly source: Address;
  readonly destination: Address;
}

/*
 * RFC 791 §3.1:
 *
 *      0       1     2        4    6                    8     9          10         12       16            20
 *      +-------+-----+--------+----+--------------------+-----+----------+----------+--------+-------------+- - - -
 *      |4| IHL | TOS | length | id | 0|DF|MF| offset / 8| TTL | protocol | checksum | source | destination | options
 *      +-------+-----+--------+----+--------------------+-----+----------+----------+--------+-------------+- - - -
 */
export function readIpv4(bytes: ByteReader): Step {
  const headerLength = (bytes.u8() & 15) * 4;
  bytes.skip(1);
  const length = bytes.u16();
  bytes.skip(2);
  const fragment = bytes.u16();
  const ttl = bytes.u8();
  const protocol = bytes.u8();
  bytes.skip(2);
  const source = addressFromBytes(bytes.bytes(4));
  const destination = addressFromBytes(bytes.bytes(4));
  bytes.skip(headerLength - 20);
  const fragmentOffset = (fragment & 0x1fff) * 8;
  const header: Ipv4Header = {
    layer: "ipv4",
    length,
    dontFragment: (fragment & 0x4000) !== 0,
    moreFragments: (fragment & 0x2000) !== 0,
    fragmentOffset,
    ttl,
    protocol,
    source,
    destination,
  };
  // Behind the packet Ethernet may pad; a capture may have kept less than the packet.
  const carried = length === 0 ? bytes.left : Math.min(Math.max(length - headerLength, 0), bytes.left);
  return { header, next: fragmentOffset === 0 ? CARRIED.get(protocol) : undefined, payload: bytes.sub(carried) };
}
