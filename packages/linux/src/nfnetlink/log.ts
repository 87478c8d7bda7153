import { Attributes, type MessageWriter } from "@ocicat/netlink";
import type { LoggedPacket } from "../kernel/packet-log.ts";
import { AF_UNSPEC } from "../rtnetlink/constants.ts";
import { NFGENMSG, NFULNL_MSG_CONFIG, nfgenmsg } from "./constants.ts";
import { ipHeaderOf } from "./ip-header.ts";

const NFULA_CFG_CMD = 1;
const NFULA_CFG_MODE = 2;
const NFULA_CFG_NLBUFSIZ = 3;
const NFULA_CFG_TIMEOUT = 4;
const NFULA_CFG_QTHRESH = 5;
const NFULA_CFG_FLAGS = 6;

const NFULNL_CFG_CMD_BIND = 1;
const NFULNL_COPY_PACKET = 2;
const NFULNL_CFG_F_SEQ = 1;

const NFULA_PACKET_HDR = 1;
const NFULA_IFINDEX_INDEV = 4;
const NFULA_IFINDEX_OUTDEV = 5;
const NFULA_PAYLOAD = 9;
const NFULA_PREFIX = 10;
const NFULA_SEQ = 12;

/** Of each packet, at most 255: an IPv6 header, some extension headers and the ports. */
const COPY_BYTES = 96;
/** The kernel sends when so much has come together, or so many packets, or after so long. */
const BUFFER_BYTES = 32 * 1024;
const BUFFER_PACKETS = 64;
const TIMEOUT_HUNDREDTHS = 20;

/**
 * From now on what is logged to the group comes to this socket, packets numbered. EPERM: it goes to another one already.
 *
 *      CFG_CMD: | command 1 |        CFG_MODE: | bytes to copy 4, big-endian | mode 1 | 0 |
 */
export function encodeBindLog(out: MessageWriter, flags: number, sequence: number, group: number): void {
  out
    .begin(NFULNL_MSG_CONFIG, flags, sequence, nfgenmsg(AF_UNSPEC, group))
    .u8(NFULA_CFG_CMD, NFULNL_CFG_CMD_BIND)
    .bytes(NFULA_CFG_MODE, Uint8Array.of(0, 0, 0, COPY_BYTES, NFULNL_COPY_PACKET, 0))
    .u32be(NFULA_CFG_NLBUFSIZ, BUFFER_BYTES)
    .u32be(NFULA_CFG_QTHRESH, BUFFER_PACKETS)
    .u32be(NFULA_CFG_TIMEOUT, TIMEOUT_HUNDREDTHS)
    .u16be(NFULA_CFG_FLAGS, NFULNL_CFG_F_SEQ);
}

export interface NumberedPacket {
  readonly group: number;
  /** Counts the group's packets, modulo 2^32: a gap is what was lost. */
  readonly sequence: number;
  /** Undefined for what is not IP. */
  readonly packet: LoggedPacket | undefined;
}

/*
 *      nfgenmsg                                 PACKET_HDR
 *      +--------+---------+---------+- - - - -  +------------------+--------+---+
 *      | family | version | group 2 | attributes| link's protocol 2| hook 1 | 0 |
 *      +--------+---------+---------+- - - - -  +------------------+--------+---+
 */
export function numberedPacketFrom(payload: Uint8Array): NumberedPacket {
  const group = ((payload[2] ?? 0) << 8) | (payload[3] ?? 0);
  const attributes = new Attributes(payload.subarray(NFGENMSG));
  const header = ipHeaderOf(attributes.bytes(NFULA_PAYLOAD) ?? new Uint8Array());
  const packet = header && {
    group,
    prefix: attributes.string(NFULA_PREFIX) ?? "",
    hook: attributes.bytes(NFULA_PACKET_HDR)?.[2] ?? 0,
    inLink: attributes.u32be(NFULA_IFINDEX_INDEV) ?? 0,
    outLink: attributes.u32be(NFULA_IFINDEX_OUTDEV) ?? 0,
    ...header,
  };
  return { group, sequence: attributes.u32be(NFULA_SEQ) ?? 0, packet };
}
