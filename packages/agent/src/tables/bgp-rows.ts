import { type BGPConfiguration, type BGPPeer, compileSelector, durationMs, parsePeerIP } from "@ocicat/api";
import { type AnyCommunity, NORMAL_PRIORITY, parseCommunity } from "@ocicat/bgp";
import { OcicatError } from "@ocicat/kit";
import { isLinkName, type Prefix, parseAddress, parsePrefix } from "@ocicat/net";
import type { BfdTimers, PeerRow, SecretRef } from "@ocicat/routing";

/** How BGP runs on a node, with Calico's defaults for what is not set. */
export interface BgpSettingsRow {
  readonly meshEnabled: boolean;
  readonly asNumber: number;
  readonly listenPort: number;
  /** Listen at the node's own address only. */
  readonly bindToNode: boolean;
  readonly meshPassword: SecretRef | undefined;
  /** Seconds; undefined: the speaker's. */
  readonly meshRestartTimeS: number | undefined;
  /** Whether packets reach the nodes of the mesh is watched. */
  readonly meshBfd: BfdTimers | undefined;
  readonly advertisements: readonly PrefixAdvertisement[];
  /** What a filter takes a route without a LOCAL_PREF for. */
  readonly normalPriority4: number;
  readonly normalPriority6: number;
  /** Interfaces whose subnets are nobody's to be told of, by name or with `*`. */
  readonly ignoredInterfaces: readonly string[];
}

/** Routes in the network are told with these communities as well. */
export interface PrefixAdvertisement {
  readonly network: Prefix;
  readonly communities: readonly AnyCommunity[];
}

/** What one BGPConfiguration sets. */
export interface BgpConfigurationRow extends Partial<Omit<BgpSettingsRow, "advertisements">> {
  /** Communities by their values, or by a name that a BGPConfiguration explains. */
  readonly advertisements?: readonly { readonly network: Prefix; readonly communities: readonly string[] }[];
  readonly communityNames: ReadonlyMap<string, string>;
}

const DEFAULT_SETTINGS: BgpSettingsRow = {
  meshEnabled: true,
  asNumber: 64512,
  listenPort: 179,
  bindToNode: false,
  meshPassword: undefined,
  meshRestartTimeS: undefined,
  meshBfd: undefined,
  advertisements: [],
  normalPriority4: NORMAL_PRIORITY,
  normalPriority6: NORMAL_PRIORITY,
  ignoredInterfaces: [],
};

export function bgpConfigurationRow({ metadata, spec }: BGPConfiguration): BgpConfigurationRow {
  const { prefixAdvertisements, bindMode } = spec;
  return without(undefined, {
    meshEnabled: spec.nodeToNodeMeshEnabled,
    asNumber: spec.asNumber,
    listenPort: spec.listenPort,
    bindToNode: bindMode === undefined ? undefined : bindMode === "NodeIP",
    meshPassword: spec.nodeMeshPassword?.secretKeyRef && secretRef(spec.nodeMeshPassword.secretKeyRef),
    meshRestartTimeS: seconds(spec.nodeMeshMaxRestartTime, 0, 4095),
    meshBfd: bfdTimers(metadata.annotations),
    advertisements: prefixAdvertisements?.map(({ cidr, communities }) => ({ network: network(cidr), communities })),
    normalPriority4: spec.ipv4NormalRoutePriority,
    normalPriority6: spec.ipv6NormalRoutePriority,
    ignoredInterfaces: spec.ignoredInterfaces,
    communityNames: new Map((spec.communities ?? []).map(({ name, value }) => [name, value])),
  });
}

/** What holds for a node: `own`, its "node.<name>", over `all`, the "default", over the standard. */
export function bgpSettings(
  all: BgpConfigurationRow | undefined,
  own: BgpConfigurationRow | undefined,
): BgpSettingsRow {
  const { communityNames: shared, advertisements: everywhere = [], ...common } = all ?? NOTHING;
  const { communityNames: local, advertisements: here = everywhere, ...special } = own ?? NOTHING;
  const names = new Map([...shared, ...local]);
  const advertisements = here.map(({ network: range, communities }) => ({
    network: range,
    communities: communities
      .map((text) => parseCommunity(names.get(text) ?? text))
      .filter((community) => community !== undefined),
  }));
  return { ...DEFAULT_SETTINGS, ...common, ...special, advertisements };
}

const NOTHING: BgpConfigurationRow = { communityNames: new Map() };

/** Without the members that are not set, so that they do not hide those of another. */
function without<T extends object>(nothing: undefined, row: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== nothing)) as T;
}

function network(text: string): Prefix {
  return parsePrefix(text, { hostBits: "clear" });
}

/** Undefined for a peer that nothing names. */
export function peerRow({ metadata, spec }: BGPPeer): PeerRow | undefined {
  const peer = farEnd(spec, linkOf(metadata.annotations, spec));
  if (peer === undefined) return undefined;
  return {
    name: metadata.name,
    nodes: nearEnd(spec),
    peer,
    localAsNumber: spec.localASNumber,
    nextHop: spec.keepOriginalNextHop === true ? "keep" : NEXT_HOP[spec.nextHopMode ?? "Auto"],
    fromNodeAddress: spec.sourceAddress !== "None",
    allowedOwnAs: spec.numAllowedLocalASNumbers ?? 0,
    keepaliveS: seconds(spec.keepaliveTime, 1, 65_535),
    restartTimeS: seconds(spec.maxRestartTime, 0, 4095),
    reversed: spec.reversePeering !== "Manual",
    password: spec.password?.secretKeyRef && secretRef(spec.password.secretKeyRef),
    mostHops: (spec.ttlSecurity ?? 0) === 0 ? undefined : spec.ttlSecurity,
    reachableBy: spec.reachableBy === undefined ? undefined : parseAddress(spec.reachableBy),
    filters: spec.filters ?? [],
    bfd: bfdTimers(metadata.annotations),
  };
}

const NEXT_HOP = { Auto: "auto", Self: "self", Keep: "keep" } as const;

function nearEnd({ node, nodeSelector }: BGPPeer["spec"]): PeerRow["nodes"] {
  if (node !== undefined) return { name: node };
  return nodeSelector === undefined ? "all" : { match: compileSelector(nodeSelector).matches };
}

function farEnd(
  { peerIP, asNumber, peerSelector, localWorkloadSelector }: BGPPeer["spec"],
  link: string | undefined,
): PeerRow["peer"] | undefined {
  if (link !== undefined) return { neighbourOn: link, asNumber };
  if (localWorkloadSelector !== undefined)
    return asNumber === undefined ? undefined : { workloads: compileSelector(localWorkloadSelector).matches, asNumber };
  if (peerSelector !== undefined) return { match: compileSelector(peerSelector).matches };
  const end = peerIP === undefined ? undefined : parsePeerIP(peerIP);
  return end === undefined ? undefined : { ...end, asNumber };
}

/** In whole seconds, within what the protocol can say. */
function seconds(duration: string | undefined, least: number, most: number): number | undefined {
  if (duration === undefined) return undefined;
  return Math.min(most, Math.max(least, Math.round(durationMs(duration) / 1000)));
}

type SecretKeyRef = NonNullable<NonNullable<BGPPeer["spec"]["password"]>["secretKeyRef"]>;

function secretRef({ name = "", key, optional = false }: SecretKeyRef): SecretRef {
  return { name, key, optional };
}

/** On a BGPPeer: the peer is whoever is at the other end of this interface. Calico's resources have no field for it. */
export const INTERFACE = "ocicat.io/interface";

/** Throws OcicatError BGP_INTERFACE on what is no interface, and beside another way to name the peer. */
function linkOf(
  annotations: Readonly<Record<string, string>> | undefined,
  { peerIP, peerSelector, localWorkloadSelector }: BGPPeer["spec"],
): string | undefined {
  const link = annotations?.[INTERFACE]?.trim() ?? "";
  if (link === "") return undefined;
  const where = `annotation ${INTERFACE}`;
  if (!isLinkName(link)) {
    const fix = "write its name as ip link shows it: eth1";
    throw new OcicatError({ code: "BGP_INTERFACE", where, what: `"${link}" is no interface's name`, fix });
  }
  if (peerIP === undefined && peerSelector === undefined && localWorkloadSelector === undefined) return link;
  const what = "the peer is named in another way as well";
  const fix = "leave peerIP and the selectors out, or the annotation; for one address of a link write fe80::1%eth1";
  throw new OcicatError({ code: "BGP_INTERFACE", where, what, fix });
}

/** On a BGPPeer, and on the BGPConfiguration "default" for the mesh: Calico's resources have no field for it. */
export const BFD = "ocicat.io/bfd";
const STANDARD: BfdTimers = { intervalMs: 300, multiplier: 3 };
/** Shorter ones are for hardware: a thread that is held up for some milliseconds must not take a path for dead. */
const LEAST_MS = 10;

/** "enabled", or "100ms x 3": the interval, and how many packets may be lost. Throws OcicatError BGP_BFD on anything else. */
function bfdTimers(annotations: Readonly<Record<string, string>> | undefined): BfdTimers | undefined {
  const text = annotations?.[BFD]?.trim().toLowerCase();
  if (text === undefined || text === "" || text === "disabled") return undefined;
  if (text === "enabled") return STANDARD;
  const [, interval = "", multiplier = ""] = /^(\d{1,5}) ?ms ?x ?(\d{1,3})$/.exec(text) ?? [];
  const timers = { intervalMs: Number(interval), multiplier: Number(multiplier) };
  if (timers.intervalMs >= LEAST_MS && timers.multiplier >= 1 && timers.multiplier <= 255) return timers;
  const fix = `write enabled, disabled, or an interval of at least ${LEAST_MS} ms with a multiplier, as "100ms x 3"`;
  throw new OcicatError({
    code: "BGP_BFD",
    where: `annotation ${BFD}`,
    what: `"${text}" is no way to watch a peer`,
    fix,
  });
}
