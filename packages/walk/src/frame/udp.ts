import type { ByteReader } from "@ocicat/net";
import type { Step } from "./step.ts";

export interface UdpHeader {
  readonly layer: "udp";
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Header included, as it says itself. */
  readonly length: number;
}

/** IANA's port of VXLAN, which Calico uses. */
export const VXLAN_PORT = 4789;

/*
 * RFC 768:
 *
 *      0             2                  4        6          8
 *      +-------------+------------------+--------+----------+- - -
 *      | source port | destination port | length | checksum | data
 *      +-------------+------------------+--------+----------+- - -
 */
export function readUdp(bytes: ByteReader): Step {
  const sourcePort = bytes.u16();
  const destinationPort = bytes.u16();
  const length = bytes.u16();
  bytes.skip(2);
  return {
    header: { layer: "udp", sourcePort, destinationPort, length },
    next: destinationPort === VXLAN_PORT ? "vxlan" : undefined,
    payload: bytes,
  };
}
