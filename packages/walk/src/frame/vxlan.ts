import type { ByteReader } from "@ocicat/net";
import type { Step } from "./step.ts";

export interface VxlanHeader {
  readonly layer: "vxlan";
  /** VNI: which network of those that share the tunnel. */
  readonly vni: number;
}

/*
 * RFC 7348 §5; an Ethernet frame follows:
 *
 *      0       1            4     7   8
 *      +-------+------------+-----+---+- - - - -
 *      | flags | reserved 0 | VNI | 0 | Ethernet
 *      +-------+------------+-----+---+- - - - -
 *        0x08: the VNI holds
 */
export function readVxlan(bytes: ByteReader): Step {
  bytes.skip(4);
  const vni = bytes.u32() >>> 8;
  return { header: { layer: "vxlan", vni }, next: "ethernet", payload: bytes };
}
