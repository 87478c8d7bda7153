import type { ByteReader, ByteWriter } from "@ocicat/net";
import type { CodecContext } from "../context.ts";
import type { NotificationKind } from "../notification-kinds.ts";
import type { WireAttributes } from "./types.ts";

/**
 *      0                   1
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5        RFC 4271 §4.3, path attribute
 *     +-+-+-+-+-------+---------------+
 *     |O|T|P|E| unused|     code      |        O optional  T transitive  P partial  E two bytes of length
 *     +-+-+-+-+-------+---------------+
 *     | length, 1 or 2 bytes          |        value ...
 *     +-------------------------------+
 */
export const FLAG = { optional: 0x80, transitive: 0x40, partial: 0x20, extended: 0x10 } as const;

/** What becomes of an UPDATE with this attribute malformed (RFC 7606 §2), mildest first. */
export type Treatment = "discard" | "withdraw" | "reset";

/** What a decoder throws about a value; the row of the table says what follows from it. */
export class MalformedValue extends Error {
  readonly kind: NotificationKind;

  constructor(kind: NotificationKind, what: string) {
    super(what);
    this.kind = kind;
  }
}

/** A row of the attribute table. */
export interface AttributeRow<K extends keyof WireAttributes> {
  readonly key: K;
  readonly code: number;
  /** As in the RFCs. */
  readonly name: string;
  readonly category: "mandatory" | "well-known" | "optional transitive" | "optional non-transitive";
  readonly malformed: Treatment;
  /** From an external peer it is discarded, however it looks (RFC 7606 §7.5, §7.9, §7.10). */
  readonly internalOnly?: true;
  /** Throws MalformedValue or reads past the end; bytes left over are malformed as well. */
  decode(value: ByteReader, context: CodecContext): WireAttributes[K];
  encode(writer: ByteWriter, value: WireAttributes[K], context: CodecContext): void;
  /** For people. */
  format(value: WireAttributes[K]): string;
}

export type DecodedAttributes = { -readonly [K in keyof WireAttributes]?: WireAttributes[K] | undefined };

/** A row with its value type closed over, so that the codec can walk rows of all types. */
export interface AttributeDescriptor extends Omit<AttributeRow<keyof WireAttributes>, "decode" | "encode" | "format"> {
  /** The flags that it must have, partial and extended aside. */
  readonly flags: number;
  read(value: ByteReader, context: CodecContext, into: DecodedAttributes): void;
  /** Flags, code, length and value; nothing if `from` has no such attribute. */
  write(writer: ByteWriter, from: DecodedAttributes, context: CodecContext): void;
  /** For people; undefined if `from` has no such attribute. */
  show(from: DecodedAttributes): string | undefined;
}

const FLAGS_OF: Readonly<Record<AttributeRow<keyof WireAttributes>["category"], number>> = {
  mandatory: FLAG.transitive,
  "well-known": FLAG.transitive,
  "optional transitive": FLAG.optional | FLAG.transitive,
  "optional non-transitive": FLAG.optional,
};

export function attribute<K extends keyof WireAttributes>(row: AttributeRow<K>): AttributeDescriptor {
  const flags = FLAGS_OF[row.category];
  return {
    ...row,
    flags,
    read(value, context, into) {
      into[row.key] = row.decode(value, context);
    },
    write(writer, from, context) {
      const value = from[row.key];
      if (value === undefined || (row.category !== "mandatory" && isEmptyList(value))) return;
      const start = writer.length;
      writer.u8(flags).u8(row.code).u8(0);
      row.encode(writer, value, context);
      setLength(writer, start, flags);
    },
    show(from) {
      const value = from[row.key];
      return value === undefined ? undefined : row.format(value);
    },
  };
}

/** A list of nothing is no attribute: on the wire it would be malformed (RFC 7606 §7.8). AS_PATH alone may be empty. */
function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** An attribute whose value is at hand as bytes. */
export function writeAttribute(writer: ByteWriter, flags: number, code: number, value: Uint8Array): void {
  const start = writer.length;
  const short = flags & ~FLAG.extended;
  writer.u8(short).u8(code).u8(0).bytes(value);
  setLength(writer, start, short);
}

/** Sets the length of the attribute that was written from `start` on. It takes one byte where it fits, which is nearly always. */
function setLength(writer: ByteWriter, start: number, flags: number): void {
  const length = writer.length - start - 3;
  if (length <= 255) {
    writer.patchU8(start + 2, length);
    return;
  }
  writer.makeGap(start + 3, 1);
  writer.patchU8(start, flags | FLAG.extended);
  writer.patchU16(start + 2, length);
}
