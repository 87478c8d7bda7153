import { type Address, type Family, formatAddress, formatScoped, type Ipv4, type Prefix } from "@ocicat/net";
import { shuttingDown } from "../filter/graceful-shutdown.ts";
import { acceptAll, type Policy } from "../filter/policy.ts";
import { rejectUnlessTold } from "../filter/required.ts";
import type { NextHopMode } from "../rib/export.ts";
import { DEFAULT_TIMERS, type SessionConfig } from "../session/config.ts";
import { checkPeer, invalidPeer } from "./peer-check.ts";
import type { ConnectionSecurity } from "./transport.ts";
import type { DynamicPeerConfig, PeerConfig } from "./types.ts";

export const BGP_PORT = 179;
const DEFAULT_HOLD_S = 90;
const DEFAULT_RESTART_S = 120;
const DEFAULT_STALE_PATH_S = 360;
const DEFAULT_DYNAMIC_LIMIT = 100;
const NO_ADD_PATH = { send: false, receive: false };

/** What of the speaker decides about its peerings. */
export interface SpeakerSelf {
  readonly localAs: number;
  readonly routerId: Ipv4;
  readonly requireExternalPolicy?: boolean | undefined;
}

/** A peering with all defaults filled in. */
export interface ResolvedPeer {
  readonly name: string;
  readonly remoteAddress: Address;
  readonly link: string | undefined;
  readonly remotePort: number;
  readonly localAddress: Address | undefined;
  readonly ownNextHop: Readonly<Partial<Record<Family, Address>>>;
  readonly nextHopMode: NextHopMode;
  readonly allowedOwnAs: number;
  readonly clusterId: Ipv4 | undefined;
  readonly reflectorClient: boolean;
  readonly sharedNetworks: readonly Prefix[];
  readonly mostPaths: number | undefined;
  readonly stalePathTimeS: number;
  readonly importPolicy: Policy;
  readonly exportPolicy: Policy;
  readonly security: ConnectionSecurity | undefined;
  readonly prefixLimit: number | undefined;
  readonly shutdown: string | undefined;
  readonly session: SessionConfig;
  /** Equal for two configurations exactly if a session under the one may go on under the other. */
  readonly sessionKey: string;
}

/** Checks a list of peers and fills in defaults. Throws OcicatError on the first mistake. */
export function resolvePeers(configs: readonly PeerConfig[], self: SpeakerSelf): ResolvedPeer[] {
  const names = new Set<string>();
  const addresses = new Map<string, string>();
  return configs.map((config) => {
    const address = endOf(config);
    if (names.has(config.name))
      throw invalidPeer(config, "the name is taken by another peer", "give each peer its own name");
    const rival = addresses.get(address);
    if (rival !== undefined)
      throw invalidPeer(config, `${address} is the address of peer ${rival} too`, "configure one session an address");
    names.add(config.name);
    addresses.set(address, config.name);
    return resolve(config, self);
  });
}

/** Checks dynamic peers. Throws OcicatError on the first mistake. */
export function checkDynamicPeers(configs: readonly DynamicPeerConfig[], self: SpeakerSelf): void {
  const prefixes = new Map<string, string>();
  for (const config of configs) {
    checkPeer(config, config.localAs ?? self.localAs);
    const prefix = config.prefix.toString();
    const rival = prefixes.get(prefix);
    if (rival !== undefined) {
      throw invalidPeer(config, `${prefix} is the prefix of dynamic peer ${rival} too`, "give each its own");
    }
    prefixes.set(prefix, config.name);
  }
}

/** What tells peers apart: `10.0.0.1`, `fe80::1%eth1`. */
export function endOf(peer: Pick<PeerConfig, "remoteAddress" | "link">): string {
  return formatScoped({ address: peer.remoteAddress, link: peer.link });
}

export function limitOf(config: DynamicPeerConfig): number {
  return config.limit ?? DEFAULT_DYNAMIC_LIMIT;
}

/** The peering with one that has dialled from within the prefix. */
export function instantiate(config: DynamicPeerConfig, remoteAddress: Address, self: SpeakerSelf): ResolvedPeer {
  const { prefix: _prefix, limit: _limit, name, ...rest } = config;
  const suffix = formatAddress(remoteAddress).replaceAll(/[.:]/g, "_");
  return resolve({ ...rest, name: `${name}_${suffix}`, remoteAddress, passive: true }, self);
}

function resolve(config: PeerConfig, self: SpeakerSelf): ResolvedPeer {
  const localAs = config.localAs ?? self.localAs;
  checkPeer(config, localAs);
  const { name, remoteAddress, link, localAddress, security } = config;
  const restart = config.gracefulRestart;
  const families = config.families ?? [4];
  const session: SessionConfig = {
    localAs,
    routerId: self.routerId,
    remoteAs: config.remoteAs,
    passive: config.passive ?? false,
    families,
    holdTimeS: config.holdTimeS ?? DEFAULT_HOLD_S,
    keepaliveS: config.keepaliveS,
    gracefulRestart: {
      mode: restart?.mode ?? "full",
      restartTimeS: restart?.restartTimeS ?? DEFAULT_RESTART_S,
      notification: restart?.notification ?? false,
      longLivedS: restart?.longLivedS,
    },
    extendedMessages: config.extendedMessages ?? false,
    extendedNextHop: config.extendedNextHop === true && families.includes(4) ? [4] : [],
    addPath: Object.fromEntries(families.map((family) => [family, { ...NO_ADD_PATH, ...config.addPath }])),
    role: config.role,
    strictRole: config.strictRole ?? false,
    timers: { ...DEFAULT_TIMERS, ...config.timers },
  };
  const external = session.remoteAs !== localAs;
  const unlessTold = external && self.requireExternalPolicy === true ? rejectUnlessTold : acceptAll;
  const exportPolicy = config.exportPolicy ?? unlessTold;
  return {
    name,
    remoteAddress,
    link,
    remotePort: config.remotePort ?? BGP_PORT,
    localAddress,
    ownNextHop: config.ownNextHop ?? {},
    nextHopMode: config.nextHopMode ?? "auto",
    allowedOwnAs: config.allowedOwnAs ?? 0,
    clusterId: config.clusterId,
    reflectorClient: config.reflectorClient ?? false,
    sharedNetworks: config.sharedNetworks ?? [],
    mostPaths: config.mostPaths,
    stalePathTimeS: restart?.stalePathTimeS ?? DEFAULT_STALE_PATH_S,
    importPolicy: config.importPolicy ?? unlessTold,
    exportPolicy: config.gracefulShutdown === true ? shuttingDown(exportPolicy) : exportPolicy,
    security,
    prefixLimit: config.prefixLimit,
    shutdown: config.shutdown,
    session,
    sessionKey: sessionKey(endOf(config), localAddress, security, session),
  };
}

/**
 * What OPEN said and the connection itself may not change under a session. Who dials and when, and how often KEEPALIVEs are
 * sent, may; the hold time too, where it does not rule.
 */
function sessionKey(
  remote: string,
  local: Address | undefined,
  security: ConnectionSecurity | undefined,
  session: SessionConfig,
): string {
  const { passive: _passive, timers: _timers, keepaliveS: _keepalive, holdTimeS: _hold, ...opened } = session;
  const ends = [remote, local === undefined ? null : formatAddress(local)];
  return JSON.stringify([ends, security ?? null, opened]);
}
