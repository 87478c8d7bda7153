import {
  type Address,
  bitsOf,
  type Family,
  familyOf,
  formatAddress,
  type Ipv4,
  type Ipv6,
  type Mac,
  Prefix,
  parseAddress,
  parsePrefix,
} from "@ocicat/net";
import type { JsonObject } from "./json-reader.ts";
import { atLeast, type CniVersion } from "./version.ts";

/** What an ADD made, in one shape for every CNI version. */
export interface AddResult {
  readonly interfaces: readonly ResultInterface[];
  readonly addresses: readonly ResultAddress[];
  /** Routes made in the container by this attachment, in order of making. */
  readonly routes: readonly ResultRoute[];
  readonly dns: Dns;
}

export interface ResultInterface {
  readonly name: string;
  readonly mac?: Mac | undefined;
  /** Bytes. Told from 1.1.0 on. */
  readonly mtu?: number | undefined;
  /** Path of the container's network namespace; absent for an interface of the host. */
  readonly sandbox?: string | undefined;
}

/** An address with the length of its subnet: not a Prefix, because its host bits count. */
export interface ResultAddress {
  readonly address: Address;
  readonly length: number;
  /** Index into `interfaces`. */
  readonly interface?: number | undefined;
  readonly gateway?: Address | undefined;
}

export interface ResultRoute {
  readonly destination: Prefix;
  /** Next hop; absent for a route on the link. */
  readonly gateway?: Address | undefined;
  /** RT_SCOPE_*; told from 1.1.0 on. */
  readonly scope?: number | undefined;
}

export interface Dns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

export interface PodInterfaces {
  readonly host: { readonly name: string; readonly mac: Mac };
  readonly container: { readonly name: string; readonly mac: Mac; readonly netns: string };
  readonly mtu: number;
  /** One IPv4 address, one IPv6 address, or one of each. */
  readonly addresses: readonly Address[];
  /** The host interface's link-local address, the next hop of IPv6. */
  readonly hostLinkLocal?: Ipv6 | undefined;
  readonly dns?: Dns;
}

const RT_SCOPE_LINK = 253;
/** The next hop of every container: an address nobody has, answered for by proxy ARP on the host's end. */
export const IPV4_NEXT_HOP: Ipv4 = parseAddress("169.254.1.1") as Ipv4;
/** fe80::ecee:eeff:feee:eeee, from the MAC address ee:ee:ee:ee:ee:ee by EUI-64. */
export const IPV6_NEXT_HOP: Ipv6 = parseAddress("fe80::ecee:eeff:feee:eeee") as Ipv6;
const DEFAULT_V4 = parsePrefix("0.0.0.0/0");
const DEFAULT_V6 = parsePrefix("::/0");

/**
 * The result of a pod on a veth pair: host end first (as Calico orders them), each address with its full length on the
 * container's end, and the routes that `ip route` shows inside.
 */
export function podResult(pod: PodInterfaces): AddResult {
  const { host, container, mtu } = pod;
  return {
    interfaces: [
      { name: host.name, mac: host.mac, mtu },
      { name: container.name, mac: container.mac, mtu, sandbox: container.netns },
    ],
    addresses: pod.addresses.map((address) => ({ address, length: bitsOf(familyOf(address)), interface: 1 })),
    routes: pod.addresses.flatMap((address) => podRoutes(familyOf(address), pod.hostLinkLocal ?? IPV6_NEXT_HOP)),
    dns: pod.dns ?? {},
  };
}

function podRoutes(family: Family, hostLinkLocal: Ipv6): ResultRoute[] {
  return family === 4
    ? [
        { destination: Prefix.host(IPV4_NEXT_HOP), scope: RT_SCOPE_LINK },
        { destination: DEFAULT_V4, gateway: IPV4_NEXT_HOP },
      ]
    : [{ destination: DEFAULT_V6, gateway: hostLinkLocal }];
}

/** The result as a network plugin prints it in `version` of the specification. */
export function formatResult(result: AddResult, version: CniVersion): JsonObject {
  return atLeast(version, "0.3.0") ? formatModern(result, version, true) : formatLegacy(result, version);
}

/** The result as an IPAM plugin prints it: without interfaces, which the calling plugin makes. */
export function formatIpamResult(
  result: Pick<AddResult, "addresses" | "routes" | "dns">,
  version: CniVersion,
): JsonObject {
  const whole = { ...result, interfaces: [] };
  return atLeast(version, "0.3.0") ? formatModern(whole, version, false) : formatLegacy(whole, version);
}

function formatModern(result: AddResult, version: CniVersion, withInterfaces: boolean): JsonObject {
  return {
    cniVersion: version,
    ...(withInterfaces ? { interfaces: result.interfaces.map((link) => formatInterface(link, version)) } : {}),
    ips: result.addresses.map((entry) => formatIp(entry, version, withInterfaces)),
    ...(result.routes.length > 0 ? { routes: result.routes.map((route) => formatRoute(route, version)) } : {}),
    dns: formatDns(result.dns),
  };
}

function formatInterface(link: ResultInterface, version: CniVersion): JsonObject {
  return {
    name: link.name,
    ...(link.mac === undefined ? {} : { mac: link.mac }),
    ...(link.mtu === undefined || !atLeast(version, "1.1.0") ? {} : { mtu: link.mtu }),
    ...(link.sandbox === undefined ? {} : { sandbox: link.sandbox }),
  };
}

/** Before 1.0.0 an address says its family. */
function formatIp(entry: ResultAddress, version: CniVersion, withInterface: boolean): JsonObject {
  return {
    ...(atLeast(version, "1.0.0") ? {} : { version: String(familyOf(entry.address)) }),
    ...(entry.interface === undefined || !withInterface ? {} : { interface: entry.interface }),
    address: formatCidr(entry),
    ...(entry.gateway === undefined ? {} : { gateway: formatAddress(entry.gateway) }),
  };
}

function formatRoute(route: ResultRoute, version: CniVersion): JsonObject {
  return {
    dst: route.destination.toString(),
    ...(route.gateway === undefined ? {} : { gw: formatAddress(route.gateway) }),
    ...(route.scope === undefined || !atLeast(version, "1.1.0") ? {} : { scope: route.scope }),
  };
}

/** 0.1.0 and 0.2.0 know one address of each family, each with its own routes. */
function formatLegacy(result: AddResult, version: CniVersion): JsonObject {
  const of = (family: Family): JsonObject | undefined => {
    const entry = result.addresses.find(({ address }) => familyOf(address) === family);
    if (entry === undefined) return undefined;
    const routes = result.routes.filter(({ destination }) => destination.family === family);
    return {
      ip: formatCidr(entry),
      ...(entry.gateway === undefined ? {} : { gateway: formatAddress(entry.gateway) }),
      ...(routes.length > 0 ? { routes: routes.map((route) => formatRoute(route, version)) } : {}),
    };
  };
  const [ip4, ip6] = [of(4), of(6)];
  return {
    cniVersion: version,
    ...(ip4 === undefined ? {} : { ip4 }),
    ...(ip6 === undefined ? {} : { ip6 }),
    dns: formatDns(result.dns),
  };
}

function formatCidr({ address, length }: ResultAddress): string {
  return `${formatAddress(address)}/${length}`;
}

function formatDns(dns: Dns): JsonObject {
  return {
    ...(dns.nameservers === undefined ? {} : { nameservers: dns.nameservers }),
    ...(dns.domain === undefined ? {} : { domain: dns.domain }),
    ...(dns.search === undefined ? {} : { search: dns.search }),
    ...(dns.options === undefined ? {} : { options: dns.options }),
  };
}
