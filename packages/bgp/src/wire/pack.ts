import type { Family, Prefix } from "@ocicat/net";
import { encodePathAttributes, findNextHop } from "./attributes/encode.ts";
import { encodeNextHop } from "./attributes/table.ts";
import type { PathAttributes } from "./attributes/types.ts";
import type { CodecContext } from "./context.ts";
import { HEADER_LENGTH } from "./header.ts";
import { prefixEntries } from "./prefix-entries.ts";
import { type Entries, UpdateWriter } from "./update-writer.ts";

/** Most bytes of an entry without a path identifier, and of an MP_REACH_NLRI besides its entries. */
const LONGEST = { 4: 5, 6: 17 } as const;
const MP_REACH_FIXED = 4 + 3 + 1 + 32 + 1;
const PATH_ID = 4;
const IPV4_BYTES = 4;

/** UPDATEs that announce prefixes of one family with the same attributes, each as full as the limit allows. */
export function packAnnouncements(
  attributes: PathAttributes,
  family: Family,
  prefixes: readonly Prefix[],
  context: CodecContext,
  pathIds?: readonly number[],
): Uint8Array[] {
  const writer = new UpdateWriter(context.maxMessage);
  writeAnnouncements(writer, attributes, family, prefixEntries(prefixes, pathIds), context);
  return writer.messages();
}

/** UPDATEs that withdraw prefixes of one family. */
export function packWithdrawals(
  family: Family,
  prefixes: readonly Prefix[],
  context: CodecContext,
  pathIds?: readonly number[],
): Uint8Array[] {
  const writer = new UpdateWriter(context.maxMessage);
  writeWithdrawals(writer, family, prefixEntries(prefixes, pathIds));
  return writer.messages();
}

/** RFC 4724 §2. */
export function packEndOfRib(family: Family): Uint8Array {
  const writer = new UpdateWriter(HEADER_LENGTH + 16);
  writer.endOfRib(family);
  return writer.take();
}

/** The same as `packAnnouncements`, appended to what a writer has. */
export function writeAnnouncements(
  writer: UpdateWriter,
  attributes: PathAttributes,
  family: Family,
  entries: Entries,
  context: CodecContext,
): void {
  // IPv4 goes in the message's own field, where every speaker understands it; what that field cannot say has MP_REACH_NLRI.
  const plain = family === 4 && typeof attributes.nextHop === "number";
  const encoded = encodePathAttributes(attributes, context, plain);
  if (plain) writer.announcePlain(encoded, entries);
  else writer.announceMp(family, encodeNextHop(attributes.nextHop, attributes.linkLocalNextHop), encoded, entries);
}

/** The same from canonical bytes, for sessions where AS numbers have four octets: nothing is encoded again. */
export function writeCanonical(writer: UpdateWriter, canonical: Uint8Array, family: Family, entries: Entries): void {
  const { attributes, nextHop } = formOf(canonical, family);
  if (nextHop === undefined) writer.announcePlain(attributes, entries);
  else writer.announceMp(family, nextHop, attributes, entries);
}

export function writeWithdrawals(writer: UpdateWriter, family: Family, entries: Entries): void {
  if (family === 4) writer.withdrawPlain(entries);
  else writer.withdrawMp(family, entries);
}

/** False: the attributes leave no room for even one prefix, and the route cannot be announced (RFC 4271 §9.2). */
export function fits(attributes: PathAttributes, family: Family, context: CodecContext): boolean {
  const plain = family === 4 && typeof attributes.nextHop === "number";
  return leavesRoom(encodePathAttributes(attributes, context, plain).length, plain, family, context);
}

/** The same from canonical bytes, for sessions where AS numbers have four octets. */
export function canonicalFits(canonical: Uint8Array, family: Family, context: CodecContext): boolean {
  const { attributes, nextHop } = formOf(canonical, family);
  return leavesRoom(attributes.length, nextHop === undefined, family, context);
}

function leavesRoom(length: number, plain: boolean, family: Family, { maxMessage }: CodecContext): boolean {
  const size = length + (plain ? 0 : MP_REACH_FIXED);
  return HEADER_LENGTH + 4 + size + PATH_ID + LONGEST[family] <= maxMessage;
}

/** Attributes as they go into an UPDATE; `nextHop`: what of them goes into MP_REACH_NLRI, undefined where there is none. */
function formOf(
  canonical: Uint8Array,
  family: Family,
): { readonly attributes: Uint8Array; readonly nextHop: Uint8Array | undefined } {
  const { start, value, end } = findNextHop(canonical);
  if (family === 4 && end - value === IPV4_BYTES) return { attributes: canonical, nextHop: undefined };
  const attributes = new Uint8Array(canonical.length - (end - start));
  attributes.set(canonical.subarray(0, start));
  attributes.set(canonical.subarray(end), start);
  return { attributes, nextHop: canonical.subarray(value, end) };
}
