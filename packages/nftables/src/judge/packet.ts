import type { Address } from "@ocicat/net";
import type { SetMark } from "../ir/expression.ts";
import type { Operand } from "../ir/operand.ts";
import { afterSetting, type Mark, markFrom, wholeMark } from "./mark.ts";

/** What is known of a packet at a hook. What is not known is left out: then both a match and a miss are possible. */
export interface PacketFacts {
  readonly source: Address;
  readonly destination: Address;
  /** IP protocol number. */
  readonly protocol: number;
  readonly sourcePort?: number | undefined;
  readonly destinationPort?: number | undefined;
  /** Of ICMP and ICMPv6. */
  readonly icmp?: { readonly type: number; readonly code: number } | undefined;
  /** "" where the packet has none, as `iifname` of what the host itself sends. */
  readonly incoming?: string | undefined;
  readonly outgoing?: string | undefined;
  /** The groups of these interfaces. */
  readonly incomingGroup?: number | undefined;
  readonly outgoingGroup?: number | undefined;
  /** One of CT_STATES. */
  readonly state?: number | undefined;
  /** The packet's mark, and its connection's. */
  readonly mark?: number | undefined;
}

/** The text "none": the packet has no such field, and whatever looks at it does not match. */
export type FieldValue = string | number | Address | undefined;

/** NFPROTO_*. */
const NFPROTO = { 4: 2, 6: 10 } as const;

/** A packet on its way: rules may have changed bits of its mark, or of its connection's. */
export interface Travelling extends Omit<PacketFacts, "mark"> {
  readonly marks: Readonly<Record<SetMark["of"], Mark>>;
}

export function setOut({ mark, ...packet }: PacketFacts): Travelling {
  return { ...packet, marks: { meta: markFrom(mark), ct: markFrom(mark) } };
}

/** After a rule that sets a mark, which it met, certainly or perhaps. */
export function marked(packet: Travelling, expression: SetMark, certain: boolean): Travelling {
  const { of } = expression;
  return { ...packet, marks: { ...packet.marks, [of]: afterSetting(packet.marks[of], expression, certain) } };
}

/** Its mark, or its connection's, if the operand is one. */
export function markOf(operand: Operand, packet: Travelling): Mark | undefined {
  const isMark = (operand.kind === "meta" || operand.kind === "ct") && operand.key === "mark";
  return isMark ? packet.marks[operand.kind] : undefined;
}

export function fieldOf(operand: Operand, packet: Travelling): FieldValue {
  const family = typeof packet.source === "number" ? 4 : 6;
  switch (operand.kind) {
    case "ct":
      return { state: packet.state, mark: wholeMark(packet.marks.ct), direction: undefined, status: undefined }[
        operand.key
      ];
    case "fib":
      return undefined;
    case "meta":
      return {
        iifname: packet.incoming,
        oifname: packet.outgoing,
        iifgroup: packet.incomingGroup,
        oifgroup: packet.outgoingGroup,
        nfproto: NFPROTO[family],
        l4proto: packet.protocol,
        mark: wholeMark(packet.marks.meta),
      }[operand.key];
    case "payload":
      // A rule asks for the family first. Bytes that no one asked it of are another field of this family's header.
      return {
        "ip saddr": family === 4 ? packet.source : undefined,
        "ip daddr": family === 4 ? packet.destination : undefined,
        "ip6 saddr": family === 6 ? packet.source : undefined,
        "ip6 daddr": family === 6 ? packet.destination : undefined,
        "ip dscp": undefined,
        "ip6 dscp": undefined,
        "tcp flags": undefined,
        "icmp type": packet.icmp?.type,
        "icmp code": packet.icmp?.code,
        "icmpv6 type": packet.icmp?.type,
        "icmpv6 code": packet.icmp?.code,
        "th sport": packet.sourcePort ?? "none",
        "th dport": packet.destinationPort ?? "none",
      }[operand.field];
  }
}
