import { ByteReader } from "@ocicat/net";
import type { Header } from "./layer.ts";
import type { ReadQuote, Step } from "./step.ts";

export interface IcmpMessage {
  readonly layer: "icmp";
  readonly type: number;
  readonly code: number;
  /** Of an echo. */
  readonly identifier: number | undefined;
  readonly sequence: number | undefined;
  /** Of "fragmentation needed": what would fit. */
  readonly mtu: number | undefined;
  /** Of an error: the headers of the packet that it is about. */
  readonly quoted: readonly Header[];
}

export const ICMP = { echoReply: 0, unreachable: 3, redirect: 5, echoRequest: 8, timeExceeded: 11, parameter: 12 };
export const FRAGMENTATION_NEEDED = 4;

const ERRORS: ReadonlySet<number> = new Set([ICMP.unreachable, ICMP.redirect, ICMP.timeExceeded, ICMP.parameter]);

/*
 * RFC 792; RFC 1191 §4 for the MTU:
 *
 *      0      1      2          4                            8
 *      +------+------+----------+----------------------------+- - - - - - -
 *      | type | code | checksum | echo: identifier, sequence | data; of an error the packet it is about
 *      |      |      |          | code 4: 0, MTU             |
 *      +------+------+----------+----------------------------+- - - - - - -
 */
export function readIcmp(bytes: ByteReader, quote: ReadQuote): Step {
  const type = bytes.u8();
  const code = bytes.u8();
  bytes.skip(2);
  const first = bytes.u16();
  const second = bytes.u16();
  const isEcho = type === ICMP.echoRequest || type === ICMP.echoReply;
  const isError = ERRORS.has(type);
  const data = bytes.bytes(bytes.left);
  const header: IcmpMessage = {
    layer: "icmp",
    type,
    code,
    identifier: isEcho ? first : undefined,
    sequence: isEcho ? second : undefined,
    mtu: type === ICMP.unreachable && code === FRAGMENTATION_NEEDED ? second : undefined,
    quoted: isError ? quote("ipv4", new ByteReader(data)) : [],
  };
  return { header, next: undefined, payload: new ByteReader(data) };
}
