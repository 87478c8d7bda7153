import { type ByteReader, formatMac, type Mac } from "@ocicat/net";
import type { HeaderName } from "./layer.ts";
import type { Step } from "./step.ts";

export interface EthernetHeader {
  readonly layer: "ethernet";
  readonly destination: Mac;
  readonly source: Mac;
  readonly etherType: number;
}

const ETHER_TYPES: ReadonlyMap<number, HeaderName> = new Map([
  [0x0800, "ipv4"],
  [0x0806, "arp"],
  [0x86dd, "ipv6"],
]);

/*
 * IEEE 802.3 §3.1.1, without preamble and checksum:
 *
 *      0             6        12          14
 *      +-------------+--------+-----------+- - - -
 *      | destination | source | EtherType | payload
 *      +-------------+--------+-----------+- - - -
 */
export function readEthernet(bytes: ByteReader): Step {
  const destination = formatMac(bytes.bytes(6));
  const source = formatMac(bytes.bytes(6));
  const etherType = bytes.u16();
  return {
    header: { layer: "ethernet", destination, source, etherType },
    next: ETHER_TYPES.get(etherType),
    payload: bytes,
  };
}
