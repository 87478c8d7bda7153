import { type Address, addressFromBytes, type ByteReader } from "@ocicat/net";
import { CARRIED } from "./ip-protocol.ts";
import type { Step } from "./step.ts";

export interface Ipv6Header {
  readonly layer: "ipv6";
  /** Of what follows the fixed header, as it says itself. */
  readonly payloadLength: number;
  /** IPv6's TTL. */
  readonly hopLimit: number;
  /** What the last header announces: the protocol carried. */
  readonly protocol: number;
  /** In bytes; 0 if it is no fragment, or the first. */
  readonly fragmentOffset: number;
  readonly source: Address;
  readonly destination: Address;
}

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION = 60;

/*
 * RFC 8200 §3:
 *
 *      0                              4                6             7           8        24            40
 *      +------------------------------+----------------+-------------+-----------+--------+-------------+- - - -
 *      | 6 | class | flow label       | payload length | next header | hop limit | source | destination | …
 *      +------------------------------+----------------+-------------+-----------+--------+-------------+- - - -
 */
export function readIpv6(bytes: ByteReader): Step {
  bytes.skip(4);
  const payloadLength = bytes.u16();
  const nextHeader = bytes.u8();
  const hopLimit = bytes.u8();
  const source = addressFromBytes(bytes.bytes(16));
  const destination = addressFromBytes(bytes.bytes(16));
  const payload = bytes.sub(payloadLength === 0 ? bytes.left : Math.min(payloadLength, bytes.left));
  const { protocol, fragmentOffset } = skipExtensions(payload, nextHeader);
  return {
    header: { layer: "ipv6", payloadLength, hopLimit, protocol, fragmentOffset, source, destination },
    next: fragmentOffset === 0 ? CARRIED.get(protocol) : undefined,
    payload,
  };
}

/*
 * Options and routing (§4.3, 4.4, 4.6):              Fragment (§4.5), 8 bytes:
 *      +-------------+------------+- - - -           +-------------+---+---------------+--------+
 *      | next header | length / 8 | …                | next header | 0 | offset / 8, M | id     |
 *      +-------------+------------+- - - -           +-------------+---+---------------+--------+
 *                      beside the first 8
 */
function skipExtensions(bytes: ByteReader, first: number): { protocol: number; fragmentOffset: number } {
  let protocol = first;
  let fragmentOffset = 0;
  for (;;) {
    if (protocol === FRAGMENT) {
      protocol = bytes.u8();
      bytes.skip(1);
      fragmentOffset = bytes.u16() & 0xfff8;
      bytes.skip(4);
    } else if (protocol === HOP_BY_HOP || protocol === ROUTING || protocol === DESTINATION) {
      protocol = bytes.u8();
      bytes.skip(6 + bytes.u8() * 8);
    } else {
      return { protocol, fragmentOffset };
    }
    if (fragmentOffset !== 0) return { protocol, fragmentOffset };
  }
}
