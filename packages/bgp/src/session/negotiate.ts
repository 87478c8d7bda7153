import { type Family, formatAddress } from "@ocicat/net";
import { BgpError } from "../error.ts";
import type { Capabilities, GracefulRestartCapability } from "../wire/capabilities.ts";
import type { CodecContext } from "../wire/context.ts";
import { MAX_MESSAGE } from "../wire/header.ts";
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
  /** The peer's announcement, where this side takes part. */
  readonly gracefulRestart: GracefulRestartCapability | undefined;
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
  const { mode, restartTimeS } = config.gracefulRestart;
  const preserved = config.families.map((family) => ({ family, forwarding: restart.forwarding(family) }));
  return {
    families: config.families,
    routeRefresh: true,
    extendedMessage: false,
    gracefulRestart:
      mode === "off"
        ? undefined
        : {
            restarting: mode === "full" && restart.restarting,
            notification: false,
            restartTimeS: mode === "full" ? restartTimeS : 0,
            // A helper names no family: it keeps others' routes but has no forwarding state of its own to keep (RFC 4724 §3).
            families: mode === "full" ? preserved : [],
          },
    as4: config.localAs,
    unknown: [],
  };
}

/** Checks the peer's OPEN (RFC 4271 §6.2) and settles what the session will be; an error says what to tell the peer. */
export function negotiate(config: SessionConfig, remote: OpenMessage): Negotiated | BgpError {
  const families = commonFamilies(config, remote.capabilities);
  const error = peerError(config, remote) ?? familyError(config, families);
  if (error !== undefined) return error;
  const holdTimeS = Math.min(config.holdTimeS, remote.holdTimeS);
  const internal = config.localAs === config.remoteAs;
  return {
    remote,
    internal,
    holdTimeS,
    keepaliveS: keepalive(config.keepaliveS, holdTimeS),
    families,
    routeRefresh: remote.capabilities.routeRefresh,
    gracefulRestart: config.gracefulRestart.mode === "off" ? undefined : remote.capabilities.gracefulRestart,
    codec: { as4: remote.capabilities.as4 !== undefined, internal, families, maxMessage: MAX_MESSAGE },
  };
}

function peerError(config: SessionConfig, remote: OpenMessage): BgpError | undefined {
  if (remote.as !== config.remoteAs) {
    return new BgpError("open/bad-peer-as", `the peer is AS${remote.as}, AS${config.remoteAs} is configured`);
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

function keepalive(configured: number | undefined, holdTimeS: number): number {
  if (holdTimeS === 0) return 0;
  const third = Math.max(1, Math.floor(holdTimeS / 3));
  return Math.min(configured ?? third, third);
}
