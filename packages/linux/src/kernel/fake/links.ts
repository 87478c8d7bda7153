import { familyOf, parseAddress } from "@ocicat/net";
import type { IpipSpec, KernelOperation, LinkChange, VethSpec, VxlanSpec } from "../kernel.ts";
import { addConnectedRoute, flushLinkAddresses } from "./addresses.ts";
import { type FakeLink, type FakeNamespace, flushNeighbours, linkView, tellLink } from "./namespace.ts";
import { refuse } from "./refusal.ts";
import { flushDownRoutes, flushGoneRoutes, limitRouteMtu } from "./routes.ts";

type Operation<K extends KernelOperation["op"]> = Extract<KernelOperation, { op: K }>;

const ETHERNET = { mtu: 1500, loopback: false, peer: undefined };

export function requireLink(namespace: FakeNamespace, index: number): FakeLink {
  return namespace.links.get(index) ?? refuse("ENODEV");
}

export function createVeth(namespace: FakeNamespace, veth: VethSpec): void {
  const { network } = namespace;
  const fd = veth.peer.namespaceFd;
  const peerHome = fd === undefined ? namespace : (network.byDescriptor(fd) ?? refuse("EBADF"));
  refuseTaken(namespace, veth.name);
  refuseTaken(peerHome, veth.peer.name);
  if (peerHome === namespace && veth.name === veth.peer.name) refuse("EEXIST");
  checkMtu("veth", veth.mtu);
  checkMtu("veth", veth.peer.mtu);
  const birth = ({ name, mtu, mac }: Pick<VethSpec, "name" | "mtu" | "mac">) => ({
    ...ETHERNET,
    kind: "veth",
    name,
    mtu: mtu ?? ETHERNET.mtu,
    mac: mac ?? network.nextMac(),
  });
  // The kernel registers the peer first: it has the lower index.
  const peer = peerHome.addLink(birth(veth.peer));
  const link = namespace.addLink(birth(veth));
  link.peer = peer;
  peer.peer = link;
  tellLink(peer);
  if (veth.up === true) bringUp(link);
  else tellLink(link);
}

export function createBridge(namespace: FakeNamespace, { name, mac, mtu }: Operation<"link.bridge">): void {
  refuseTaken(namespace, name);
  checkMtu("bridge", mtu);
  const defaults = { ...ETHERNET, kind: "bridge", name };
  tellLink(namespace.addLink({ ...defaults, mtu: mtu ?? ETHERNET.mtu, mac: mac ?? namespace.network.nextMac() }));
}

export function createIfb(namespace: FakeNamespace, { name, mtu }: Operation<"link.ifb">): void {
  refuseTaken(namespace, name);
  const mac = namespace.network.nextMac();
  bringUp(namespace.addLink({ ...ETHERNET, kind: "ifb", name, mtu: mtu ?? ETHERNET.mtu, mac }));
}

/** Outer Ethernet, IPv4, UDP and VXLAN headers. */
const VXLAN_OVERHEAD = 50;

export function createVxlan(namespace: FakeNamespace, { name, mac, mtu, parent, id, port, local }: VxlanSpec): void {
  refuseTaken(namespace, name);
  checkMtu("vxlan", mtu);
  const lower = parent === undefined ? undefined : requireLink(namespace, parent);
  tellLink(
    namespace.addLink({
      ...ETHERNET,
      kind: "vxlan",
      name,
      mtu: mtu ?? (lower?.mtu ?? ETHERNET.mtu) - VXLAN_OVERHEAD,
      mac: mac ?? namespace.network.nextMac(),
      tunnel: { kind: "vxlan", id, port, local, parent: parent ?? 0, learning: false },
    }),
  );
}

/** The outer IPv4 header. */
const IPIP_OVERHEAD = 20;

export function createIpip(namespace: FakeNamespace, { name, mtu, local, remote }: IpipSpec): void {
  refuseTaken(namespace, name);
  checkMtu("ipip", mtu);
  tellLink(
    namespace.addLink({
      ...ETHERNET,
      kind: "ipip",
      name,
      mtu: mtu ?? ETHERNET.mtu - IPIP_OVERHEAD,
      mac: undefined,
      tunnel: { kind: "ipip", local, remote },
    }),
  );
}

export function deleteLink(namespace: FakeNamespace, index: number): void {
  const link = requireLink(namespace, index);
  if (link.loopback) refuse("EOPNOTSUPP");
  for (const gone of link.peer === undefined ? [link] : [link, link.peer]) {
    takeAway(gone);
    releasePorts(gone);
  }
}

export function setLink(namespace: FakeNamespace, index: number, change: LinkChange): void {
  const link = requireLink(namespace, index);
  checkChange(link, change);
  const { mac, mtu, name, master, group, up, namespaceFd } = change;
  if (namespaceFd !== undefined) move(link, namespaceOf(link, namespaceFd));
  if (mac !== undefined) link.mac = mac;
  if (mtu !== undefined) changeMtu(link, mtu);
  if (name !== undefined && name !== link.name) {
    link.home.sysctls.renameLink(link.name, name);
    link.name = name;
  }
  if (master !== undefined) link.master = master;
  if (group !== undefined) link.group = group;
  if (up === true && !link.up) bringUp(link);
  else if (up === false && link.up) takeDown(link);
  else tellLink(link);
}

function namespaceOf({ home }: FakeLink, fd: number): FakeNamespace {
  return home.network.byDescriptor(fd) ?? refuse("EBADF");
}

function changeMtu(link: FakeLink, mtu: number): void {
  if (mtu === link.mtu) return;
  limitRouteMtu(link.home, link.index, link.mtu, mtu);
  link.mtu = mtu;
}

function checkChange(link: FakeLink, { name, mtu, master, namespaceFd }: LinkChange): void {
  const home = namespaceFd === undefined ? link.home : namespaceOf(link, namespaceFd);
  if (home !== link.home) {
    if (link.loopback) refuse("EINVAL", "The interface netns is immutable");
    refuseTaken(home, name ?? link.name);
  } else if (name !== undefined && name !== link.name) {
    refuseTaken(home, name);
    // Kernels before 6.2 rename only what is down.
    if (link.up) refuse("EBUSY");
  }
  checkMtu(link.kind, mtu);
  if (master !== undefined && master !== 0) {
    const owner = home.links.get(master) ?? refuse("EINVAL");
    if (owner.kind !== "bridge") refuse("EOPNOTSUPP");
    if (link.loopback) refuse("EINVAL");
    if (owner === link || link.kind === "bridge") refuse("ELOOP");
  }
}

/** What the kernel's drivers allow: Ethernet's least, and 64 KiB. */
function checkMtu(kind: string, mtu: number | undefined): void {
  if (mtu === undefined || kind === "") return;
  if (mtu < 68) refuse("EINVAL", "mtu less than device minimum");
  if (mtu > 65535) refuse("EINVAL", "mtu greater than device maximum");
}

function refuseTaken(namespace: FakeNamespace, name: string): void {
  if (namespace.linkNamed(name) !== undefined) refuse("EEXIST");
}

const LOOPBACK = [
  { address: parseAddress("127.0.0.1"), prefixLength: 8 },
  { address: parseAddress("::1"), prefixLength: 128 },
];

function bringUp(link: FakeLink): void {
  const { home } = link;
  link.up = true;
  tellLink(link);
  if (link.loopback) {
    for (const { address, prefixLength } of LOOPBACK) {
      if (home.isLocal(address)) continue;
      const entry = { linkIndex: link.index, address, prefixLength, scope: 254 };
      home.addresses.push(entry);
      home.notifier.tell({ type: "address", address: entry });
    }
  }
  for (const entry of home.addresses.filter((each) => each.linkIndex === link.index)) addConnectedRoute(home, entry);
  if (link.peer?.up === true) tellLink(link.peer);
}

function takeDown(link: FakeLink): void {
  const { home, index } = link;
  link.up = false;
  flushDownRoutes(home, link.index);
  flushLinkAddresses(home, (entry) => entry.linkIndex === link.index && familyOf(entry.address) === 6);
  flushNeighbours(home, (entry) => entry.linkIndex === index);
  tellLink(link);
  if (link.peer?.up === true) tellLink(link.peer);
}

/** Out of its namespace, with all that hangs on it there. */
function takeAway(link: FakeLink): void {
  const { home, index } = link;
  if (link.up) takeDown(link);
  flushGoneRoutes(home, index);
  flushLinkAddresses(home, (entry) => entry.linkIndex === index);
  flushNeighbours(home, (entry) => entry.linkIndex === index);
  home.forwardingEntries = home.forwardingEntries.filter((entry) => entry.linkIndex !== index);
  home.qdiscs = home.qdiscs.filter(({ linkIndex }) => linkIndex !== index);
  home.filters = home.filters
    .filter(({ linkIndex }) => linkIndex !== index)
    .map((filter) => (filter.to === index ? { ...filter, to: 0 } : filter));
  home.links.delete(index);
  home.sysctls.removeLink(link.name);
  link.master = 0;
  home.notifier.tell({ type: "link.gone", link: linkView(link) });
}

function releasePorts({ home, index }: FakeLink): void {
  for (const port of home.links.values()) {
    if (port.master !== index) continue;
    port.master = 0;
    tellLink(port);
  }
}

/** Keeps its index where that is free. */
function move(link: FakeLink, to: FakeNamespace): void {
  if (to === link.home) return;
  takeAway(link);
  releasePorts(link);
  link.home = to;
  if (to.links.has(link.index)) link.index = to.nextIndex();
  to.links.set(link.index, link);
  to.sysctls.addLink(link.name);
}
