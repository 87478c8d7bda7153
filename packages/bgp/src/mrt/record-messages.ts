import { type Address, ByteReader, type Family } from "@ocicat/net";
import { BgpError } from "../error.ts";
import type { ConnectionObserver } from "../record/observed-transport.ts";
import type { StateName } from "../session/state.ts";
import type { Connection } from "../speaker/transport.ts";
import { FLAG } from "../wire/attributes/descriptor.ts";
import type { AddPath } from "../wire/capabilities.ts";
import { FAMILIES, familyFrom } from "../wire/family.ts";
import { type Frame, Framer } from "../wire/framer.ts";
import { frame as framed, MAX_EXTENDED_MESSAGE } from "../wire/header.ts";
import type { OpenMessage } from "../wire/message.ts";
import { decodeOpen } from "../wire/open.ts";
import { encodeMessage, encodeStateChange, type MessageForm, type MrtSession, stateNumber } from "./bgp4mp.ts";
import { encodeRecord, MRT_TYPE } from "./record.ts";

/** One direction of a connection. */
interface Direction {
  readonly sent: boolean;
  readonly framer: Framer;
  open: OpenMessage | undefined;
  /** False: what came is no BGP any more. */
  readable: boolean;
}

export interface MessageRecorderOptions {
  /** Microseconds since 1970. */
  readonly now: () => bigint;
  readonly write: (record: Uint8Array) => void;
  /** AS numbers of both ends, until they have said them themselves. */
  readonly asNumbers: (peer: Address) => { readonly local: number; readonly peer: number };
}

/** Sessions as BGP4MP_ET records (RFC 6396 §4.4): each message, said or heard, as it passes; and changes of state. */
export class MessageRecorder {
  readonly #options: MessageRecorderOptions;

  constructor(options: MessageRecorderOptions) {
    this.#options = options;
  }

  /** Records one connection from its beginning, for what its messages mean hangs by the OPENs. */
  observe(connection: Connection): ConnectionObserver {
    const ours = direction(true);
    const theirs = direction(false);
    return {
      sent: (bytes) => this.#take(connection, ours, theirs, bytes),
      received: (bytes) => this.#take(connection, theirs, ours, bytes),
      ended: () => undefined,
    };
  }

  stateChanged(session: MrtSession, from: StateName, to: StateName): void {
    this.#write(encodeStateChange({ ...session, from: stateNumber(from), to: stateNumber(to) }));
  }

  #take(connection: Connection, one: Direction, other: Direction, bytes: Uint8Array): void {
    if (!one.readable) return;
    one.framer.push(bytes);
    try {
      for (let next = one.framer.next(); next !== undefined; next = one.framer.next()) {
        if (next.type === "open") one.open = openIn(next.body);
        this.#message(connection, one, other, next);
      }
    } catch (error) {
      // The session ends by it, with a NOTIFICATION that is recorded.
      if (!(error instanceof BgpError)) throw error;
      one.readable = false;
    }
  }

  #message({ local, remote }: Connection, one: Direction, other: Direction, { type, body }: Frame): void {
    const [ours, theirs] = one.sent ? [one.open, other.open] : [other.open, one.open];
    const configured = () => this.#options.asNumbers(remote.address);
    this.#write(
      encodeMessage({
        peerAs: theirs?.as ?? configured().peer,
        peerAddress: remote.address,
        localAs: ours?.as ?? configured().local,
        localAddress: local.address,
        ...formOf(one, other, type === "update" ? body : undefined),
        message: framed(type, (writer) => writer.bytes(body)),
      }),
    );
  }

  #write(form: { readonly subtype: number; readonly body: Uint8Array }): void {
    this.#options.write(encodeRecord({ time: this.#options.now(), type: MRT_TYPE.bgp4mpEt, ...form }));
  }
}

function direction(sent: boolean): Direction {
  const framer = new Framer();
  framer.maxMessage = MAX_EXTENDED_MESSAGE;
  return { sent, framer, open: undefined, readable: true };
}

/** Undefined: it is malformed, and ends the session. */
function openIn(body: Uint8Array): OpenMessage | undefined {
  try {
    return decodeOpen(body);
  } catch (error) {
    if (error instanceof BgpError) return undefined;
    throw error;
  }
}

/** What OPENs have settled, of an UPDATE's form; no other message has AS paths or prefixes. */
function formOf({ sent, open: from }: Direction, { open: to }: Direction, update: Uint8Array | undefined): MessageForm {
  if (update === undefined || from === undefined || to === undefined) return { as4: true, sent, addPath: false };
  const as4 = from.capabilities.as4 !== undefined && to.capabilities.as4 !== undefined;
  return { as4, sent, addPath: withPathIds(from.capabilities.addPath, to.capabilities.addPath, update) };
}

function withPathIds(from: AddPath, to: AddPath, update: Uint8Array): boolean {
  const families = FAMILIES.filter((family) => from[family]?.send === true && to[family]?.receive === true);
  return families.length > 0 && families.includes(familyOfUpdate(update));
}

/** The family of an UPDATE's prefixes: its MP attributes', else IPv4. */
function familyOfUpdate(body: Uint8Array): Family {
  const reader = new ByteReader(body);
  reader.skip(Math.min(reader.u16(), reader.left - 2));
  const attributes = reader.sub(Math.min(reader.u16(), reader.left));
  while (attributes.left >= 3) {
    const flags = attributes.u8();
    const code = attributes.u8();
    const length = (flags & FLAG.extended) === 0 ? attributes.u8() : attributes.u16();
    if (length > attributes.left) break;
    const value = attributes.sub(length);
    if (MP_ATTRIBUTES.has(code) && value.left >= 3) return familyFrom(value.u16(), value.u8()) ?? 4;
  }
  return 4;
}

/** MP_REACH_NLRI and MP_UNREACH_NLRI. */
const MP_ATTRIBUTES: ReadonlySet<number> = new Set([14, 15]);
