import { equal, meta, notEqual, number, payload } from "@ocicat/nftables";
import { type IcmpMatch, Protocol, type Rule } from "@ocicat/policy";
import { type AnyOf, type Match, product } from "./match.ts";

const L4PROTO = meta("l4proto");

/** ICMP and ICMPv6 are one to a rule: a type is one of either. */
const ICMP = [
  { protocol: Protocol.icmp, type: payload("icmp type"), code: payload("icmp code") },
  { protocol: Protocol.icmpv6, type: payload("icmpv6 type"), code: payload("icmpv6 code") },
] as const;

/** What the protocol has to be, and the type and code of an ICMP message. */
export function matchProtocol({ protocol, notProtocol, icmp, notIcmp }: Rule): AnyOf {
  if (icmp === undefined && notIcmp === undefined) {
    return [
      [
        ...(protocol === undefined ? [] : [equal(L4PROTO, number(protocol))]),
        ...(notProtocol === undefined ? [] : [notEqual(L4PROTO, number(notProtocol))]),
      ],
    ];
  }
  return ICMP.filter((one) => (protocol ?? one.protocol) === one.protocol && notProtocol !== one.protocol).flatMap(
    (one) =>
      product([
        [[equal(L4PROTO, number(one.protocol))]],
        icmp === undefined ? [[]] : [is(one, icmp)],
        notIcmp === undefined ? [[]] : isNot(one, notIcmp),
      ]),
  );
}

function is(of: (typeof ICMP)[number], { type, code }: IcmpMatch): Match {
  return [equal(of.type, number(type)), ...(code === undefined ? [] : [equal(of.code, number(code))])];
}

/** Another type, or of this type another code. */
function isNot(of: (typeof ICMP)[number], { type, code }: IcmpMatch): AnyOf {
  const otherType = [notEqual(of.type, number(type))];
  if (code === undefined) return [otherType];
  return [otherType, [equal(of.type, number(type)), notEqual(of.code, number(code))]];
}
