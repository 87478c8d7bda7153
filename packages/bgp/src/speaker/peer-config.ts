import { OcicatError } from "@ocicat/kit";
import { type Address, type Family, formatAddress, type Ipv4 } from "@ocicat/net";
import { acceptAll, type Policy } from "../filter/policy.ts";
import type { NextHopMode } from "../rib/export.ts";
import { DEFAULT_TIMERS, type SessionConfig } from "../session/config.ts";
import type { ConnectionSecurity } from "./transport.ts";
import type { PeerConfig } from "./types.ts";

export const BGP_PORT = 179;
const DEFAULT_HOLD_S = 90;
const DEFAULT_RESTART_S = 120;
const DEFAULT_STALE_PATH_S = 360;
const MAX_AS = 2 ** 32 - 1;
const NO_ADD_PATH = { send: false, receive: false };

/** A peering with all defaults filled in. */
export interface ResolvedPeer {
  readonly name: string;
  readonly remoteAddress: Address;
  readonly remotePort: number;
  readonly localAddress: Address | undefined;
  readonly ownNextHop: Readonly<Partial<Record<Family, Address>>>;
  readonly nextHopMode: NextHopMode;
  readonly allowedOwnAs: number;
  readonly stalePathTimeS: number;
  readonly importPolicy: Policy;
  readonly exportPolicy: Policy;
  readonly security: ConnectionSecurity | undefined;
  readonly session: SessionConfig;
  /** Equal for two configurations exactly if a session under the one may go on under the other. */
  readonly sessionKey: string;
}

/** Checks a list of peers and fills in defaults. Throws OcicatError on the first mistake. */
export function resolvePeers(
  configs: readonly PeerConfig[],
  self: { readonly localAs: number; readonly routerId: Ipv4 },
): ResolvedPeer[] {
  const names = new Set<string>();
  const addresses = new Map<Address, string>();
  return configs.map((config) => {
    const address = formatAddress(config.remoteAddress);
    if (names.has(config.name))
      throw invalid(config, "the name is taken by another peer", "give each peer its own name");
    const rival = addresses.get(config.remoteAddress);
    if (rival !== undefined)
      throw invalid(config, `${address} is the address of peer ${rival} too`, "configure one session an address");
    names.add(config.name);
    addresses.set(config.remoteAddress, config.name);
    return resolve(config, self);
  });
}

function resolve(config: PeerConfig, self: { readonly localAs: number; readonly routerId: Ipv4 }): ResolvedPeer {
  check(config);
  const { name, remoteAddress, localAddress, security } = config;
  const restart = config.gracefulRestart;
  const families = config.families ?? [4];
  const session: SessionConfig = {
    localAs: config.localAs ?? self.localAs,
    routerId: self.routerId,
    remoteAs: config.remoteAs,
    passive: config.passive ?? false,
    families,
    holdTimeS: config.holdTimeS ?? DEFAULT_HOLD_S,
    keepaliveS: config.keepaliveS,
    gracefulRestart: {
      mode: restart?.mode ?? "full",
      restartTimeS: restart?.restartTimeS ?? DEFAULT_RESTART_S,
      notification: restart?.notification ?? true,
      longLivedS: restart?.longLivedS,
    },
    extendedMessages: config.extendedMessages ?? true,
    extendedNextHop: config.extendedNextHop === true && families.includes(4) ? [4] : [],
    addPath: Object.fromEntries(families.map((family) => [family, { ...NO_ADD_PATH, ...config.addPath }])),
    role: config.role,
    strictRole: config.strictRole ?? false,
    timers: { ...DEFAULT_TIMERS, ...config.timers },
  };
  if (session.role !== undefined && session.remoteAs === session.localAs) {
    throw invalid(
      config,
      `role ${session.role} towards a peer of the same AS`,
      "leave it out: roles are external peers'",
    );
  }
  return {
    name,
    remoteAddress,
    remotePort: config.remotePort ?? BGP_PORT,
    localAddress,
    ownNextHop: config.ownNextHop ?? {},
    nextHopMode: config.nextHopMode ?? "auto",
    allowedOwnAs: config.allowedOwnAs ?? 0,
    stalePathTimeS: restart?.stalePathTimeS ?? DEFAULT_STALE_PATH_S,
    importPolicy: config.importPolicy ?? acceptAll,
    exportPolicy: config.exportPolicy ?? acceptAll,
    security,
    session,
    sessionKey: sessionKey(remoteAddress, localAddress, security, session),
  };
}

/** Who dials, and when, may change under a session; what OPEN said, and the connection itself, may not. */
function sessionKey(
  remote: Address,
  local: Address | undefined,
  security: ConnectionSecurity | undefined,
  session: SessionConfig,
): string {
  const { passive: _passive, timers: _timers, ...opened } = session;
  const ends = [remote, local].map((address) => (address === undefined ? null : formatAddress(address)));
  return JSON.stringify([ends, security ?? null, opened]);
}

function check(config: PeerConfig): void {
  const { remoteAs, localAs, allowedOwnAs, holdTimeS, keepaliveS, families, gracefulRestart, remotePort } = config;
  if (!isWhole(remoteAs, 1, MAX_AS)) throw invalid(config, `AS ${remoteAs} is not from 1 to ${MAX_AS}`, "set remoteAs");
  if (localAs !== undefined && !isWhole(localAs, 1, MAX_AS))
    throw invalid(config, `own AS ${localAs} is not from 1 to ${MAX_AS}`, "set localAs, or leave it out");
  if (allowedOwnAs !== undefined && !isWhole(allowedOwnAs, 0, Number.MAX_SAFE_INTEGER))
    throw invalid(config, `our own AS ${allowedOwnAs} times`, "set allowedOwnAs to 0 or more");
  if (remotePort !== undefined && !isWhole(remotePort, 1, 65_535))
    throw invalid(config, `port ${remotePort}`, "set a port from 1 to 65535");
  if (holdTimeS !== undefined && holdTimeS !== 0 && !isWhole(holdTimeS, 3, 65_535)) {
    throw invalid(config, `a hold time of ${holdTimeS} s`, "set 0, or 3 to 65535 (RFC 4271 §4.2)");
  }
  if (keepaliveS !== undefined && !isWhole(keepaliveS, 1, 65_535)) {
    throw invalid(config, `a keepalive time of ${keepaliveS} s`, "set 1 to 65535");
  }
  if (families?.length === 0) throw invalid(config, "no address family", "list 4, 6 or both");
  const restartTimeS = gracefulRestart?.restartTimeS;
  if (restartTimeS !== undefined && !isWhole(restartTimeS, 0, 4095)) {
    throw invalid(config, `a restart time of ${restartTimeS} s`, "set 0 to 4095 (RFC 4724 §3)");
  }
  const longLivedS = gracefulRestart?.longLivedS;
  if (longLivedS !== undefined && !isWhole(longLivedS, 0, 2 ** 24 - 1)) {
    throw invalid(config, `a long-lived restart time of ${longLivedS} s`, "set 0 to 16777215 (RFC 9494 §3.1)");
  }
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function invalid(config: PeerConfig, what: string, fix: string): OcicatError {
  return new OcicatError({ code: "BGP_PEER_INVALID", where: `BGP peer ${config.name}`, what, fix });
}
