import { type BGPConfiguration, type BGPPeer, compileSelector, durationMs, parsePeerIP } from "@ocicat/api";
import type { PeerRow } from "@ocicat/routing";

/** The settings of the mesh and of the cluster's AS, with Calico's defaults for what is not set. */
export interface BgpSettingsRow {
  readonly meshEnabled: boolean;
  readonly asNumber: number;
  readonly listenPort: number;
}

const DEFAULT_SETTINGS: BgpSettingsRow = { meshEnabled: true, asNumber: 64512, listenPort: 179 };

/** What one BGPConfiguration sets. */
export function bgpSettingsRow({ spec }: BGPConfiguration): Partial<BgpSettingsRow> {
  const { nodeToNodeMeshEnabled: meshEnabled, asNumber, listenPort } = spec;
  return {
    ...(meshEnabled === undefined ? {} : { meshEnabled }),
    ...(asNumber === undefined ? {} : { asNumber }),
    ...(listenPort === undefined ? {} : { listenPort }),
  };
}

/** What holds for a node: `own`, its "node.<name>", over `all`, the "default", over the standard. */
export function bgpSettings(
  all: Partial<BgpSettingsRow> | undefined,
  own: Partial<BgpSettingsRow> | undefined,
): BgpSettingsRow {
  return { ...DEFAULT_SETTINGS, ...all, ...own };
}

/** Undefined for what calls for no session here: peerings with workloads, and a peer that nothing names. */
export function peerRow({ metadata, spec }: BGPPeer): PeerRow | undefined {
  const peer = farEnd(spec);
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
    missing: missingProtection(spec),
  };
}

const NEXT_HOP = { Auto: "auto", Self: "self", Keep: "keep" } as const;

function nearEnd({ node, nodeSelector }: BGPPeer["spec"]): PeerRow["nodes"] {
  if (node !== undefined) return { name: node };
  return nodeSelector === undefined ? "all" : { match: compileSelector(nodeSelector).matches };
}

function farEnd({ peerIP, asNumber, peerSelector }: BGPPeer["spec"]): PeerRow["peer"] | undefined {
  if (peerSelector !== undefined) return { match: compileSelector(peerSelector).matches };
  const end = peerIP === undefined ? undefined : parsePeerIP(peerIP);
  return end === undefined ? undefined : { ...end, asNumber };
}

/** In whole seconds, within what the protocol can say. */
function seconds(duration: string | undefined, least: number, most: number): number | undefined {
  if (duration === undefined) return undefined;
  return Math.min(most, Math.max(least, Math.round(durationMs(duration) / 1000)));
}

function missingProtection({ password, ttlSecurity = 0 }: BGPPeer["spec"]): string | undefined {
  if (password?.secretKeyRef !== undefined) return "it asks for a password, and TCP MD5 is not in this version";
  if (ttlSecurity > 0) return "it asks for TTL security, which is not in this version";
  return undefined;
}
