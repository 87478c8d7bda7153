/** What every daemon is measured with: who speaks, on which addresses, and what is told. */
import { type Ipv4, ipv4, Prefix } from "@ocicat/net";

export const AS = 64_512;
export const PORT = 1790;
export const REFLECTOR = "10.77.0.1";
/** Ten that announce, and one that only listens. */
export const SENDERS = 10;
export const CLIENTS = SENDERS + 1;
const FIRST_CLIENT = 0x0a4d_0002;
const FIRST_PREFIX = 0x1400_0000;
const PREFIX_LENGTH = 26;
const PREFIX_SIZE = 64;

export function clientAddress(index: number): Ipv4 {
  return ipv4(FIRST_CLIENT + index);
}

/** Prefix number `index` of all. */
export function prefixOf(index: number): Prefix {
  return Prefix.of(ipv4(FIRST_PREFIX + index * PREFIX_SIZE), PREFIX_LENGTH);
}

/** What a run of the clients does. */
export interface Scenario {
  /** Of the daemon, for its memory and CPU time. */
  readonly pid: number;
  readonly prefixes: number;
  /** Distinct sets of attributes among all prefixes. */
  readonly sets: number;
  /** Seconds of 10,000 updates a second after the table is told; 0: none. */
  readonly churnS: number;
}

/** What came of it. Times in milliseconds, CPU time in milliseconds, memory in MiB. */
export interface Outcome {
  readonly announceMs: number;
  readonly announceCpuMs: number;
  readonly oneRouteMs: number;
  readonly oneRouteCpuMs: number;
  /** UPDATEs that the other clients got for one route: the fewest and the most. */
  readonly oneRouteUpdates: readonly [number, number];
  readonly churn: {
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly lost: number;
    readonly cpuShare: number;
  } | null;
  readonly withdrawMs: number;
  readonly withdrawCpuMs: number;
  readonly peakMib: number;
}
