import type { Origin } from "@ocicat/kit";
import { type Address, compareAddresses, type Mac, type Prefix } from "@ocicat/net";
import type { TunnelKind } from "./tunnels.ts";

/** Route protocol numbers (/etc/iproute2/rt_protos): how `ip route` shows who owns a route. */
export const RouteProtocol = {
  /** What the CNI plugin's routes and those through VXLAN carry; `ip route` does not print it. */
  boot: 3,
  /** Shown as `proto bird`: what BGP carries between nodes. */
  bird: 12,
  /** Felix's own: routes of VXLAN pools that need no tunnel. */
  felix: 80,
} as const;

/** A route this node should have. The device is by name: indexes belong to the kernel's side. */
export type DesiredRoute = { readonly destination: Prefix; readonly protocol: number; readonly origin: Origin } & (
  | { readonly kind: "blackhole" }
  /** Straight onto a link: a local workload. */
  | { readonly kind: "device"; readonly device: string }
  /** Through a neighbour, and through those in `also`, which are as good (ECMP). */
  | ({ readonly kind: "via"; readonly also?: readonly Way[] | undefined } & Way)
);

/** A neighbour that packets are handed to. Without a device, the one whose subnet holds `via`. */
export interface Way {
  /** Of IPv6 for IPv4 routes too (RFC 8950). */
  readonly via: Address;
  readonly device: string | undefined;
  readonly onlink: boolean;
}

/** All ways of a route through neighbours. */
export function waysOf({ via, device, onlink, also = [] }: DesiredRoute & { readonly kind: "via" }): readonly Way[] {
  return [{ via, device, onlink }, ...also];
}

export function sameWay(a: Way, b: Way): boolean {
  return a.device === b.device && a.onlink === b.onlink && compareAddresses(a.via, b.via) === 0;
}

/** The far end of a VXLAN, as this node's device is to know it: neighbour (address → mac) and forwarding entry (mac → node). */
export interface Vtep {
  readonly tunnel: TunnelKind;
  readonly node: string;
  /** The far device's address. */
  readonly address: Address;
  readonly mac: Mac;
  /** The node's own address: where the outer packets go. */
  readonly nodeAddress: Address;
  readonly origin: Origin;
}

export function sameVtep(a: Vtep, b: Vtep): boolean {
  return (
    a.tunnel === b.tunnel &&
    a.mac === b.mac &&
    compareAddresses(a.address, b.address) === 0 &&
    compareAddresses(a.nodeAddress, b.nodeAddress) === 0
  );
}

/** A prefix this node announces, with itself as next hop. */
export interface Announcement {
  readonly prefix: Prefix;
  readonly origin: Origin;
}

/** Equal in what the kernel would hold; the origin may differ. */
export function sameRoute(a: DesiredRoute, b: DesiredRoute): boolean {
  if (a.protocol !== b.protocol || !a.destination.equals(b.destination)) return false;
  switch (a.kind) {
    case "blackhole":
      return b.kind === "blackhole";
    case "device":
      return b.kind === "device" && a.device === b.device;
    case "via":
      return b.kind === "via" && sameWays(waysOf(a), waysOf(b));
  }
}

function sameWays(a: readonly Way[], b: readonly Way[]): boolean {
  return a.length === b.length && a.every((way, at) => b[at] !== undefined && sameWay(way, b[at]));
}

export function sameAnnouncement(a: Announcement, b: Announcement): boolean {
  return a.prefix.equals(b.prefix);
}
