import type { Family, Prefix } from "@ocicat/net";
import { encodePathAttributes } from "./attributes/encode.ts";
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

export function writeWithdrawals(writer: UpdateWriter, family: Family, entries: Entries): void {
  if (family === 4) writer.withdrawPlain(entries);
  else writer.withdrawMp(family, entries);
}

/** False: the attributes leave no room for even one prefix, and the route cannot be announced (RFC 4271 §9.2). */
export function fits(attributes: PathAttributes, family: Family, context: CodecContext): boolean {
  const plain = family === 4 && typeof attributes.nextHop === "number";
  const size = encodePathAttributes(attributes, context, plain).length + (plain ? 0 : MP_REACH_FIXED);
  return HEADER_LENGTH + 4 + size + PATH_ID + LONGEST[family] <= context.maxMessage;
}
