import { sha1Hex } from "@ocicat/api";
import type { Tunnel } from "@ocicat/linux/kernel";
import { type Address, formatMac, type Mac } from "@ocicat/net";
import type { TunnelKind } from "@ocicat/routing";

/** A tunnel device as it should be. */
export interface TunnelSpec {
  readonly kind: TunnelKind;
  readonly device: string;
  /** The interface that the outer packets leave by. */
  readonly underlay: string;
  readonly address: Address;
  /** Undefined for IPIP, which has none. */
  readonly mac: Mac | undefined;
  readonly mtu: number;
  readonly tunnel: Tunnel;
  /** Whether checksums may be left to the device. */
  readonly checksumOffload: boolean;
}

/**
 * The MAC of a node's VXLAN device: 66 and the first five bytes of the SHA-1 of the node's name, as Calico's, so that every
 * node gives itself the same one again after its device was lost.
 */
export function vtepMac(kind: "vxlan" | "vxlan6", node: string): Mac {
  const digest = sha1Hex(kind === "vxlan" ? node : `${node}-v6`);
  const bytes = Array.from({ length: 5 }, (_, index) => Number.parseInt(digest.slice(index * 2, index * 2 + 2), 16));
  return formatMac(Uint8Array.of(0x66, ...bytes));
}

export function sameTunnel(a: Tunnel | undefined, b: Tunnel): boolean {
  if (a?.kind === "vxlan" && b.kind === "vxlan") {
    const same = a.id === b.id && a.port === b.port && a.parent === b.parent && a.learning === b.learning;
    return same && a.local === b.local;
  }
  if (a?.kind === "ipip" && b.kind === "ipip") return a.local === b.local && a.remote === b.remote;
  return false;
}

/** Linux before 5.7 sends VXLAN packets from a device that leaves checksums to the hardware with wrong ones (Calico's finding). */
export function checksumOffloadWorks(release: string): boolean {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  return major > 5 || (major === 5 && minor >= 7);
}
