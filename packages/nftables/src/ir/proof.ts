import type { Expression } from "./expression.ts";
import type { PacketKind } from "./operand.ts";

/** What is sure of a packet that has got past the expression. */
export function provenBy(expression: Expression): readonly PacketKind[] {
  if (expression.kind !== "compare" || expression.negated || expression.left.kind !== "meta") return [];
  const { left, right } = expression;
  return (right.kind === "number" && PROOFS[left.key]?.get(right.number)) || [];
}

/** NFPROTO_*, and protocols (IANA): TCP, UDP, DCCP, SCTP and UDP-Lite have their ports at the front of their header. */
const PROOFS: Readonly<Partial<Record<string, ReadonlyMap<number, readonly PacketKind[]>>>> = {
  nfproto: new Map<number, readonly PacketKind[]>([
    [2, ["ipv4"]],
    [10, ["ipv6"]],
  ]),
  l4proto: new Map<number, readonly PacketKind[]>([
    [1, ["icmp"]],
    [6, ["ports", "tcp"]],
    [17, ["ports"]],
    [33, ["ports"]],
    [58, ["icmpv6"]],
    [132, ["ports"]],
    [136, ["ports"]],
  ]),
};
