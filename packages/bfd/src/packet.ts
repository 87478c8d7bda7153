import { ByteReader, ByteWriter } from "@ocicat/net";

/** RFC 5880 §4.1: the session's state, as its sender sees it. */
export const STATES = ["AdminDown", "Down", "Init", "Up"] as const;
export type BfdState = (typeof STATES)[number];

/** RFC 5880 §4.1: why the last state was left. */
export const DIAGNOSTICS = [
  "no diagnostic",
  "control detection time expired",
  "echo function failed",
  "neighbor signaled session down",
  "forwarding plane reset",
  "path down",
  "concatenated path down",
  "administratively down",
  "reverse concatenated path down",
] as const;
export type Diagnostic = (typeof DIAGNOSTICS)[number];

/** A control packet without authentication. */
export interface ControlPacket {
  readonly diagnostic: Diagnostic;
  readonly state: BfdState;
  /** Asks for an answer with `final` at once. */
  readonly poll: boolean;
  readonly final: boolean;
  /** The sender's forwarding does not depend on the process that speaks BFD. */
  readonly controlPlaneIndependent: boolean;
  /** The sender wants no packets while both are up. */
  readonly demand: boolean;
  /** So many packets in a row may be lost, 1..255. */
  readonly detectMultiplier: number;
  /** Not zero. */
  readonly myDiscriminator: number;
  /** Zero: not known yet. */
  readonly yourDiscriminator: number;
  /** Microseconds. */
  readonly desiredMinTxUs: number;
  /** Microseconds; zero: the sender wants no packets. */
  readonly requiredMinRxUs: number;
  readonly requiredMinEchoRxUs: number;
}

const LENGTH = 24;
const VERSION = 1;
const FLAG = {
  poll: 0x20,
  final: 0x10,
  independent: 0x08,
  authenticated: 0x04,
  demand: 0x02,
  multipoint: 0x01,
} as const;

/**
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-----+---------+---+-+-+-+-+-+-+---------------+---------------+     RFC 5880 §4.1
 *     |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
 *     +-----+---------+---+-+-+-+-+-+-+---------------+---------------+
 *     |                       My Discriminator                        |
 *     |                      Your Discriminator                       |
 *     |                    Desired Min TX Interval                    |
 *     |                   Required Min RX Interval                    |
 *     |                 Required Min Echo RX Interval                 |
 *     +---------------------------------------------------------------+
 */
export function encodePacket(packet: ControlPacket): Uint8Array {
  const flags =
    (packet.poll ? FLAG.poll : 0) |
    (packet.final ? FLAG.final : 0) |
    (packet.controlPlaneIndependent ? FLAG.independent : 0) |
    (packet.demand ? FLAG.demand : 0);
  return new ByteWriter(LENGTH)
    .u8((VERSION << 5) | DIAGNOSTICS.indexOf(packet.diagnostic))
    .u8((STATES.indexOf(packet.state) << 6) | flags)
    .u8(packet.detectMultiplier)
    .u8(LENGTH)
    .u32(packet.myDiscriminator)
    .u32(packet.yourDiscriminator)
    .u32(packet.desiredMinTxUs)
    .u32(packet.requiredMinRxUs)
    .u32(packet.requiredMinEchoRxUs)
    .finish();
}

/** What was sent, or why it must be discarded (RFC 5880 §6.8.6, as far as that needs no session). */
export function decodePacket(bytes: Uint8Array): ControlPacket | { readonly discarded: string } {
  if (bytes.length < LENGTH) return { discarded: `${bytes.length} bytes` };
  const reader = new ByteReader(bytes);
  const [first, second, detectMultiplier, length] = [reader.u8(), reader.u8(), reader.u8(), reader.u8()];
  if (first >> 5 !== VERSION) return { discarded: `version ${first >> 5}` };
  if (length < LENGTH || length > bytes.length) return { discarded: `a length of ${length} in ${bytes.length} bytes` };
  if (detectMultiplier === 0) return { discarded: "a detection multiplier of zero" };
  if ((second & FLAG.multipoint) !== 0) return { discarded: "the multipoint flag" };
  if ((second & FLAG.authenticated) !== 0) return { discarded: "authentication, which is not configured" };
  const state = STATES[second >> 6] ?? "Down";
  const [myDiscriminator, yourDiscriminator] = [reader.u32(), reader.u32()];
  if (myDiscriminator === 0) return { discarded: "a discriminator of zero" };
  if (yourDiscriminator === 0 && state !== "Down" && state !== "AdminDown")
    return { discarded: `the state ${state} without this side's discriminator` };
  return {
    diagnostic: DIAGNOSTICS[first & 0x1f] ?? "no diagnostic",
    state,
    poll: (second & FLAG.poll) !== 0,
    final: (second & FLAG.final) !== 0,
    controlPlaneIndependent: (second & FLAG.independent) !== 0,
    demand: (second & FLAG.demand) !== 0,
    detectMultiplier,
    myDiscriminator,
    yourDiscriminator,
    desiredMinTxUs: reader.u32(),
    requiredMinRxUs: reader.u32(),
    requiredMinEchoRxUs: reader.u32(),
  };
}
