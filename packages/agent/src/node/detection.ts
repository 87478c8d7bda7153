import { OcicatError } from "@ocicat/kit";
import type { Link, LinkAddress, Route } from "@ocicat/linux/kernel";
import { type Address, compareAddresses, type Family, familyOf, formatAddress, Prefix, parsePrefix } from "@ocicat/net";
import type { OwnAddress } from "@ocicat/routing";
import type { DetectionMethod } from "./detection-method.ts";

/** What a node can know of itself when it looks for its address. */
export interface HostFacts {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  /** The main table's, of the family that is looked for. */
  readonly routes: readonly Route[];
  /** What can-reach's destination stands for: itself, or what its name resolves to. */
  readonly destinations: readonly Address[];
  /** The Node resource's addresses of type InternalIP. */
  readonly internalIps: readonly Address[];
  /** The address that the node has been using: it stays while it will do. */
  readonly held: Address | undefined;
}

/** An address of the host, with the interface that it is on. */
export interface Candidate extends OwnAddress {
  readonly interfaceName: string;
}

export interface Detected {
  readonly chosen: Candidate;
  /** Why this one was taken, where there were others. */
  readonly why: string;
  /** On other interfaces, and the method would have taken them too. */
  readonly others: readonly Candidate[];
}

/** Calico's list for first-found and skip-interface: devices of container networks, and what no other node can reach. */
const FOREIGN = [
  /^docker.*/,
  /^cbr.*/,
  /^dummy.*/,
  /^virbr.*/,
  /^lxcbr.*/,
  /^veth.*/,
  /^lo/,
  /^flannel.*/,
  /^kube-ipvs.*/,
  /^cni.*/,
  /^nodelocaldns.*/,
];

/** What this network makes itself: an address there lies in a pool. Calico leaves them out of first-found alone. */
const OWN = [/^cali.*/, /^tunl.*/, /^vxlan\.calico.*/, /^vxlan-v6\.calico.*/, /^wireguard\.cali.*/, /^wg-v6\.cali.*/];

/** Why a candidate is not taken; undefined if it may be. */
type Judge = (candidate: Candidate) => string | undefined;

/** Made from the facts; throws OcicatError NODE_ADDRESS if the method finds nothing to judge by. */
const JUDGES: {
  readonly [Name in DetectionMethod["name"]]: (
    method: Extract<DetectionMethod, { readonly name: Name }>,
    facts: HostFacts,
    family: Family,
  ) => Judge;
} = {
  "first-found": () => notNamed(FOREIGN),
  "skip-interface": ({ patterns }) => notNamed([...FOREIGN, ...patterns]),
  interface:
    ({ patterns }) =>
    ({ interfaceName }) =>
      patterns.some((pattern) => pattern.test(interfaceName)) ? undefined : "the method does not name its interface",
  cidr:
    ({ cidrs }) =>
    ({ address }) =>
      cidrs.some((cidr) => cidr.has(address)) ? undefined : `it is not in ${cidrs.join(", ")}`,
  "can-reach": ({ destination }, facts, family) => {
    const source = sourceTowards(destination, facts, family);
    return ({ address }) =>
      compareAddresses(address, source) === 0
        ? undefined
        : `packets to ${destination} leave from ${formatAddress(source)}`;
  },
  "kubernetes-internal-ip": (_method, { internalIps }, family) => {
    const wanted = internalIps.filter((address) => familyOf(address) === family);
    if (wanted.length === 0)
      throw new OcicatError({
        code: "NODE_ADDRESS",
        what: `the Node resource has no IPv${family} address of type InternalIP`,
        fix: "put it into spec.addresses, or use another detection method",
      });
    return ({ address }) =>
      wanted.some((one) => compareAddresses(one, address) === 0)
        ? undefined
        : `the Node's InternalIP is ${wanted.map(formatAddress).join(", ")}`;
  },
};

/**
 * The node's own address among the host's, and what else would have done. Among several the one that is in use already is
 * kept; then counts the interface that the default route leaves by, for that is how others reach this host; then, as with
 * Calico, the interface with the highest index. Throws OcicatError NODE_ADDRESS, which names every address and why not.
 */
export function detectAddress(method: DetectionMethod, family: Family, facts: HostFacts): Detected {
  const judge = judgeOf(method, facts, family);
  const judged = candidatesOf(facts, family).map(({ candidate, link }) => ({
    candidate,
    link,
    objection: generalObjection(candidate, link) ?? judge(candidate),
  }));
  const taken = judged.filter((entry) => entry.objection === undefined);
  const leaving = defaultInterfaces(facts);
  const rank = ({ candidate, link }: { readonly candidate: Candidate; readonly link: Link }) =>
    [isHeld(candidate, facts) ? 0 : 1, leaving.has(link.index) ? 0 : 1, -link.index] as const;
  const [first] = taken.toSorted((a, b) => compareRanks(rank(a), rank(b)));
  if (first === undefined) throw notFound(method, family, judged);
  const chosen = first.candidate;
  const others = taken
    .map((entry) => entry.candidate)
    .filter((candidate) => candidate.interfaceName !== chosen.interfaceName);
  return { chosen, others, why: others.length === 0 ? "there is no other" : whyTaken(first, facts, leaving) };
}

/** What a person should know before relying on what was detected; undefined if there was only one to take. */
export function ambiguity({ chosen, others, why }: Detected, variable: string): string | undefined {
  if (others.length === 0) return undefined;
  const list = others.map(formatCandidate).join(", ");
  return `${formatCandidate(chosen)} was taken (${why}), and ${list} would have done as well: if that is the wrong one, set ${variable}=interface=…`;
}

export function formatCandidate({ interfaceName, address, subnet }: Candidate): string {
  return `${interfaceName} ${formatAddress(address)}/${subnet.length}`;
}

/** An interface of the host's own, as its resource names it. */
export interface NodeInterface {
  readonly name: string;
  readonly addresses: readonly string[];
}

const LINK_LOCAL = parsePrefix("fe80::/10");

/** Those that others can reach the host by, in the kernel's order, with their addresses: neither containers' nor this network's. */
export function hostInterfaces(facts: Pick<HostFacts, "links" | "addresses">): readonly NodeInterface[] {
  const candidates = ([4, 6] as const)
    .flatMap((family) => candidatesOf(facts, family))
    .filter(
      ({ candidate: { interfaceName, address } }) =>
        [...FOREIGN, ...OWN].every((pattern) => !pattern.test(interfaceName)) && !LINK_LOCAL.has(address),
    );
  const byLink = [...Map.groupBy(candidates, ({ link }) => link)].sort(([a], [b]) => a.index - b.index);
  return byLink.map(([{ name }, of]) => ({
    name,
    addresses: of.map(({ candidate }) => formatAddress(candidate.address)),
  }));
}

/** Every address of the family with its interface. */
export function candidatesOf({ links, addresses }: Pick<HostFacts, "links" | "addresses">, family: Family) {
  const byIndex = new Map(links.map((link) => [link.index, link]));
  return addresses.flatMap(({ address, prefixLength, linkIndex }) => {
    const link = byIndex.get(linkIndex);
    if (link === undefined || familyOf(address) !== family) return [];
    return [{ link, candidate: { interfaceName: link.name, address, subnet: Prefix.of(address, prefixLength) } }];
  });
}

/** Narrows the table's row to the method that it is for. */
function judgeOf<Name extends DetectionMethod["name"]>(
  method: Extract<DetectionMethod, { readonly name: Name }>,
  facts: HostFacts,
  family: Family,
): Judge {
  const make: (method: Extract<DetectionMethod, { readonly name: Name }>, facts: HostFacts, family: Family) => Judge =
    JUDGES[method.name];
  return make(method, facts, family);
}

/** Addresses that are no node's, whatever the method. */
const USELESS = [
  { cidr: parsePrefix("0.0.0.0/8"), what: "no address" },
  { cidr: parsePrefix("127.0.0.0/8"), what: "a loopback address" },
  { cidr: parsePrefix("169.254.0.0/16"), what: "a link-local address" },
  { cidr: parsePrefix("224.0.0.0/3"), what: "not a unicast address" },
  { cidr: parsePrefix("::/127"), what: "a loopback address" },
  { cidr: parsePrefix("fe80::/10"), what: "a link-local address" },
  { cidr: parsePrefix("ff00::/8"), what: "not a unicast address" },
];

function generalObjection({ address, interfaceName }: Candidate, link: Link): string | undefined {
  if (!link.up) return "its interface is down";
  const useless = USELESS.find(({ cidr }) => cidr.has(address));
  if (useless !== undefined) return `it is ${useless.what}`;
  return OWN.some((pattern) => pattern.test(interfaceName)) ? "its interface is this network's own" : undefined;
}

function notNamed(patterns: readonly RegExp[]): Judge {
  return ({ interfaceName }) => {
    const pattern = patterns.find((one) => one.test(interfaceName));
    return pattern === undefined ? undefined : `its interface is left out by ${pattern.source}`;
  };
}

/** The address that a packet to the destination would leave from, by the main table. */
function sourceTowards(destination: string, facts: HostFacts, family: Family): Address {
  const targets = facts.destinations.filter((address) => familyOf(address) === family);
  const own = candidatesOf(facts, family).map(({ candidate }) => candidate.address);
  for (const target of targets) {
    if (own.some((address) => compareAddresses(address, target) === 0)) return target;
    const route = routeTo(target, facts.routes);
    const source =
      route?.kind === "unicast" ? (route.preferredSource ?? addressFor(target, route, facts, family)) : undefined;
    if (source !== undefined) return source;
  }
  throw new OcicatError({
    code: "NODE_ADDRESS",
    what: `${destination} cannot be reached from this node`,
    why: targets.length === 0 ? `it has no IPv${family} address` : "no route in the main table leads there",
    fix: "name another destination, or use another detection method",
  });
}

/** Longest prefix first, then lowest metric. */
function routeTo(target: Address, routes: readonly Route[]): Route | undefined {
  return routes
    .filter((route) => route.destination.has(target))
    .toSorted((a, b) => b.destination.length - a.destination.length || a.metric - b.metric)[0];
}

/** On the interface that the route leaves by: the address on the next hop's subnet, else the first that is anybody's. */
function addressFor(target: Address, route: Route, facts: HostFacts, family: Family): Address | undefined {
  const hop = route.nextHops[0];
  const there = candidatesOf(facts, family)
    .filter(({ link, candidate }) => link.index === hop?.linkIndex && generalObjection(candidate, link) === undefined)
    .map(({ candidate }) => candidate);
  const neighbour = hop?.via ?? target;
  return (there.find(({ subnet }) => subnet.has(neighbour)) ?? there[0])?.address;
}

/** Those that the default route of the lowest metric leaves by. */
function defaultInterfaces({ routes }: HostFacts): ReadonlySet<number> {
  const defaults = routes.filter((route) => route.destination.length === 0 && route.kind === "unicast");
  const lowest = Math.min(...defaults.map((route) => route.metric));
  return new Set(
    defaults.filter((route) => route.metric === lowest).flatMap((route) => route.nextHops.map((hop) => hop.linkIndex)),
  );
}

function isHeld({ address }: Candidate, { held }: HostFacts): boolean {
  return held !== undefined && compareAddresses(address, held) === 0;
}

function whyTaken(
  { candidate, link }: { readonly candidate: Candidate; readonly link: Link },
  facts: HostFacts,
  leaving: ReadonlySet<number>,
): string {
  if (isHeld(candidate, facts)) return "the node uses it already";
  return leaving.has(link.index) ? "the default route leaves by its interface" : "its interface has the highest index";
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function notFound(
  method: DetectionMethod,
  family: Family,
  judged: readonly { readonly candidate: Candidate; readonly objection: string | undefined }[],
): OcicatError {
  // A thousand pods' cables tell nobody anything.
  const told = judged.filter(({ candidate }) => !/^cali/.test(candidate.interfaceName));
  const list = told.map(({ candidate, objection }) => `${formatCandidate(candidate)}: ${objection}`).join("; ");
  return new OcicatError({
    code: "NODE_ADDRESS",
    what: `no address of this node is found by ${method.name}`,
    why: list === "" ? `it has no IPv${family} address` : list,
    fix: `set ${family === 4 ? "IP" : "IP6"}=address/length, or another ${family === 4 ? "IP" : "IP6"}_AUTODETECTION_METHOD`,
  });
}
