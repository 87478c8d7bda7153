import type { Family, Ipv4, Ipv6, Mac } from "@ocicat/net";

/** A tunnel that a node may have one device of. `vxlan6` carries IPv6 in IPv6. */
export type TunnelKind = "ipip" | "vxlan" | "vxlan6";

export const TUNNEL_KINDS: readonly TunnelKind[] = ["ipip", "vxlan", "vxlan6"];

export interface TunnelDevice {
  /** The device's name on every node, Calico's. */
  readonly device: string;
  readonly family: Family;
  /** Bytes that the outer headers take of each packet. */
  readonly overhead: number;
  /** As people call it. */
  readonly title: string;
}

export const TUNNELS: Readonly<Record<TunnelKind, TunnelDevice>> = {
  /** IPv4 (20). */
  ipip: { device: "tunl0", family: 4, overhead: 20, title: "IPIP" },
  /** Ethernet (14), VXLAN (8), UDP (8), IPv4 (20). */
  vxlan: { device: "vxlan.calico", family: 4, overhead: 50, title: "VXLAN" },
  /** The same with IPv6 (40). */
  vxlan6: { device: "vxlan-v6.calico", family: 6, overhead: 70, title: "VXLAN over IPv6" },
};

/** One end of a VXLAN: where to, and the MAC of the inner Ethernet header. */
export interface VxlanEnd {
  readonly address: Ipv4 | Ipv6;
  readonly mac: Mac;
}

/** What a node has published of its tunnels: each is there only while the device works. */
export interface NodeTunnels {
  readonly ipip: Ipv4 | undefined;
  readonly vxlan: VxlanEnd | undefined;
  readonly vxlan6: VxlanEnd | undefined;
}

export const NO_TUNNELS: NodeTunnels = { ipip: undefined, vxlan: undefined, vxlan6: undefined };
