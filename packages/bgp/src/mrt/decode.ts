import { AddressError, ByteReader, TruncatedError } from "@ocicat/net";
import { BgpError } from "../error.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";
import { decodeMessage } from "../wire/codec.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "../wire/context.ts";
import { Framer } from "../wire/framer.ts";
import { MAX_EXTENDED_MESSAGE } from "../wire/header.ts";
import type { Message } from "../wire/message.ts";
import { decodeBgp4mp, type MessageForm, type MrtMessage, type MrtStateChange } from "./bgp4mp.ts";
import { decodeEntryAttributes } from "./entry-attributes.ts";
import { Mistake } from "./mistake.ts";
import { damaged } from "./reader.ts";
import { MRT_TYPE, type MrtRecord } from "./record.ts";
import { decodeTableDump, type MrtPeer, type PeerIndex, type RibRow } from "./table-dump.ts";

/** A path of a table. */
export interface TablePath {
  readonly peer: MrtPeer;
  readonly since: number;
  readonly pathId: number | undefined;
  /** Undefined: they cannot be used; `problems` says why. */
  readonly attributes: PathAttributes | undefined;
  readonly problems: readonly string[];
  /** As they stand in the file. */
  readonly bytes: Uint8Array;
}

/** What a record says. */
export type MrtEntry =
  | ({ readonly kind: "peers"; readonly record: MrtRecord } & PeerIndex)
  | ({ readonly kind: "paths"; readonly record: MrtRecord; readonly paths: readonly TablePath[] } & Pick<
      RibRow,
      "sequence" | "prefix"
    >)
  | ({ readonly kind: "message"; readonly record: MrtRecord; readonly decoded: Message | BgpError } & MrtMessage)
  | ({ readonly kind: "state"; readonly record: MrtRecord } & MrtStateChange)
  /** Of a type that this reader does not know. */
  | { readonly kind: "other"; readonly record: MrtRecord };

/** Says what records mean, in the file's order: paths name peers that stood before them. */
export class MrtDecoder {
  readonly #file: string;
  #peers: readonly MrtPeer[] | undefined;

  /** `file`: its name, for messages. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Throws OcicatError MRT_DAMAGED, with the record's place, on one that is not as its type says. */
  decode(record: MrtRecord): MrtEntry {
    try {
      return this.#decode(record);
    } catch (error) {
      if (!isMistake(error)) throw error;
      const { type, subtype, offset } = record;
      throw damaged(this.#file, offset, `a record of type ${type}.${subtype} is not what it says`, error.message);
    }
  }

  #decode(record: MrtRecord): MrtEntry {
    const { type, subtype, body } = record;
    const reader = new ByteReader(body);
    if (type === MRT_TYPE.tableDumpV2) return this.#table(record, decodeTableDump(subtype, reader));
    if (type !== MRT_TYPE.bgp4mp && type !== MRT_TYPE.bgp4mpEt) return { kind: "other", record };
    const said = decodeBgp4mp(subtype, reader);
    if (said === undefined) return { kind: "other", record };
    if ("to" in said) return { kind: "state", record, ...said };
    return { kind: "message", record, ...said, decoded: readMessage(said) };
  }

  #table(record: MrtRecord, table: PeerIndex | RibRow | undefined): MrtEntry {
    if (table === undefined) return { kind: "other", record };
    if ("peers" in table) {
      this.#peers = table.peers;
      return { kind: "peers", record, ...table };
    }
    const peers = this.#peers;
    if (peers === undefined) throw new Mistake("paths before the table of peers");
    const { sequence, prefix, entries } = table;
    const paths = entries.map(({ peer: index, since, pathId, attributes: bytes }) => {
      const peer = peers[index];
      if (peer === undefined) throw new Mistake(`peer ${index} of ${peers.length}`);
      const { attributes, problems } = decodeEntryAttributes(bytes);
      return { peer, since, pathId, attributes, problems: problems.map(({ name, what }) => `${name}: ${what}`), bytes };
    });
    return { kind: "paths", record, sequence, prefix, paths };
  }
}

/** How the message of a record is to be read: all that peers may have agreed on is taken. */
export function contextOf({ as4, addPath }: MessageForm): CodecContext {
  const both = { send: true, receive: true };
  return {
    ...DEFAULT_CONTEXT,
    as4,
    maxMessage: MAX_EXTENDED_MESSAGE,
    addPath: addPath ? { 4: both, 6: both } : {},
    extendedNextHop: [4],
  };
}

/** A message that is wrong is what the record is about, and no damage of the file. */
function readMessage(said: MrtMessage): Message | BgpError {
  const framer = new Framer();
  framer.maxMessage = MAX_EXTENDED_MESSAGE;
  framer.push(said.message);
  try {
    const frame = framer.next();
    if (frame === undefined) throw new Mistake(`${said.message.length} bytes are no whole message`);
    return decodeMessage(frame, contextOf(said));
  } catch (error) {
    if (error instanceof BgpError) return error;
    throw error;
  }
}

function isMistake(error: unknown): error is Error {
  return [Mistake, TruncatedError, AddressError, BgpError].some((kind) => error instanceof kind);
}
