import { type Address, compareAddresses } from "@ocicat/net";
import { CT_STATES, type Operand, type PayloadField, type Value } from "@ocicat/nftables";
import { hasPorts, Protocol } from "@ocicat/policy";
import type { Probe } from "../probe.ts";
import type { Traffic } from "../traffic.ts";

/** What an operand reads of one packet; undefined: that is not known. */
export type Field = string | number | Address | undefined;

/** NFPROTO_*. */
const NFPROTO = { 4: 2, 6: 10 } as const;
/** Has ports, and no name in policy. */
const DCCP = 33;

export function fieldOf(operand: Operand, probe: Probe, mark: number, { incoming, outgoing }: Traffic): Field {
  switch (operand.kind) {
    case "fib":
      return undefined;
    case "ct":
      return operand.key === "state" ? CT_STATES[probe.state] : undefined;
    case "payload":
      return payloadOf(operand.field, probe);
    case "meta":
      switch (operand.key) {
        case "iifname":
          return incoming;
        case "oifname":
          return outgoing;
        case "nfproto":
          return NFPROTO[typeof probe.source === "number" ? 4 : 6];
        case "l4proto":
          return probe.protocol;
        case "mark":
          return mark;
        default:
          return undefined;
      }
  }
}

/** What is not in this packet's headers would be some other bytes of it: not known. */
function payloadOf(field: PayloadField, probe: Probe): Field {
  const { protocol, source, destination } = probe;
  const isIpv4 = typeof source === "number";
  const withPorts = hasPorts(protocol) || protocol === DCCP;
  switch (field) {
    case "ip saddr":
      return isIpv4 ? source : undefined;
    case "ip daddr":
      return isIpv4 ? destination : undefined;
    case "ip6 saddr":
      return isIpv4 ? undefined : source;
    case "ip6 daddr":
      return isIpv4 ? undefined : destination;
    case "th sport":
      return withPorts ? probe.sourcePort : undefined;
    case "th dport":
      return withPorts ? probe.destinationPort : undefined;
    case "tcp flags":
      return protocol === Protocol.tcp ? probe.tcpFlags : undefined;
    case "icmp type":
      return protocol === Protocol.icmp ? probe.icmpType : undefined;
    case "icmp code":
      return protocol === Protocol.icmp ? probe.icmpCode : undefined;
    case "icmpv6 type":
      return protocol === Protocol.icmpv6 ? probe.icmpType : undefined;
    case "icmpv6 code":
      return protocol === Protocol.icmpv6 ? probe.icmpCode : undefined;
    default:
      return undefined;
  }
}

/** Undefined: the field is not known. */
export function isValue(value: Value, field: Field): boolean | undefined {
  if (field === undefined) return undefined;
  switch (value.kind) {
    case "interface":
      return field === value.name;
    case "interfacePrefix":
      return typeof field === "string" && field.startsWith(value.prefix);
    case "prefix":
      return isAddress(field) && value.prefix.has(field);
    case "addressRange":
      return isAddress(field) && compareAddresses(value.first, field) <= 0 && compareAddresses(field, value.last) <= 0;
    case "number":
      return field === value.number;
    case "numberRange":
      return typeof field === "number" && value.first <= field && field <= value.last;
  }
}

/** A field that is compared with addresses is one; the types of sets and operands see to that. */
function isAddress(field: string | number | Address): field is Address {
  return typeof field !== "string";
}
