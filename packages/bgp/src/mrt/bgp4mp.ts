import { type Address, addressFromBytes, addressToBytes, type ByteReader, ByteWriter, familyOf } from "@ocicat/net";
import type { StateName } from "../session/state.ts";
import { AS_TRANS, MAX_AS2 } from "../wire/attributes/as-path.ts";
import { AFI, familyFrom, SAFI_UNICAST } from "../wire/family.ts";
import { Mistake } from "./mistake.ts";

/** Two ends of a session, as the one sees it that wrote the record. */
export interface MrtSession {
  readonly peerAs: number;
  readonly peerAddress: Address;
  readonly localAs: number;
  readonly localAddress: Address;
}

/** How AS numbers stand in a message, who said it, and whether prefixes in it have path identifiers (RFC 8050). */
export interface MessageForm {
  readonly as4: boolean;
  /** Said by the one who wrote the record; else heard. */
  readonly sent: boolean;
  readonly addPath: boolean;
}

export interface MrtMessage extends MrtSession, MessageForm {
  /** A whole BGP message, its header included. */
  readonly message: Uint8Array;
}

export interface MrtStateChange extends MrtSession {
  /** By RFC 6396's numbers; `stateName` has those of RFC 4271. FRR writes 7 and 8 for states of its own. */
  readonly from: number;
  readonly to: number;
}

/** RFC 6396 §4.4.1 and, what ends in 4, §4.4.4: with AS numbers of two octets, and of four. */
const STATE_CHANGE = { as2: 0, as4: 5 } as const;

/** RFC 6396 §4.4.2, §4.4.3, §4.4.5, §4.4.6; RFC 8050 §4. */
const MESSAGES: ReadonlyMap<number, MessageForm> = new Map([
  [1, { as4: false, sent: false, addPath: false }],
  [4, { as4: true, sent: false, addPath: false }],
  [6, { as4: false, sent: true, addPath: false }],
  [7, { as4: true, sent: true, addPath: false }],
  [8, { as4: false, sent: false, addPath: true }],
  [9, { as4: true, sent: false, addPath: true }],
  [10, { as4: false, sent: true, addPath: true }],
  [11, { as4: true, sent: true, addPath: true }],
]);

/** RFC 4271 §8.2.2 by the numbers of RFC 6396 §4.4.1, which begin at 1. */
const STATE_NAMES: readonly StateName[] = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"];

export function stateNumber(state: StateName): number {
  return STATE_NAMES.indexOf(state) + 1;
}

/** "Established", or the number of a state that is not RFC 4271's. */
export function stateName(number: number): string {
  return STATE_NAMES[number - 1] ?? String(number);
}

/** Undefined: a subtype that this reader does not know. Throws TruncatedError or Mistake. */
export function decodeBgp4mp(subtype: number, reader: ByteReader): MrtMessage | MrtStateChange | undefined {
  const form = MESSAGES.get(subtype);
  if (form !== undefined) return { ...readSession(reader, form.as4), ...form, message: reader.bytes(reader.left) };
  if (subtype !== STATE_CHANGE.as2 && subtype !== STATE_CHANGE.as4) return undefined;
  return { ...readSession(reader, subtype === STATE_CHANGE.as4), from: reader.u16(), to: reader.u16() };
}

export function encodeMessage(message: MrtMessage): { readonly subtype: number; readonly body: Uint8Array } {
  const { as4, sent, addPath } = message;
  const entry = [...MESSAGES].find(([, form]) => form.as4 === as4 && form.sent === sent && form.addPath === addPath);
  const writer = new ByteWriter(64 + message.message.length);
  writeSession(writer, message, as4);
  return { subtype: entry?.[0] ?? 0, body: writer.bytes(message.message).finish() };
}

export function encodeStateChange(change: MrtStateChange): { readonly subtype: number; readonly body: Uint8Array } {
  const writer = new ByteWriter(64);
  writeSession(writer, change, true);
  writer.u16(change.from).u16(change.to);
  return { subtype: STATE_CHANGE.as4, body: writer.finish() };
}

/**
 * What every record begins with; a message, or the old and the new state in two bytes each, follows.
 *
 *     +-------------------------------+
 *     | peer's AS number, 2 or 4      |
 *     +-------------------------------+
 *     | own AS number, 2 or 4         |
 *     +---------------+---------------+
 *     | interface, 2  | AFI, 2        |
 *     +---------------+---------------+
 *     | peer's address, 4 or 16       |
 *     +-------------------------------+
 *     | own address, 4 or 16          |
 *     +-------------------------------+
 */
function readSession(reader: ByteReader, as4: boolean): MrtSession {
  const asNumber = () => (as4 ? reader.u32() : reader.u16());
  const peerAs = asNumber();
  const localAs = asNumber();
  reader.skip(2);
  const afi = reader.u16();
  const family = familyFrom(afi, SAFI_UNICAST);
  if (family === undefined) throw new Mistake(`addresses of family ${afi}; 1 and 2 are known`);
  const address = () => addressFromBytes(reader.bytes(family === 4 ? 4 : 16));
  return { peerAs, localAs, peerAddress: address(), localAddress: address() };
}

function writeSession(writer: ByteWriter, { peerAs, localAs, peerAddress, localAddress }: MrtSession, as4: boolean) {
  for (const as of [peerAs, localAs]) {
    if (as4) writer.u32(as);
    else writer.u16(as > MAX_AS2 ? AS_TRANS : as);
  }
  writer.u16(0).u16(AFI[familyOf(peerAddress)]);
  writer.bytes(addressToBytes(peerAddress)).bytes(addressToBytes(localAddress));
}
