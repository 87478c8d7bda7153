import { type Address, addressFromBytes, type ByteReader, formatMac, type Mac } from "@ocicat/net";
import type { Step } from "./step.ts";

export interface ArpPacket {
  readonly layer: "arp";
  /** 1 asks, 2 answers. */
  readonly operation: number;
  readonly senderMac: Mac;
  readonly sender: Address;
  readonly targetMac: Mac;
  readonly target: Address;
}

export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

/*
 * RFC 826, for IPv4 over Ethernet:
 *
 *      0            2          4       5       6           8            14       18           24       28
 *      +------------+----------+-------+-------+-----------+------------+--------+------------+--------+
 *      | hardware 1 | 0x0800   | 6     | 4     | operation | sender MAC | sender | target MAC | target |
 *      +------------+----------+-------+-------+-----------+------------+--------+------------+--------+
 */
export function readArp(bytes: ByteReader): Step {
  bytes.skip(6);
  const operation = bytes.u16();
  const senderMac = formatMac(bytes.bytes(6));
  const sender = addressFromBytes(bytes.bytes(4));
  const targetMac = formatMac(bytes.bytes(6));
  const target = addressFromBytes(bytes.bytes(4));
  // What follows pads the frame to Ethernet's least length.
  return {
    header: { layer: "arp", operation, senderMac, sender, targetMac, target },
    next: undefined,
    payload: bytes.sub(0),
  };
}
