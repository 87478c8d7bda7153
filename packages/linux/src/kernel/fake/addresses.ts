import { familyOf, Prefix, parseAddress } from "@ocicat/net";
import type { LinkAddress, Route } from "../kernel.ts";
import { type FakeNamespace, flushNeighbours } from "./namespace.ts";
import { refuse } from "./refusal.ts";
import { flushIpv4Routes, flushRoutesPreferring } from "./routes.ts";

const RTPROT_KERNEL = 2;
const MAIN = 254;
const SCOPE_LINK = 253;
/** Given to the loopback device by itself, without a route. */
const LOOPBACK_IPV6 = parseAddress("::1");
/** IP6_RT_PRIO_ADDRCONF */
const IPV6_CONNECTED_METRIC = 256;

export function addAddress(namespace: FakeNamespace, address: LinkAddress): void {
  if (!namespace.links.has(address.linkIndex)) refuse("ENODEV");
  if (namespace.addresses.some((entry) => clashes(entry, address))) refuse("EEXIST", "Address already assigned.");
  namespace.addresses.push(address);
  namespace.notifier.tell({ type: "address", address });
  addConnectedRoute(namespace, address);
}

/** On one link an IPv4 address may be there with several lengths, an IPv6 address only once. */
function clashes(present: LinkAddress, added: LinkAddress): boolean {
  const sameAddress = present.linkIndex === added.linkIndex && present.address === added.address;
  return sameAddress && (familyOf(added.address) === 6 || present.prefixLength === added.prefixLength);
}

export function deleteAddress(namespace: FakeNamespace, address: LinkAddress): void {
  if (!namespace.links.has(address.linkIndex)) refuse("ENODEV");
  const present = namespace.addresses.find((entry) => isSame(entry, address)) ?? refuse("EADDRNOTAVAIL");
  const followers = namespace.addresses.filter((entry) => entry !== present && follows(namespace, entry, present));
  flushLinkAddresses(namespace, (entry) => entry === present || followers.includes(entry));
}

function isSame(a: LinkAddress, b: LinkAddress): boolean {
  return a.linkIndex === b.linkIndex && a.address === b.address && a.prefixLength === b.prefixLength;
}

/**
 * IPv4 addresses of one network on one link: the first is the primary, and the others, secondaries, go with it
 * (promote_secondaries 0, the default).
 */
function follows(namespace: FakeNamespace, entry: LinkAddress, first: LinkAddress): boolean {
  const { addresses } = namespace;
  return (
    familyOf(entry.address) === 4 &&
    entry.linkIndex === first.linkIndex &&
    networkOf(entry).equals(networkOf(first)) &&
    addresses.indexOf(entry) > addresses.indexOf(first) &&
    primaryOf(namespace, entry) === first
  );
}

function primaryOf({ addresses }: FakeNamespace, entry: LinkAddress): LinkAddress | undefined {
  return addresses.find((each) => each.linkIndex === entry.linkIndex && networkOf(each).equals(networkOf(entry)));
}

function networkOf({ address, prefixLength }: LinkAddress): Prefix {
  return Prefix.of(address, prefixLength);
}

/** Takes addresses away with what depends on them: the routes to their networks, and those that prefer them as source. */
export function flushLinkAddresses(namespace: FakeNamespace, which: (entry: LinkAddress) => boolean): void {
  for (const entry of namespace.addresses.filter(which)) {
    const connected = connectedRoute(namespace, entry);
    namespace.addresses = namespace.addresses.filter((each) => each !== entry);
    namespace.notifier.tell({ type: "address.gone", address: entry });
    if (connected !== undefined && !sharesNetwork(namespace, entry)) removeConnected(namespace, connected);
    if (!namespace.isLocal(entry.address)) flushRoutesPreferring(namespace, entry.address);
    const last = !namespace.addresses.some(
      (each) => each.linkIndex === entry.linkIndex && familyOf(each.address) === 4,
    );
    if (familyOf(entry.address) === 4 && last) disableIpv4(namespace, entry.linkIndex);
  }
}

/** A link that loses its last IPv4 address loses its IPv4 routes and neighbours too. */
function disableIpv4(namespace: FakeNamespace, linkIndex: number): void {
  flushIpv4Routes(namespace, linkIndex);
  flushNeighbours(namespace, (entry) => entry.linkIndex === linkIndex && familyOf(entry.address) === 4);
}

/** Another IPv6 address of the same network on the same link: they share one route. */
function sharesNetwork({ addresses }: FakeNamespace, entry: LinkAddress): boolean {
  const shares = (each: LinkAddress) =>
    each.linkIndex === entry.linkIndex && familyOf(each.address) === 6 && networkOf(each).equals(networkOf(entry));
  return familyOf(entry.address) === 6 && addresses.some(shares);
}

function removeConnected(namespace: FakeNamespace, connected: Route): void {
  const present = namespace.routes.find((route) => sameConnected(route, connected));
  if (present === undefined) return;
  namespace.routes = namespace.routes.filter((route) => route !== present);
  namespace.notifier.tell({ type: "route.gone", route: present });
}

function sameConnected(a: Route, b: Route): boolean {
  return (
    a.protocol === RTPROT_KERNEL &&
    a.table === b.table &&
    a.metric === b.metric &&
    a.destination.equals(b.destination) &&
    a.preferredSource === b.preferredSource &&
    a.nextHops[0]?.linkIndex === b.nextHops[0]?.linkIndex
  );
}

/** The route to the address's network, if its link is up and the kernel makes one. */
export function addConnectedRoute(namespace: FakeNamespace, address: LinkAddress): void {
  const route = connectedRoute(namespace, address);
  if (route === undefined || !namespace.links.get(address.linkIndex)?.up) return;
  if (namespace.routes.some((each) => sameConnected(each, route))) return;
  namespace.routes.push(route);
  namespace.notifier.tell({ type: "route", route });
}

function connectedRoute(namespace: FakeNamespace, entry: LinkAddress): Route | undefined {
  const { address, prefixLength, linkIndex } = entry;
  const six = familyOf(address) === 6;
  const loopback = namespace.links.get(linkIndex)?.loopback === true;
  if (!six && (prefixLength === 32 || loopback || primaryOf(namespace, entry) !== entry)) return undefined;
  if (address === LOOPBACK_IPV6) return undefined;
  return {
    kind: "unicast",
    destination: Prefix.of(address, prefixLength),
    table: MAIN,
    protocol: RTPROT_KERNEL,
    scope: six ? 0 : SCOPE_LINK,
    metric: six ? IPV6_CONNECTED_METRIC : 0,
    preferredSource: six ? undefined : address,
    nextHops: [{ via: undefined, linkIndex, weight: 1, onlink: false }],
    mtu: undefined,
  };
}
