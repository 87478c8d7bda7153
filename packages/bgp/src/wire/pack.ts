import type { ByteWriter, Family, Prefix } from "@ocicat/net";
import { FLAG } from "./attributes/descriptor.ts";
import { encodePathAttributes } from "./attributes/encode.ts";
import { encodeNextHop } from "./attributes/table.ts";
import type { PathAttributes } from "./attributes/types.ts";
import type { CodecContext } from "./context.ts";
import { AFI, SAFI_UNICAST } from "./family.ts";
import { frame, HEADER_LENGTH } from "./header.ts";
import { encodedPrefixLength, encodePrefix } from "./nlri.ts";

const MP_REACH = 14;
const MP_UNREACH = 15;
/** The two length fields of an UPDATE. */
const LENGTHS = 4;
/** Flags, code, two bytes of length, AFI and SAFI. */
const MP_HEADER = 7;

/** UPDATEs that announce prefixes of one family with the same attributes, each as full as the limit allows. */
export function packAnnouncements(
  attributes: PathAttributes,
  family: Family,
  prefixes: readonly Prefix[],
  context: CodecContext,
): Uint8Array[] {
  // IPv4 goes in the message's own field, where every speaker understands it; IPv6 prefixes and next hops (RFC 8950) have
  // MP_REACH_NLRI only.
  const plain = family === 4 && typeof attributes.nextHop === "number";
  return plain ? packPlain(attributes, prefixes, context) : packMp(attributes, family, prefixes, context);
}

/** UPDATEs that withdraw prefixes of one family. */
export function packWithdrawals(family: Family, prefixes: readonly Prefix[], context: CodecContext): Uint8Array[] {
  if (family === 4) {
    return chunks(prefixes, context.maxMessage - HEADER_LENGTH - LENGTHS).map((chunk) =>
      frame("update", (writer) => {
        writer.u16(sizeOf(chunk));
        writePrefixes(writer, chunk);
        writer.u16(0);
      }),
    );
  }
  return chunks(prefixes, context.maxMessage - HEADER_LENGTH - LENGTHS - MP_HEADER).map((chunk) =>
    unreach(family, chunk),
  );
}

/** RFC 4724 §2. */
export function packEndOfRib(family: Family): Uint8Array {
  return family === 4 ? frame("update", (writer) => writer.u16(0).u16(0)) : unreach(family, []);
}

/** False: the attributes leave no room for even one prefix, and the route cannot be announced (RFC 4271 §9.2). */
export function fits(attributes: PathAttributes, family: Family, context: CodecContext): boolean {
  const plain = family === 4 && typeof attributes.nextHop === "number";
  const longest = plain ? 5 : 17 + MP_HEADER + 2 + 32;
  const size = encodePathAttributes(attributes, context, family === 4).length;
  return HEADER_LENGTH + LENGTHS + size + longest <= context.maxMessage;
}

function packPlain(attributes: PathAttributes, prefixes: readonly Prefix[], context: CodecContext): Uint8Array[] {
  const encoded = encodePathAttributes(attributes, context, true);
  const room = context.maxMessage - HEADER_LENGTH - LENGTHS - encoded.length;
  return chunks(prefixes, room).map((chunk) =>
    frame("update", (writer) => {
      writer.u16(0).u16(encoded.length).bytes(encoded);
      writePrefixes(writer, chunk);
    }),
  );
}

function packMp(
  attributes: PathAttributes,
  family: Family,
  prefixes: readonly Prefix[],
  context: CodecContext,
): Uint8Array[] {
  const encoded = encodePathAttributes(attributes, context, false);
  const nextHop = encodeNextHop(attributes.nextHop, attributes.linkLocalNextHop);
  const fixed = MP_HEADER + 2 + nextHop.length;
  const room = context.maxMessage - HEADER_LENGTH - LENGTHS - fixed - encoded.length;
  return chunks(prefixes, room).map((chunk) =>
    frame("update", (writer) => {
      writer.u16(0).u16(fixed + sizeOf(chunk) + encoded.length);
      // First, so that the routes can be withdrawn even if what follows is malformed (RFC 7606 §5.1).
      writer
        .u8(FLAG.optional | FLAG.extended)
        .u8(MP_REACH)
        .u16(fixed - 4 + sizeOf(chunk));
      writer.u16(AFI[family]).u8(SAFI_UNICAST).u8(nextHop.length).bytes(nextHop).u8(0);
      writePrefixes(writer, chunk);
      writer.bytes(encoded);
    }),
  );
}

function unreach(family: Family, prefixes: readonly Prefix[]): Uint8Array {
  const size = sizeOf(prefixes);
  return frame("update", (writer) => {
    writer.u16(0).u16(MP_HEADER + size);
    writer
      .u8(FLAG.optional | FLAG.extended)
      .u8(MP_UNREACH)
      .u16(3 + size)
      .u16(AFI[family])
      .u8(SAFI_UNICAST);
    writePrefixes(writer, prefixes);
  });
}

/** Runs of prefixes that each encode to at most `room` bytes. With no room for one prefix there are none: see `fits`. */
function chunks(prefixes: readonly Prefix[], room: number): (readonly Prefix[])[] {
  const runs: (readonly Prefix[])[] = [];
  let start = 0;
  let used = 0;
  for (const [index, prefix] of prefixes.entries()) {
    const size = encodedPrefixLength(prefix);
    if (size > room) return runs;
    if (used + size > room) {
      runs.push(prefixes.slice(start, index));
      start = index;
      used = 0;
    }
    used += size;
  }
  if (start < prefixes.length) runs.push(prefixes.slice(start));
  return runs;
}

function sizeOf(prefixes: readonly Prefix[]): number {
  return prefixes.reduce((sum, prefix) => sum + encodedPrefixLength(prefix), 0);
}

function writePrefixes(writer: ByteWriter, prefixes: readonly Prefix[]): void {
  for (const prefix of prefixes) encodePrefix(writer, prefix);
}
