import { type DescField, type DescMessage, type MessageShape, ScalarType, toBinary } from "@bufbuild/protobuf";

const FIRST_BYTES = 64 * 1024;
const KEPT_BYTES = 1024 * 1024;
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

type Fields = Readonly<Record<string, unknown>>;
type FieldWriter = (writer: MessageWriter, fields: Fields) => void;
/** Writes a value without its tag. */
type ValueWriter = (writer: MessageWriter, value: unknown) => void;

/**
 * Messages as protocol buffers, two to three times as fast as the library's own encoder, whose decoder is fast enough: each
 * kind of message gets a list of writers once, and is then written from its end to its beginning:
 *
 *                         ◄── written in this direction
 *     … | tag | length | field 2 of the inner message | field 3 of the inner message |
 *
 * So the length of what stands inside another message is known when it has to be written. Covered is what etcd's API has: of
 * scalars int32, int64, uint64, bool, string, bytes and enums, messages, lists of messages, bytes and numbers, and oneofs.
 * Fields that were not known when a message was decoded are not written again. The tests hold every message against the
 * library's.
 */
export class MessageWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  /** Where what has been written begins; it ends with the buffer. */
  #at = FIRST_BYTES;

  /** Encodes one message behind room for `prefix` bytes, which the caller fills. */
  encode<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>, prefix: number): Buffer {
    this.#at = this.#bytes.length;
    const writers = writersOf(schema);
    if (writers === undefined) {
      const body = toBinary(schema, message);
      return Buffer.concat([Buffer.alloc(prefix), body]);
    }
    this.message(writers, fieldsOf(message));
    const encoded = Buffer.allocUnsafe(prefix + this.#bytes.length - this.#at);
    this.#bytes.copy(encoded, prefix, this.#at);
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    return encoded;
  }

  message(writers: readonly FieldWriter[], fields: Fields): void {
    for (const write of writers) write(this, fields);
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  bytes(value: Uint8Array): void {
    this.#makeRoom(value.length);
    this.#at -= value.length;
    this.#bytes.set(value, this.#at);
  }

  text(value: string): void {
    this.bytes(Buffer.from(value, "utf8"));
  }

  /** A whole number from 0 to below 2^53, in groups of seven bits, lowest first. */
  varint(value: number): void {
    if (value < 128) {
      this.#makeRoom(1);
      this.#at -= 1;
      this.#bytes[this.#at] = value;
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
    this.#makeRoom(size);
    this.#at -= size;
    let rest = value;
    for (let index = 0; index < size - 1; index++) {
      this.#bytes[this.#at + index] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#at + size - 1] = rest;
  }

  /** Of 64 bits; below zero as two's complement. */
  varint64(value: bigint): void {
    if (value >= 0n && value <= MAX_SAFE) {
      this.varint(Number(value));
      return;
    }
    const groups: number[] = [];
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 128n; rest >>= 7n) groups.push(Number(rest & 127n) | 128);
    groups.push(Number(rest));
    this.bytes(Uint8Array.from(groups));
  }

  #makeRoom(more: number): void {
    if (this.#at >= more) return;
    const written = this.length;
    const larger = Buffer.allocUnsafeSlow(Math.max((written + more) * 2, this.#bytes.length * 2));
    this.#bytes.copy(larger, larger.length - written, this.#at);
    this.#at = larger.length - written;
    this.#bytes = larger;
  }
}

/** Wire types (Protocol Buffers, "Encoding"). */
const VARINT = 0;
const LENGTH_DELIMITED = 2;

interface Kind {
  readonly wireType: number;
  readonly isDefault: (value: unknown) => boolean;
  readonly write: ValueWriter;
}

const INTEGER: Kind = {
  wireType: VARINT,
  isDefault: (value) => value === 0,
  // Below zero it takes ten bytes, as one of 64 bits would.
  write: (writer, value) => {
    if (typeof value !== "number") throw wrong("a number", value);
    if (value >= 0) writer.varint(value);
    else writer.varint64(BigInt(value));
  },
};

const INTEGER64: Kind = {
  wireType: VARINT,
  isDefault: (value) => value === 0n,
  write: (writer, value) => {
    if (typeof value !== "bigint") throw wrong("a bigint", value);
    writer.varint64(value);
  },
};

const BOOLEAN: Kind = {
  wireType: VARINT,
  isDefault: (value) => value === false,
  write: (writer, value) => writer.varint(value === true ? 1 : 0),
};

const BYTES: Kind = {
  wireType: LENGTH_DELIMITED,
  isDefault: (value) => value instanceof Uint8Array && value.length === 0,
  write: (writer, value) => {
    if (!(value instanceof Uint8Array)) throw wrong("bytes", value);
    writer.bytes(value);
    writer.varint(value.length);
  },
};

const TEXT: Kind = {
  wireType: LENGTH_DELIMITED,
  isDefault: (value) => value === "",
  write: (writer, value) => {
    if (typeof value !== "string") throw wrong("text", value);
    const before = writer.length;
    writer.text(value);
    writer.varint(writer.length - before);
  },
};

const SCALARS: Readonly<Partial<Record<ScalarType, Kind>>> = {
  [ScalarType.INT32]: INTEGER,
  [ScalarType.UINT32]: INTEGER,
  [ScalarType.INT64]: INTEGER64,
  [ScalarType.UINT64]: INTEGER64,
  [ScalarType.BOOL]: BOOLEAN,
  [ScalarType.BYTES]: BYTES,
  [ScalarType.STRING]: TEXT,
};

/** Undefined: the library's encoder has to do it. */
const known = new Map<DescMessage, FieldWriter[] | undefined>();

function writersOf(schema: DescMessage): readonly FieldWriter[] | undefined {
  if (known.has(schema)) return known.get(schema);
  // Entered first: transactions contain transactions.
  const writers: FieldWriter[] = [];
  known.set(schema, writers);
  const fields = schema.fields.toSorted((a, b) => b.number - a.number);
  for (const field of fields) {
    const writer = writerOf(field);
    if (writer === undefined) {
      known.set(schema, undefined);
      return undefined;
    }
    writers.push(writer);
  }
  return writers;
}

function writerOf(field: DescField): FieldWriter | undefined {
  const kind = kindOf(field);
  if (kind === undefined) return undefined;
  const { localName, oneof } = field;
  const tag = field.number * 8 + kind.wireType;
  const one = (writer: MessageWriter, value: unknown) => {
    kind.write(writer, value);
    writer.varint(tag);
  };
  if (field.fieldKind === "list") return listWriter(field, kind, one);
  if (oneof !== undefined) {
    const group = oneof.localName;
    return (writer, fields) => {
      const chosen = fields[group];
      if (!isFields(chosen) || chosen.case !== localName) return;
      one(writer, chosen.value);
    };
  }
  return (writer, fields) => {
    const value = fields[localName];
    if (value !== undefined && !kind.isDefault(value)) one(writer, value);
  };
}

function listWriter(field: DescField & { fieldKind: "list" }, kind: Kind, one: ValueWriter): FieldWriter {
  const { localName } = field;
  const packedTag = field.number * 8 + LENGTH_DELIMITED;
  return (writer, fields) => {
    const values = fields[localName];
    if (!Array.isArray(values)) throw wrong("a list", values);
    if (values.length === 0) return;
    const before = writer.length;
    const write = field.packed ? kind.write : one;
    for (let index = values.length - 1; index >= 0; index--) write(writer, values[index]);
    if (!field.packed) return;
    writer.varint(writer.length - before);
    writer.varint(packedTag);
  };
}

function kindOf(field: DescField): Kind | undefined {
  switch (field.fieldKind) {
    case "scalar":
      return SCALARS[field.scalar];
    case "enum":
      return INTEGER;
    case "message":
      return messageKind(field.message);
    case "list":
      if (field.listKind === "message") return messageKind(field.message);
      return field.listKind === "enum" ? INTEGER : SCALARS[field.scalar];
    case "map":
      return undefined;
  }
}

function messageKind(schema: DescMessage): Kind | undefined {
  const writers = writersOf(schema);
  if (writers === undefined) return undefined;
  return {
    wireType: LENGTH_DELIMITED,
    isDefault: () => false,
    write: (writer, value) => {
      const before = writer.length;
      writer.message(writers, fieldsOf(value));
      writer.varint(writer.length - before);
    },
  };
}

function fieldsOf(message: unknown): Fields {
  if (isFields(message)) return message;
  throw wrong("a message", message);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function wrong(expected: string, found: unknown): TypeError {
  return new TypeError(`expected ${expected}, found ${typeof found}`);
}
