import { type Family, formatAddress } from "@ocicat/net";
import { BgpError } from "../error.ts";
import type {
  AddPath,
  AddPathDirections,
  Capabilities,
  GracefulRestartCapability,
  LongLivedFamily,
  Role,
} from "../wire/capabilities.ts";
import type { CodecContext } from "../wire/context.ts";
import { MAX_EXTENDED_MESSAGE, MAX_MESSAGE } from "../wire/header.ts";
import type { OpenMessage } from "../wire/message.ts";
import { BGP_VERSION } from "../wire/open.ts";
import type { SessionConfig } from "./config.ts";

/** What this speaker says of itself in OPEN apart from the peering's configuration. */
export interface RestartState {
  /** It has restarted and its forwarding state is not yet confirmed: the R flag. */
  readonly restarting: boolean;
  /** The routes of the family were kept over the restart: the F flag. */
  forwarding(family: Family): boolean;
}

/** What two OPENs agree on. */
export interface Negotiated {
  readonly remote: OpenMessage;
  /** Both sides are in one AS. */
  readonly internal: boolean;
  /** Seconds; 0: neither KEEPALIVEs nor a hold timer. */
  readonly holdTimeS: number;
  readonly keepaliveS: number;
  readonly families: readonly Family[];
  readonly routeRefresh: boolean;
  /** RFC 7313: answers to a refresh are bracketed. */
  readonly enhancedRefresh: boolean;
  /** The peer's announcement, where this side takes part. */
  readonly gracefulRestart: GracefulRestartCapability | undefined;
  /** Both sides restart gracefully after NOTIFICATIONs too (RFC 8538). */
  readonly restartsAfterNotification: boolean;
  /** How long the peer's routes of a family may be kept beyond its restart time (RFC 9494); only families both sides spoke of. */
  readonly llgr: readonly LongLivedFamily[];
  /** What path identifiers are used for, by family, as this side does it. */
  readonly addPath: AddPath;
  /** Bytes. */
  readonly maxMessage: number;
  /** Families whose routes may have IPv6 next hops. */
  readonly extendedNextHop: readonly Family[];
  /** What this side is to the peer (RFC 9234), where it has been configured; the peer is then its counterpart. */
  readonly role: Role | undefined;
  readonly codec: CodecContext;
}

export function ownOpen(config: SessionConfig, restart: RestartState): OpenMessage {
  return {
    type: "open",
    version: BGP_VERSION,
    as: config.localAs,
    holdTimeS: config.holdTimeS,
    routerId: config.routerId,
    capabilities: ownCapabilities(config, restart),
  };
}

function ownCapabilities(config: SessionConfig, restart: RestartState): Capabilities {
  const { mode, restartTimeS, notification, longLivedS } = config.gracefulRestart;
  const preserved = config.families.map((family) => ({ family, forwarding: restart.forwarding(family) }));
  return {
    families: config.families,
    routeRefresh: true,
    enhancedRefresh: true,
    extendedMessage: config.extendedMessages,
    extendedNextHop: config.extendedNextHop,
    roles: config.role === undefined || isInternal(config) ? [] : [config.role],
    gracefulRestart:
      mode === "off"
        ? undefined
        : {
            restarting: mode === "full" && restart.restarting,
            notification,
            restartTimeS: mode === "full" ? restartTimeS : 0,
            // A helper names no family: it keeps others' routes but has no forwarding state of its own to keep (RFC 4724 §3).
            families: mode === "full" ? preserved : [],
          },
    longLived:
      mode === "off" || longLivedS === undefined
        ? undefined
        : preserved.map((one) => ({ ...one, staleTimeS: mode === "full" ? longLivedS : 0 })),
    as4: config.localAs,
    addPath: config.addPath,
    unknown: [],
  };
}

function isInternal({ localAs, remoteAs }: SessionConfig): boolean {
  return localAs === remoteAs;
}

/** Checks the peer's OPEN (RFC 4271 §6.2) and settles what the session will be; an error says what to tell the peer. */
export function negotiate(config: SessionConfig, remote: OpenMessage): Negotiated | BgpError {
  const { capabilities } = remote;
  const families = commonFamilies(config, capabilities);
  const error = peerError(config, remote) ?? familyError(config, families) ?? roleError(config, capabilities.roles);
  if (error !== undefined) return error;
  const { mode, notification } = config.gracefulRestart;
  const holdTimeS = holdTimeOf(config, remote);
  const internal = isInternal(config);
  const gracefulRestart = mode === "off" ? undefined : capabilities.gracefulRestart;
  const shape = {
    addPath: commonAddPath(config.addPath, capabilities.addPath, families),
    maxMessage: config.extendedMessages && capabilities.extendedMessage ? MAX_EXTENDED_MESSAGE : MAX_MESSAGE,
    extendedNextHop: config.extendedNextHop.filter(
      (family) => families.includes(family) && capabilities.extendedNextHop.includes(family),
    ),
  };
  return {
    remote,
    internal,
    holdTimeS,
    keepaliveS: keepaliveOf(config.keepaliveS, holdTimeS),
    families,
    routeRefresh: capabilities.routeRefresh,
    enhancedRefresh: capabilities.enhancedRefresh,
    gracefulRestart,
    restartsAfterNotification: notification && gracefulRestart?.notification === true,
    llgr: longLived(config, capabilities, families),
    ...shape,
    role: internal ? undefined : config.role,
    codec: { as4: capabilities.as4 !== undefined, internal, families, ...shape },
  };
}

/** RFC 7911 §4: one side must be ready to send and the other to receive. */
function commonAddPath(ours: AddPath, theirs: AddPath, families: readonly Family[]): AddPath {
  const common: { [F in Family]?: AddPathDirections } = {};
  for (const family of families) {
    const send = ours[family]?.send === true && theirs[family]?.receive === true;
    const receive = ours[family]?.receive === true && theirs[family]?.send === true;
    if (send || receive) common[family] = { send, receive };
  }
  return common;
}

/** RFC 9494 §3.1: without graceful restart the capability is to be ignored. */
function longLived(config: SessionConfig, theirs: Capabilities, families: readonly Family[]): LongLivedFamily[] {
  const { mode, longLivedS } = config.gracefulRestart;
  if (mode === "off" || longLivedS === undefined || theirs.gracefulRestart === undefined) return [];
  return (theirs.longLived ?? []).filter(({ family }) => families.includes(family));
}

function peerError(config: SessionConfig, remote: OpenMessage): BgpError | undefined {
  if (remote.as !== config.remoteAs) {
    return new BgpError("open/bad-peer-as", `the peer's AS is ${remote.as}, expected ${config.remoteAs}`);
  }
  // RFC 6286 §2.2: not zero, and unique within an AS.
  const own = remote.routerId === config.routerId && config.localAs === config.remoteAs;
  if (remote.routerId === 0 || own) {
    const why = own ? ", which is this speaker's" : "";
    return new BgpError("open/bad-identifier", `BGP identifier ${formatAddress(remote.routerId)}${why}`);
  }
  if (remote.holdTimeS === 1 || remote.holdTimeS === 2) {
    return new BgpError("open/bad-hold-time", `a hold time of ${remote.holdTimeS} s`);
  }
  return undefined;
}

/** Without any multiprotocol capability a speaker means IPv4 unicast (RFC 4760 §8). */
function commonFamilies(config: SessionConfig, capabilities: Capabilities): readonly Family[] {
  const theirs = capabilities.families ?? [4];
  return config.families.filter((family) => theirs.includes(family));
}

function familyError(config: SessionConfig, common: readonly Family[]): BgpError | undefined {
  if (common.length > 0) return undefined;
  const ours = config.families.map((family) => `IPv${family}`).join(" and ");
  return new BgpError("open/unsupported-capability", `no address family in common; this side speaks ${ours} unicast`);
}

const COUNTERPART: Readonly<Record<Role, Role>> = {
  provider: "customer",
  customer: "provider",
  rs: "rs-client",
  "rs-client": "rs",
  peer: "peer",
};

/** RFC 9234 §4.2. */
function roleError(config: SessionConfig, theirs: readonly Role[]): BgpError | undefined {
  const { role, strictRole } = config;
  if (role === undefined || isInternal(config)) return undefined;
  const [first] = theirs;
  if (first === undefined) {
    if (!strictRole) return undefined;
    return new BgpError("open/role-mismatch", `the peer says no role; this side is ${role} and wants to be told`);
  }
  if (theirs.some((one) => one !== first)) {
    return new BgpError("open/role-mismatch", `the peer says that it is ${theirs.join(" and ")}`);
  }
  if (first === COUNTERPART[role]) return undefined;
  return new BgpError("open/role-mismatch", `the peer is ${first}, but this side is ${role}`);
}

/** Seconds: the smaller of both sides' (RFC 4271 §4.2). */
export function holdTimeOf(config: SessionConfig, remote: OpenMessage): number {
  return Math.min(config.holdTimeS, remote.holdTimeS);
}

/** Seconds between KEEPALIVEs; 0: none. */
export function keepaliveOf(configured: number | undefined, holdTimeS: number): number {
  if (holdTimeS === 0) return 0;
  const third = Math.max(1, Math.floor(holdTimeS / 3));
  return Math.min(configured ?? third, third);
}
