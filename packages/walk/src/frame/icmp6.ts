import { type Address, addressFromBytes, ByteReader, formatMac, type Mac } from "@ocicat/net";
import type { Header } from "./layer.ts";
import type { ReadQuote, Step } from "./step.ts";

export interface Icmp6Message {
  readonly layer: "icmp6";
  readonly type: number;
  readonly code: number;
  /** Of an echo. */
  readonly identifier: number | undefined;
  readonly sequence: number | undefined;
  /** Of "packet too big": what would fit. */
  readonly mtu: number | undefined;
  /** Of neighbour discovery: whose link-layer address is asked for, or told. */
  readonly target: Address | undefined;
  /** Of neighbour discovery: the asker's own link-layer address, or the answer. */
  readonly mac: Mac | undefined;
  /** Of an error: the headers of the packet that it is about. */
  readonly quoted: readonly Header[];
}

export const ICMP6 = {
  unreachable: 1,
  tooBig: 2,
  timeExceeded: 3,
  parameter: 4,
  echoRequest: 128,
  echoReply: 129,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
};

/** RFC 4443 §2.1. */
const isError = (type: number) => type < 128;

/*
 * RFC 4443 §2.1, 4.1; RFC 4861 §4.3, 4.4:
 *
 *      0      1      2          4                            8
 *      +------+------+----------+----------------------------+- - - - - - -
 *      | type | code | checksum | echo: identifier, sequence | data
 *      |      |      |          | too big: MTU               | the packet it is about
 *      |      |      |          | discovery: flags           | target (16), options
 *      +------+------+----------+----------------------------+- - - - - - -
 */
export function readIcmp6(bytes: ByteReader, quote: ReadQuote): Step {
  const type = bytes.u8();
  const code = bytes.u8();
  bytes.skip(2);
  const first = bytes.u16();
  const second = bytes.u16();
  const isEcho = type === ICMP6.echoRequest || type === ICMP6.echoReply;
  const isDiscovery = type === ICMP6.neighbourSolicitation || type === ICMP6.neighbourAdvertisement;
  const target = isDiscovery ? addressFromBytes(bytes.bytes(16)) : undefined;
  const mac = isDiscovery ? linkLayerOption(bytes) : undefined;
  const data = bytes.bytes(bytes.left);
  const header: Icmp6Message = {
    layer: "icmp6",
    type,
    code,
    identifier: isEcho ? first : undefined,
    sequence: isEcho ? second : undefined,
    mtu: type === ICMP6.tooBig ? first * 0x1_0000 + second : undefined,
    target,
    mac,
    quoted: isError(type) ? quote("ipv6", new ByteReader(data)) : [],
  };
  return { header, next: undefined, payload: new ByteReader(data) };
}

const SOURCE_MAC = 1;
const TARGET_MAC = 2;

/*
 * Options (RFC 4861 §4.6):
 *
 *      0      1            2
 *      +------+------------+- - - - - -+
 *      | type | length / 8 | …         |   1, 2: a link-layer address
 *      +------+------------+- - - - - -+
 */
function linkLayerOption(bytes: ByteReader): Mac | undefined {
  let found: Mac | undefined;
  while (bytes.left >= 8) {
    const type = bytes.u8();
    const length = bytes.u8() * 8;
    const value = bytes.bytes(length - 2);
    if (type === SOURCE_MAC || type === TARGET_MAC) found ??= formatMac(value.subarray(0, 6));
  }
  return found;
}
