import { OcicatError } from "@ocicat/kit";
import type { Kernel, KernelOperation, Link, LinkAddress } from "@ocicat/linux/kernel";
import { bitsOf, familyOf, formatAddress } from "@ocicat/net";
import { TUNNELS } from "@ocicat/routing";
import { sameTunnel, type TunnelSpec } from "./spec.ts";

const SCOPE_UNIVERSE = 0;
const LOOSE = "2";

/** What is wrong with the device, in words; empty if nothing is. */
export function deviceFlaws(kernel: Kernel, spec: TunnelSpec): string[] {
  const link = kernel.link(spec.device);
  if (link === undefined) return [`${spec.device} is not there`];
  const flaws: string[] = [];
  if (!sameTunnel(link.tunnel, spec.tunnel)) flaws.push(`${spec.device} is another ${link.kind} device`);
  if (!link.up) flaws.push(`${spec.device} is down`);
  if (link.mtu !== spec.mtu) flaws.push(`${spec.device} has MTU ${link.mtu}, not ${spec.mtu}`);
  if (spec.mac !== undefined && link.mac !== spec.mac)
    flaws.push(`${spec.device} has MAC ${link.mac}, not ${spec.mac}`);
  const { missing, foreign } = compareAddressesOf(kernel, link, spec);
  if (missing) flaws.push(`${spec.device} lacks ${formatAddress(spec.address)}`);
  for (const { address } of foreign) flaws.push(`${spec.device} has ${formatAddress(address)}, which is not ours`);
  for (const [path] of strictFilters(kernel, spec)) flaws.push(`${path} drops what comes back another way`);
  if (kernel.txChecksumOffload(spec.device) && !spec.checksumOffload)
    flaws.push(`${spec.device} leaves checksums to a device that gets them wrong`);
  return flaws;
}

/** Whether packets can pass it at all as it is. */
export function carries(kernel: Kernel, spec: TunnelSpec): boolean {
  const link = kernel.link(spec.device);
  return link?.up === true && sameTunnel(link.tunnel, spec.tunnel);
}

/** Makes the device as it should be, from whatever is there. Throws OcicatError TUNNEL_DEVICE. */
export function makeDevice(kernel: Kernel, spec: TunnelSpec): void {
  const link = rightKind(kernel, spec);
  const { missing, foreign } = compareAddressesOf(kernel, link, spec);
  const prefixLength = bitsOf(familyOf(spec.address));
  const own = { linkIndex: link.index, address: spec.address, prefixLength, scope: SCOPE_UNIVERSE };
  const mac = spec.mac !== undefined && link.mac !== spec.mac ? { mac: spec.mac } : {};
  const mtu = link.mtu === spec.mtu ? {} : { mtu: spec.mtu };
  // Before it is up: the first packet must not meet a strict filter, nor go out with a wrong checksum.
  for (const [path, value] of strictFilters(kernel, spec)) kernel.writeSysctl(path, value);
  if (!spec.checksumOffload && kernel.txChecksumOffload(spec.device)) kernel.setTxChecksumOffload(spec.device, false);
  perform(kernel, spec, [
    { op: "link.set", index: link.index, change: { ...mac, ...mtu, up: true } },
    ...(missing ? [{ op: "address.add", address: own } as const] : []),
    ...foreign.map((address) => ({ op: "address.delete", address }) as const),
  ]);
  const [flaw] = deviceFlaws(kernel, spec);
  if (flaw !== undefined) throw refused(spec.device, `it took everything, and still ${flaw}`);
}

/** Takes the device away; the kernel's own tunl0 cannot be removed and is put to rest. Throws OcicatError TUNNEL_DEVICE. */
export function removeDevice(kernel: Kernel, kind: TunnelSpec["kind"]): void {
  const { device } = TUNNELS[kind];
  const link = kernel.link(device);
  if (link === undefined) return;
  const [outcome] = kernel.apply([{ op: "link.delete", index: link.index }]);
  if (kernel.link(device) === undefined) return;
  if (kind !== "ipip") throw refused(device, `link.delete: ${outcome?.errno ?? "it is there again"}`);
  perform(kernel, { device }, [
    ...addressesOf(kernel, link).map((address) => ({ op: "address.delete", address }) as const),
    { op: "link.set", index: link.index, change: { up: false } },
  ]);
}

/** The link, of the right kind: made, or made anew. */
function rightKind(kernel: Kernel, spec: TunnelSpec): Link {
  const present = kernel.link(spec.device);
  if (present !== undefined && sameTunnel(present.tunnel, spec.tunnel)) return present;
  if (present !== undefined) perform(kernel, spec, [{ op: "link.delete", index: present.index }]);
  const [outcome] = kernel.apply([birth(spec)]);
  // Asking for IPIP can make the kernel learn it, and then tunl0 is there by itself.
  const made = kernel.link(spec.device);
  if (made !== undefined && sameTunnel(made.tunnel, spec.tunnel)) return made;
  if (outcome?.errno === "EOPNOTSUPP") {
    throw new OcicatError({
      code: "TUNNEL_UNSUPPORTED",
      where: spec.device,
      what: `this kernel has no ${TUNNELS[spec.kind].title}`,
      why: outcome.message,
      fix: "load its module (modprobe ipip, modprobe vxlan), or give the pool another mode",
    });
  }
  throw refused(spec.device, outcome === undefined ? "it came out otherwise" : `${outcome.errno} ${outcome.message}`);
}

function birth({ tunnel, device: name, mac, mtu }: TunnelSpec): KernelOperation {
  if (tunnel.kind === "ipip") return { op: "link.ipip", ipip: { name, mtu } };
  const { id, port, local, parent } = tunnel;
  return { op: "link.vxlan", vxlan: { name, id, port, local, parent, mac, mtu } };
}

/**
 * Reverse-path filters that are strict (1) where they must not be: during a switch of modes, and always in CrossSubnet, a
 * packet comes in by one device while the way back leads out by another, and a strict filter drops it without a word. The
 * larger of "all" and the device's own counts, so that a device set to loose (2) is loose.
 */
function strictFilters(kernel: Kernel, { device, underlay, address }: TunnelSpec): (readonly [string, string])[] {
  if (familyOf(address) === 6) return [];
  return [device, underlay].flatMap((name) => {
    const path = `net/ipv4/conf/${name}/rp_filter`;
    const values = [kernel.readSysctl(path), kernel.readSysctl("net/ipv4/conf/all/rp_filter")];
    return Math.max(...values.map((value) => Number(value ?? "0"))) === 1 ? [[path, LOOSE] as const] : [];
  });
}

function compareAddressesOf(kernel: Kernel, link: Link, { address }: TunnelSpec) {
  const present = addressesOf(kernel, link);
  const isOwn = (entry: LinkAddress) => entry.address === address && entry.prefixLength === bitsOf(familyOf(address));
  return { missing: !present.some(isOwn), foreign: present.filter((entry) => !isOwn(entry)) };
}

const LINK_LOCAL = 0xfe80n;

/** Without IPv6's link-local ones, which the kernel gives by itself. */
function addressesOf(kernel: Kernel, link: Link): LinkAddress[] {
  return kernel.addresses().filter(({ linkIndex, address }) => {
    return linkIndex === link.index && !(typeof address === "bigint" && address >> 112n === LINK_LOCAL);
  });
}

function perform(
  kernel: Kernel,
  { device }: { readonly device: string },
  operations: readonly KernelOperation[],
): void {
  const outcomes = kernel.apply(operations);
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome !== undefined) throw refused(device, `${operations[index]?.op}: ${outcome.errno} ${outcome.message}`);
  }
}

function refused(device: string, why: string): OcicatError {
  return new OcicatError({ code: "TUNNEL_DEVICE", where: device, what: "the kernel refused it", why, retryable: true });
}
