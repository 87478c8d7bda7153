import type { ByteReader } from "@ocicat/net";
import type { Step } from "./step.ts";

export interface TcpHeader {
  readonly layer: "tcp";
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  /** Undefined where the quote in an ICMP error ends before it: eight bytes are all that it must hold (RFC 792). */
  readonly acknowledgement: number | undefined;
  readonly flags: readonly TcpFlag[];
}

const FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"] as const;
export type TcpFlag = (typeof FLAGS)[number];

/*
 * RFC 9293 §3.1:
 *
 *      0             2                  4          8                 12      13      14       16         18       20
 *      +-------------+------------------+----------+-----------------+-------+-------+--------+----------+--------+
 *      | source port | destination port | sequence | acknowledgement | words | flags | window | checksum | urgent | …
 *      +-------------+------------------+----------+-----------------+-------+-------+--------+----------+--------+
 */
export function readTcp(bytes: ByteReader): Step {
  const sourcePort = bytes.u16();
  const destinationPort = bytes.u16();
  const sequence = bytes.u32();
  if (bytes.left < 12) {
    const header: TcpHeader = {
      layer: "tcp",
      sourcePort,
      destinationPort,
      sequence,
      acknowledgement: undefined,
      flags: [],
    };
    return { header, next: undefined, payload: bytes };
  }
  const acknowledgement = bytes.u32();
  const headerLength = (bytes.u8() >>> 4) * 4;
  const bits = bytes.u8();
  bytes.skip(6);
  bytes.skip(Math.min(Math.max(headerLength - 20, 0), bytes.left));
  const flags = FLAGS.filter((_, index) => (bits & (1 << index)) !== 0);
  return {
    header: { layer: "tcp", sourcePort, destinationPort, sequence, acknowledgement, flags },
    next: undefined,
    payload: bytes,
  };
}
