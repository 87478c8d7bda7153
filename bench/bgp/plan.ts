/** What every daemon is measured with: who speaks, on which addresses, and what is told. */
import { type Ipv4, ipv4, Prefix } from "@ocicat/net";

export const AS = 64_512;
export const PORT = 1790;
export const REFLECTOR = "10.77.0.1";
/** Ten that announce, and one that only listens. */
export const SENDERS = 10;
export const CLIENTS = SENDERS + 1;
/** Sessions of the speaker that is looked at while nothing happens. */
export const IDLE_SESSIONS = 100;
const FIRST_CLIENT = 0x0a4d_0002;
const FIRST_PREFIX = 0x1400_0000;
const PREFIX_LENGTH = 26;
const PREFIX_SIZE = 64;

export function clientAddress(index: number): Ipv4 {
  return ipv4(FIRST_CLIENT + index);
}

/** Prefix number `index` of all. */
export function prefixOf(index: number): Prefix {
  return Prefix.of(ipv4(firstWord(index)), PREFIX_LENGTH);
}

/** The address of that prefix as a number. */
export function firstWord(index: number): number {
  return FIRST_PREFIX + index * PREFIX_SIZE;
}

/** How the reflector is set up. */
export interface Setup {
  readonly clients: number;
  /** Whether what clients tell, and are told, goes through FILTER. */
  readonly filtered: boolean;
}

/** Of a filter's rules the first that a prefix lies in decides: its network, and its lengths. Prefixes of the bench meet the third. */
export const FILTER = [
  { action: "reject", network: "10.0.0.0/8", minLength: 8, maxLength: 32 },
  { action: "reject", network: "16.0.0.0/4", minLength: 28, maxLength: 32 },
  { action: "accept", network: "16.0.0.0/4", minLength: 4, maxLength: 27 },
  { action: "reject", network: "0.0.0.0/0", minLength: 0, maxLength: 32 },
] as const;

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
  readonly churn: Churn | null;
  readonly withdrawMs: number;
  readonly withdrawCpuMs: number;
  readonly peakMib: number;
}

export interface Churn {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Updates that were under way, median of the first third of the time and of the last. */
  readonly underWay: readonly [number, number];
  /** By how many a second that grew in between. */
  readonly growth: number;
  /** Updates that never came: newer ones of the same route had overtaken them. */
  readonly lost: number;
  readonly cpuShare: number;
}

/** A speaker with IDLE_SESSIONS sessions, a few routes each, and nothing to do. */
export interface Idle {
  readonly cpuMsPerMinute: number;
  readonly residentMib: number;
  /** Before the first session. */
  readonly emptyMib: number;
}
