import { addressToBytes } from "@ocicat/net";
import { type AttributeSink, Attributes, type MessageWriter } from "@ocicat/netlink";
import type {
  Connection,
  ConnectionEnds,
  ConnectionName,
  ConnectionQuery,
  ConnectionTuple,
} from "../kernel/connection.ts";
import { addressFamily, addressFamilyOf, addressIn } from "../rtnetlink/family.ts";
import { IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_CT_GET, NFGENMSG, nfgenmsg } from "./constants.ts";

/*
 * An entry (nf_conntrack_netlink.c), numbers big-endian:
 *
 *      nfgenmsg | TUPLE_ORIG { IP { SRC, DST }, PROTO { NUM, SRC_PORT, DST_PORT | ICMP_ID, ICMP_TYPE, ICMP_CODE } }
 *               | TUPLE_REPLY { … } | STATUS | TIMEOUT | MARK | PROTOINFO { TCP { STATE, … } } | ID | ZONE | …
 */
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_STATUS = 3;
const CTA_PROTOINFO = 4;
const CTA_TIMEOUT = 7;
const CTA_MARK = 8;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_FILTER = 25;

const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_TUPLE_ZONE = 3;

const CTA_IP_V4_SRC = 1;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_SRC = 3;
const CTA_IP_V6_DST = 4;

const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const CTA_PROTO_ICMP_ID = 4;
const CTA_PROTO_ICMP_TYPE = 5;
const CTA_PROTO_ICMP_CODE = 6;
const CTA_PROTO_ICMPV6_ID = 7;
const CTA_PROTO_ICMPV6_TYPE = 8;
const CTA_PROTO_ICMPV6_CODE = 9;

const CTA_PROTOINFO_TCP = 1;
const CTA_PROTOINFO_TCP_STATE = 1;

const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
/** Bits of those flags (nf_internals.h). */
const BY_SOURCE = 1 << 0;
const BY_DESTINATION = 1 << 1;

export function connectionFrom(payload: Uint8Array): Connection | undefined {
  const attributes = new Attributes(payload.subarray(NFGENMSG));
  const original = tupleIn(attributes.nested(CTA_TUPLE_ORIG));
  const reply = tupleIn(attributes.nested(CTA_TUPLE_REPLY));
  if (original === undefined || reply === undefined) return undefined;
  return {
    original,
    reply,
    zone: attributes.u16be(CTA_ZONE) ?? attributes.nested(CTA_TUPLE_ORIG)?.u16be(CTA_TUPLE_ZONE) ?? 0,
    id: attributes.u32be(CTA_ID) ?? 0,
    status: attributes.u32be(CTA_STATUS) ?? 0,
    mark: attributes.u32be(CTA_MARK) ?? 0,
    timeout: attributes.u32be(CTA_TIMEOUT),
    tcpState: attributes.nested(CTA_PROTOINFO)?.nested(CTA_PROTOINFO_TCP)?.u8(CTA_PROTOINFO_TCP_STATE),
  };
}

function tupleIn(tuple: Attributes | undefined): ConnectionTuple | undefined {
  const ip = tuple?.nested(CTA_TUPLE_IP);
  const proto = tuple?.nested(CTA_TUPLE_PROTO);
  const source = addressIn(ip?.bytes(CTA_IP_V4_SRC) ?? ip?.bytes(CTA_IP_V6_SRC));
  const destination = addressIn(ip?.bytes(CTA_IP_V4_DST) ?? ip?.bytes(CTA_IP_V6_DST));
  if (source === undefined || destination === undefined) return undefined;
  return {
    source,
    destination,
    protocol: proto?.u8(CTA_PROTO_NUM) ?? 0,
    sourcePort: proto?.u16be(CTA_PROTO_SRC_PORT),
    destinationPort: proto?.u16be(CTA_PROTO_DST_PORT),
    icmp: proto === undefined ? undefined : icmpIn(proto),
  };
}

function icmpIn(proto: Attributes): ConnectionTuple["icmp"] {
  const id = proto.u16be(CTA_PROTO_ICMP_ID) ?? proto.u16be(CTA_PROTO_ICMPV6_ID);
  if (id === undefined) return undefined;
  return {
    id,
    type: proto.u8(CTA_PROTO_ICMP_TYPE) ?? proto.u8(CTA_PROTO_ICMPV6_TYPE) ?? 0,
    code: proto.u8(CTA_PROTO_ICMP_CODE) ?? proto.u8(CTA_PROTO_ICMPV6_CODE) ?? 0,
  };
}

/**
 * A dump of what the query picks out (CTA_FILTER: Linux 5.8), or of more: the kernel's filter takes IPv6 addresses the wrong way
 * round and leaves out just what was asked for (6.1, 6.18), so that it is not given any.
 */
export function encodeGetConnections(
  out: MessageWriter,
  flags: number,
  sequence: number,
  { family, original = {}, reply = {} }: ConnectionQuery,
): void {
  out.begin(IPCTNL_MSG_CT_GET, flags, sequence, nfgenmsg(addressFamily(family)));
  const originalFlags = endFlags(original);
  const replyFlags = endFlags(reply);
  if (family === 6 || (originalFlags | replyFlags) === 0) return;
  if (originalFlags !== 0) out.nested(CTA_TUPLE_ORIG, (tuple) => writeEnds(tuple, original));
  if (replyFlags !== 0) out.nested(CTA_TUPLE_REPLY, (tuple) => writeEnds(tuple, reply));
  out.nested(CTA_FILTER, (filter) =>
    filter.u32(CTA_FILTER_ORIG_FLAGS, originalFlags).u32(CTA_FILTER_REPLY_FLAGS, replyFlags),
  );
}

function endFlags({ source, destination }: ConnectionEnds): number {
  return (source === undefined ? 0 : BY_SOURCE) | (destination === undefined ? 0 : BY_DESTINATION);
}

/** Without its tuple the message would mean every connection there is. */
export function encodeDeleteConnection(
  out: MessageWriter,
  flags: number,
  sequence: number,
  { original, zone, id }: ConnectionName,
): void {
  out.begin(IPCTNL_MSG_CT_DELETE, flags, sequence, nfgenmsg(addressFamilyOf(original.source)));
  out.nested(CTA_TUPLE_ORIG, (tuple) => writeTuple(tuple, original));
  if (zone !== 0) out.u16be(CTA_ZONE, zone);
  if (id !== undefined) out.u32be(CTA_ID, id);
}

function writeTuple(out: AttributeSink, tuple: ConnectionTuple): void {
  writeEnds(out, tuple);
  const isIpv6 = typeof tuple.source === "bigint";
  out.nested(CTA_TUPLE_PROTO, (proto) => {
    proto.u8(CTA_PROTO_NUM, tuple.protocol);
    if (tuple.sourcePort !== undefined) proto.u16be(CTA_PROTO_SRC_PORT, tuple.sourcePort);
    if (tuple.destinationPort !== undefined) proto.u16be(CTA_PROTO_DST_PORT, tuple.destinationPort);
    if (tuple.icmp === undefined) return;
    proto
      .u16be(isIpv6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID, tuple.icmp.id)
      .u8(isIpv6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE, tuple.icmp.type)
      .u8(isIpv6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE, tuple.icmp.code);
  });
}

function writeEnds(out: AttributeSink, { source, destination }: ConnectionEnds): void {
  out.nested(CTA_TUPLE_IP, (ip) => {
    if (source !== undefined) {
      ip.bytes(typeof source === "bigint" ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, addressToBytes(source));
    }
    if (destination !== undefined) {
      ip.bytes(typeof destination === "bigint" ? CTA_IP_V6_DST : CTA_IP_V4_DST, addressToBytes(destination));
    }
  });
}
