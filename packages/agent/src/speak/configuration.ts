import {
  API_VERSION,
  type BGPFilter,
  bgpFilter,
  bgpPeer,
  isObject,
  type PeerEndpoint,
  parsePeerIP,
  readDocument,
} from "@ocicat/api";
import {
  type Address,
  type Family,
  familyOf,
  formatAddress,
  type Ipv4,
  isLinkLocal,
  isLinkName,
  type Prefix,
  parsePrefix,
} from "@ocicat/net";
import type { PeerRow } from "@ocicat/routing";
import type { RecordSettings } from "../record/settings.ts";
import { type BgpFilterRow, bgpFilterRow } from "../tables/bgp-filter-row.ts";
import { peerRow } from "../tables/bgp-rows.ts";
import { attempt, bad, fieldsIn, missing } from "./fields.ts";
import { readRecordSettings } from "./record-fields.ts";

/** One peering of a speaker that runs by itself: a BGPPeer's spec, and what nodes decide otherwise. */
export interface SpeakPeer {
  readonly row: PeerRow;
  /** An address, all that dial from within a prefix, or whoever is at the other end of a link. */
  readonly at:
    | { readonly address: Address; readonly link: string | undefined; readonly port: number }
    | { readonly prefix: Prefix }
    | { readonly neighbourOn: string };
  readonly asNumber: number;
  /** RFC 4456: a client of the cluster that this speaker reflects for. */
  readonly client: boolean;
  readonly passive: boolean;
  readonly families: readonly (4 | 6)[];
}

/** What `ocicat bgp speak` is told. */
export interface SpeakConfiguration {
  readonly routerId: Ipv4;
  readonly asNumber: number;
  readonly listen: { readonly address: Address | undefined; readonly port: number } | undefined;
  readonly clusterId: Ipv4 | undefined;
  /** Best routes are written into the main table. */
  readonly kernelRoutes: boolean;
  /** What `ocicat bgp` asks, and birdcl; undefined: nowhere. */
  readonly socket: string | undefined;
  readonly birdSocketDirectory: string | undefined;
  /** Passwords, as `<secret>/<key>`. */
  readonly secrets: string;
  readonly routes: readonly Prefix[];
  readonly filters: readonly BgpFilterRow[];
  readonly peers: readonly SpeakPeer[];
  readonly record: RecordSettings;
}

const FIELDS = [
  "routerId",
  "asNumber",
  "listen",
  "clusterId",
  "kernelRoutes",
  "socket",
  "birdSocketDirectory",
  "secrets",
  "routes",
  "filters",
  "peers",
  "mrt",
  "pcap",
] as const;
/** Of a peer, beside a BGPPeer's spec. */
const OWN_FIELDS = ["name", "prefix", "interface", "client", "passive", "families"] as const;

/**
 * Reads what a YAML file holds, parsed. Throws OcicatError BGP_SPEAK_CONFIG on the first mistake, with its place:
 *
 *     asNumber: 64512
 *     routerId: 10.0.0.1
 *     clusterId: 10.0.0.1                    # a reflector
 *     peers:
 *       - { name: node1, peerIP: 10.0.0.11, asNumber: 64512, client: true, filters: [pods] }
 *       - { name: rack, prefix: 10.0.1.0/24, asNumber: 64512, client: true }
 *       - { name: tor, interface: eth1, asNumber: 65000 }
 *     filters:
 *       pods: { importV4: [{ action: Accept, matchOperator: In, cidr: 10.244.0.0/16 }, { action: Reject }] }
 */
export function readSpeakConfiguration(value: unknown, where: string): SpeakConfiguration {
  const at = fieldsIn(value, where, FIELDS);
  const asNumber = at.number("asNumber", 1, 2 ** 32 - 1);
  if (asNumber === undefined) throw bad(where, "asNumber is missing", "give this speaker's AS number");
  const filters = at.entries("filters").map(([name, spec]) => readFilter(name, spec, where));
  const peers = at.list("peers").map((peer, index) => readPeer(peer, `${where}: peers[${index}]`, asNumber));
  return {
    routerId: at.ipv4("routerId") ?? missing(where, "routerId", "give an IPv4 address that no other speaker has"),
    asNumber,
    listen: at.text("listen") === "none" ? undefined : listenAt(at.text("listen"), where),
    clusterId: at.ipv4("clusterId"),
    kernelRoutes: at.flag("kernelRoutes") ?? false,
    socket: at.text("socket"),
    birdSocketDirectory: at.text("birdSocketDirectory"),
    secrets: at.text("secrets") ?? "/etc/ocicat/secrets",
    routes: at.list("routes").map((text) => prefixOf(text, `${where}: routes`)),
    filters,
    peers,
    record: readRecordSettings(at, where),
  };
}

function readPeer(value: unknown, where: string, ownAs: number): SpeakPeer {
  if (!isObject(value)) throw bad(where, "is no object", "give a BGPPeer's fields");
  const own = Object.fromEntries(Object.entries(value).filter(([name]) => OWN_FIELDS.some((field) => field === name)));
  const spec = Object.fromEntries(Object.entries(value).filter(([name]) => !(name in own)));
  const at = fieldsIn(own, where, OWN_FIELDS);
  const name = at.text("name");
  if (name === undefined) throw bad(where, "name is missing", "name the peer");
  const prefix = own["prefix"] === undefined ? undefined : prefixOf(own["prefix"], where);
  const link = at.text("interface");
  if (link !== undefined && !isLinkName(link)) throw bad(where, `interface: "${link}"`, "name it as ip link shows it");
  const { peerIP } = spec;
  if ([prefix, link, peerIP].filter((end) => end !== undefined).length > 1)
    throw bad(where, "is named in several ways", "give one of peerIP, prefix and interface");
  const resource = attempt(where, () => {
    const metadata = { name };
    // A BGPPeer has an address: this one stands for those that will come.
    const stand = peerIP === undefined ? { peerIP: prefix === undefined ? "::" : formatAddress(prefix.address) } : {};
    return readDocument({ apiVersion: API_VERSION, kind: "BGPPeer", metadata, spec: { ...spec, ...stand } });
  });
  if (!bgpPeer.is(resource)) throw bad(where, "is no peer", "give a BGPPeer's fields");
  const row = peerRow(resource);
  const end = typeof peerIP === "string" ? parsePeerIP(peerIP) : undefined;
  const place = placeOf(end, prefix, link);
  if (row === undefined || place === undefined)
    throw bad(where, "has neither peerIP nor prefix nor interface", "say whom to peer with");
  if (end !== undefined && isLinkLocal(end.address) && end.link === undefined)
    throw bad(where, `${String(peerIP)} is link-local`, `name its interface as well: ${String(peerIP)}%eth1`);
  const families = at.list("families").map((family) => {
    if (family === 4 || family === 6) return family;
    throw bad(where, `${String(family)} is no family`, "use 4 and 6");
  });
  return {
    row,
    at: place,
    asNumber: resource.spec.asNumber ?? ownAs,
    client: at.flag("client") ?? false,
    passive: at.flag("passive") ?? false,
    families: families.length === 0 ? familiesAt(place) : families,
  };
}

function placeOf(
  end: PeerEndpoint | undefined,
  prefix: Prefix | undefined,
  link: string | undefined,
): SpeakPeer["at"] | undefined {
  if (prefix !== undefined) return { prefix };
  if (link !== undefined) return { neighbourOn: link };
  return end && { ...end, port: end.port ?? 179 };
}

/** On a link there is one session for both, and routes of IPv4 have the link-local next hop too (RFC 8950). */
function familiesAt(place: SpeakPeer["at"]): readonly Family[] {
  if ("prefix" in place) return [place.prefix.family];
  return "neighbourOn" in place || place.link !== undefined ? [4, 6] : [familyOf(place.address)];
}

function readFilter(name: string, spec: unknown, where: string): BgpFilterRow {
  const resource = attempt(`${where}: filters.${name}`, () =>
    readDocument({ apiVersion: API_VERSION, kind: "BGPFilter", metadata: { name }, spec }),
  );
  if (!bgpFilter.is(resource)) throw bad(where, `filter ${name} is none`, "give a BGPFilter's fields");
  return bgpFilterRow(resource satisfies BGPFilter);
}

function listenAt(text: string | undefined, where: string) {
  const all = { address: undefined, port: 179 };
  if (text === undefined) return all;
  if (/^\d+$/.test(text)) return { ...all, port: Number(text) };
  const end = parsePeerIP(text);
  if (end === undefined) throw bad(where, `listen: "${text}"`, "give a port, an address, address:port, or none");
  return { address: end.address, port: end.port ?? 179 };
}

function prefixOf(value: unknown, where: string): Prefix {
  return attempt(where, () => parsePrefix(String(value)));
}
