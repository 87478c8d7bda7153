import { type Address, addressToBytes, familyOf, type Ipv4 } from "@ocicat/net";
import type { Attributes, MessageWriter } from "@ocicat/netlink";
import type { IpipSpec, Tunnel, VxlanSpec } from "../kernel/kernel.ts";
import { addressIn } from "./family.ts";
import { encodeBirth } from "./link-birth.ts";

/*
 * Inside IFLA_LINKINFO, behind IFLA_INFO_KIND ("vxlan", "ipip"), a nest IFLA_INFO_DATA of attributes of the kind's own:
 *
 *      vxlan: ID u32 · LINK u32 · LOCAL 4 bytes | LOCAL6 16 bytes · LEARNING u8 · PORT u16, network order
 *      ipip:  LOCAL 4 bytes · REMOTE 4 bytes, each all zero for "any"
 */
const IFLA_VXLAN_ID = 1;
const IFLA_VXLAN_LINK = 3;
const IFLA_VXLAN_LOCAL = 4;
const IFLA_VXLAN_LEARNING = 7;
const IFLA_VXLAN_PORT = 15;
const IFLA_VXLAN_LOCAL6 = 17;

const IFLA_IPTUN_LOCAL = 2;
const IFLA_IPTUN_REMOTE = 3;

export function encodeVxlan(out: MessageWriter, flags: number, sequence: number, vxlan: VxlanSpec): void {
  encodeBirth(out, flags, sequence, "vxlan", vxlan, (data) => {
    data.u32(IFLA_VXLAN_ID, vxlan.id).u8(IFLA_VXLAN_LEARNING, 0).u16be(IFLA_VXLAN_PORT, vxlan.port);
    if (vxlan.parent !== undefined) data.u32(IFLA_VXLAN_LINK, vxlan.parent);
    if (vxlan.local === undefined) return;
    const attribute = familyOf(vxlan.local) === 4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6;
    data.bytes(attribute, addressToBytes(vxlan.local));
  });
}

export function encodeIpip(out: MessageWriter, flags: number, sequence: number, ipip: IpipSpec): void {
  encodeBirth(out, flags, sequence, "ipip", ipip, (data) => {
    if (ipip.local !== undefined) data.bytes(IFLA_IPTUN_LOCAL, addressToBytes(ipip.local));
    if (ipip.remote !== undefined) data.bytes(IFLA_IPTUN_REMOTE, addressToBytes(ipip.remote));
  });
}

export function tunnelFrom(kind: string, data: Attributes | undefined): Tunnel | undefined {
  if (data === undefined) return undefined;
  switch (kind) {
    case "vxlan":
      return {
        kind,
        id: data.u32(IFLA_VXLAN_ID) ?? 0,
        port: data.u16be(IFLA_VXLAN_PORT) ?? 0,
        local: addressIn(data.bytes(IFLA_VXLAN_LOCAL) ?? data.bytes(IFLA_VXLAN_LOCAL6)),
        parent: data.u32(IFLA_VXLAN_LINK) ?? 0,
        learning: data.u8(IFLA_VXLAN_LEARNING) === 1,
      };
    case "ipip":
      return {
        kind,
        local: endIn(data.bytes(IFLA_IPTUN_LOCAL)),
        remote: endIn(data.bytes(IFLA_IPTUN_REMOTE)),
      };
    default:
      return undefined;
  }
}

function endIn(bytes: Uint8Array | undefined): Ipv4 | undefined {
  const address: Address | undefined = addressIn(bytes);
  return typeof address === "number" && address !== 0 ? address : undefined;
}
