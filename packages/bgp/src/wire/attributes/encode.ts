import { type Address, ByteWriter } from "@ocicat/net";
import { type CodecContext, DEFAULT_CONTEXT } from "../context.ts";
import { AS_TRANS, MAX_AS2, needsAs4, withoutConfederation } from "./as-path.ts";
import { type DecodedAttributes, FLAG, writeAttribute } from "./descriptor.ts";
import { ATTRIBUTES, encodeNextHop } from "./table.ts";
import type { PathAttributes, UnknownAttribute } from "./types.ts";

const NEXT_HOP = 3;

/**
 * The attributes of a path as they go on the wire, NLRI and IPv6 next hop aside (those are MP_REACH_NLRI's). `withNextHop`:
 * write NEXT_HOP, for IPv4 NLRI in the message's own field.
 */
export function encodePathAttributes(path: PathAttributes, context: CodecContext, withNextHop: boolean): Uint8Array {
  const wire = toWire(path, context);
  if (withNextHop && typeof path.nextHop === "number") wire.nextHop = path.nextHop;
  return encodeAttributes(wire, path.unknown ?? [], context);
}

/** Known rows and unknown attributes in ascending code (RFC 4271 Appendix F.3). */
export function encodeAttributes(
  known: DecodedAttributes,
  unknown: readonly UnknownAttribute[],
  context: CodecContext,
): Uint8Array {
  const writer = new ByteWriter(128);
  let next = 0;
  for (const descriptor of ATTRIBUTES) {
    next = writeUnknownBelow(writer, unknown, next, descriptor.code);
    descriptor.write(writer, known, context);
  }
  writeUnknownBelow(writer, unknown, next, 256);
  return writer.finish();
}

/**
 * Bytes that are equal exactly for equal attributes, however they travelled: the identity of an attribute set. They are what an
 * UPDATE for IPv4 carries where AS numbers have four octets, but for NEXT_HOP, which here may be an IPv6 address, or two.
 */
export function canonicalBytes(path: PathAttributes): Uint8Array {
  const { nextHop, unknown = [] } = path;
  const wire = toWire(path, CANONICAL);
  if (typeof nextHop === "number") return encodeAttributes({ ...wire, nextHop }, unknown, CANONICAL);
  const hop = { code: NEXT_HOP, flags: FLAG.transitive, value: encodeNextHop(nextHop, path.linkLocalNextHop) };
  return encodeAttributes(wire, [...unknown, hop].toSorted(byCode), CANONICAL);
}

/** Where canonical bytes have NEXT_HOP: the attribute is from `start` to `end`, its value from `value` on. */
export function findNextHop(canonical: Uint8Array): {
  readonly start: number;
  readonly value: number;
  readonly end: number;
} {
  for (let start = 0; start < canonical.length; ) {
    const isLong = ((canonical[start] ?? 0) & FLAG.extended) !== 0;
    const [first = 0, second = 0] = canonical.subarray(start + 2, start + 4);
    const value = start + (isLong ? 4 : 3);
    const end = value + (isLong ? (first << 8) | second : first);
    if (canonical[start + 1] === NEXT_HOP) return { start, value, end };
    start = end;
  }
  throw new Error("an attribute set without NEXT_HOP");
}

/** For people: one "NAME: value" an attribute. */
export function formatAttributes(path: PathAttributes): string[] {
  const wire = toWire(path, CANONICAL);
  const lines = ATTRIBUTES.flatMap((descriptor) => {
    const text = descriptor.show(wire);
    return text === undefined ? [] : [`${descriptor.name}: ${text}`];
  });
  const unknown = (path.unknown ?? []).map(({ code, value }) => `attribute ${code}: ${value.length} bytes`);
  return [...lines, ...unknown];
}

const CANONICAL: CodecContext = { ...DEFAULT_CONTEXT, families: [] };

function toWire(path: PathAttributes, context: CodecContext): DecodedAttributes {
  const { nextHop: _nextHop, linkLocalNextHop: _linkLocal, unknown: _unknown, ...shared } = path;
  return context.as4 ? shared : { ...shared, ...downgraded(path) };
}

/** RFC 6793 §4.2.2: towards a two-octet speaker, the true numbers travel in AS4_PATH and AS4_AGGREGATOR where they are needed. */
function downgraded(path: PathAttributes): DecodedAttributes {
  const wire: DecodedAttributes = {};
  if (needsAs4(path.asPath)) wire.as4Path = withoutConfederation(path.asPath);
  if (path.aggregator !== undefined && path.aggregator.as > MAX_AS2) {
    wire.as4Aggregator = path.aggregator;
    wire.aggregator = { as: AS_TRANS, address: path.aggregator.address };
  }
  return wire;
}

function byCode(a: UnknownAttribute, b: UnknownAttribute): number {
  return a.code - b.code;
}

function writeUnknownBelow(
  writer: ByteWriter,
  unknown: readonly UnknownAttribute[],
  from: number,
  code: number,
): number {
  let index = from;
  for (let entry = unknown[index]; entry !== undefined && entry.code < code; entry = unknown[++index]) {
    writeAttribute(writer, entry.flags, entry.code, entry.value);
  }
  return index;
}

/** The unspecified address of either family stands for "this speaker" (RFC 4271 has no use for it on the wire). */
export function isUnspecified(address: Address): boolean {
  return typeof address === "number" ? address === 0 : address === 0n;
}
