import type { WorkloadEndpointSpec } from "@ocicat/api";

/** What a workload may send or be sent. Undefined: as much as comes. */
export interface TrafficLimits {
  readonly bandwidth: Bandwidth | undefined;
  readonly packets: PacketRate | undefined;
  /** How many connections there may be at once. */
  readonly connections: number | undefined;
}

/** Bytes and bytes a second. */
export interface Bandwidth {
  readonly rate: number;
  /** What may go above the rate at once. */
  readonly burst: number;
  /** Above the rate; undefined: a burst goes as fast as it can. */
  readonly peak: { readonly rate: number; readonly burst: number } | undefined;
}

export interface PacketRate {
  /** A second. */
  readonly rate: number;
  /** How many may come at once. */
  readonly burst: number;
}

export interface QosControls {
  /** To the workload. */
  readonly ingress: TrafficLimits;
  /** From it. */
  readonly egress: TrafficLimits;
  /** What its packets are marked with when they leave the cluster, 0..63. */
  readonly dscp: number | undefined;
}

/** Calico's, where none is given: 4 Gibit. */
const STANDARD_BURST = 2 ** 32 / 8;
const STANDARD_PACKET_BURST = 5;

/** Undefined where nothing is limited or marked. */
export function readQosControls(stored: WorkloadEndpointSpec["qosControls"]): QosControls | undefined {
  if (stored === undefined) return undefined;
  const ingress: TrafficLimits = {
    bandwidth: bandwidth(stored.ingressBandwidth, stored.ingressBurst, stored.ingressPeakrate, stored.ingressMinburst),
    packets: packetRate(stored.ingressPacketRate, stored.ingressPacketBurst),
    connections: stored.ingressMaxConnections || undefined,
  };
  const egress: TrafficLimits = {
    bandwidth: bandwidth(stored.egressBandwidth, stored.egressBurst, stored.egressPeakrate, stored.egressMinburst),
    packets: packetRate(stored.egressPacketRate, stored.egressPacketBurst),
    connections: stored.egressMaxConnections || undefined,
  };
  const dscp = stored.dscp === undefined ? undefined : dscpNumber(stored.dscp);
  const says = (limits: TrafficLimits) => Object.values(limits).some((limit) => limit !== undefined);
  return says(ingress) || says(egress) || dscp !== undefined ? { ingress, egress, dscp } : undefined;
}

/** Stored in bits, but for `minburst`, which is in bytes. Zero is none, as it is for Calico. */
function bandwidth(rate = 0, burst = 0, peak = 0, minburst = 0): Bandwidth | undefined {
  if (rate < 8) return undefined;
  const perSecond = Math.floor(rate / 8);
  const peakPerSecond = Math.floor(peak / 8);
  return {
    rate: perSecond,
    burst: burst < 8 ? STANDARD_BURST : Math.floor(burst / 8),
    // One that is not above the rate would limit nothing more, and the kernel refuses it.
    peak: peakPerSecond > perSecond ? { rate: peakPerSecond, burst: minburst } : undefined,
  };
}

function packetRate(rate = 0, burst = 0): PacketRate | undefined {
  return rate === 0 ? undefined : { rate, burst: burst === 0 ? STANDARD_PACKET_BURST : burst };
}

/** RFC 3246, RFC 8622; class selectors (RFC 2474) are the class × 8, assured forwarding (RFC 2597) class × 8 + drop × 2. */
const NAMED: Readonly<Record<string, number>> = { DF: 0, LE: 1, EF: 46 };

function dscpNumber(stored: string | number): number {
  if (typeof stored === "number") return stored;
  const [kind, first = "0", drop = "0"] = [stored.slice(0, 2), stored[2], stored[3]];
  return NAMED[kind] ?? (kind === "CS" ? Number(first) * 8 : Number(first) * 8 + Number(drop) * 2);
}
