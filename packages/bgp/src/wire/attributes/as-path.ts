import type { ByteReader, ByteWriter } from "@ocicat/net";
import { MalformedValue } from "./descriptor.ts";
import type { AsPath, AsSegment } from "./types.ts";

/** RFC 6793 §9: stands where an AS number does not fit two octets. */
export const AS_TRANS = 23_456;
export const MAX_AS2 = 65_535;
/** AS numbers a segment can hold: its count is one byte. */
const MAX_SEGMENT = 255;

const TYPES: readonly AsSegment["type"][] = ["set", "sequence", "confed-sequence", "confed-set"];

/**
 * RFC 4271 §4.3 b), RFC 6793 §3
 *
 *     +--------+--------+------------------------------+
 *     |  type  | count  |  count × 2 or 4 bytes of AS  |   repeated
 *     +--------+--------+------------------------------+
 */
export function decodeAsPath(reader: ByteReader, width: 2 | 4): AsPath {
  const segments: AsSegment[] = [];
  while (reader.left > 0) {
    const code = reader.u8();
    const type = TYPES[code - 1];
    if (type === undefined) throw new MalformedValue("update/malformed-as-path", `segment type ${code}`);
    const count = reader.u8();
    if (count === 0) throw new MalformedValue("update/malformed-as-path", "an empty segment");
    if (count * width > reader.left) {
      throw new MalformedValue("update/malformed-as-path", `${count} AS numbers in the last ${reader.left} bytes`);
    }
    const asns = Array.from({ length: count }, () => (width === 4 ? reader.u32() : reader.u16()));
    if (asns.includes(0)) throw new MalformedValue("update/malformed-as-path", "AS 0 (RFC 7607)");
    segments.push({ type, asns });
  }
  return segments;
}

export function encodeAsPath(writer: ByteWriter, path: AsPath, width: 2 | 4): void {
  for (const { type, asns } of path) {
    writer.u8(TYPES.indexOf(type) + 1).u8(asns.length);
    for (const as of asns) {
      if (width === 4) writer.u32(as);
      else writer.u16(as > MAX_AS2 ? AS_TRANS : as);
    }
  }
}

const WRAPPED: Readonly<Record<AsSegment["type"], (list: string) => string>> = {
  set: (list) => `{${list}}`,
  sequence: (list) => list,
  "confed-sequence": (list) => `(${list})`,
  "confed-set": (list) => `({${list}})`,
};

/** "64512 64513 {1 2} (65001)": sets in braces, confederation segments in parentheses. */
export function formatAsPath(path: AsPath): string {
  return path.map(({ type, asns }) => WRAPPED[type](asns.join(" "))).join(" ");
}

/** RFC 4271 §9.1.2.2 a): a set counts one; confederation segments count nothing (RFC 5065 §5.3). */
export function asPathLength(path: AsPath): number {
  return path.reduce((sum, { type, asns }) => sum + (type === "sequence" ? asns.length : type === "set" ? 1 : 0), 0);
}

/** How often an AS number is in a path. */
export function asPathCount(path: AsPath, as: number): number {
  return path.reduce((sum, { asns }) => sum + asns.reduce((count, one) => (one === as ? count + 1 : count), 0), 0);
}

/** The neighbouring AS that the path came through: the first of a leading sequence (RFC 4271 §9.1.2.2 c). */
export function neighbourAs(path: AsPath): number | undefined {
  const first = path.find(({ type }) => type === "sequence" || type === "set");
  return first?.type === "sequence" ? first.asns[0] : undefined;
}

/** RFC 4271 §5.1.2 b): put before a leading sequence, or as a sequence of its own where there is none or it is full. */
export function prependAs(path: AsPath, as: number): AsPath {
  const [first, ...rest] = path;
  if (first?.type === "sequence" && first.asns.length < MAX_SEGMENT) {
    return [{ type: "sequence", asns: [as, ...first.asns] }, ...rest];
  }
  return [{ type: "sequence", asns: [as] }, ...path];
}

/** True if some AS number needs four octets. */
export function needsAs4(path: AsPath): boolean {
  return path.some(({ asns }) => asns.some((as) => as > MAX_AS2));
}

export function hasConfederation(path: AsPath): boolean {
  return path.some(({ type }) => type === "confed-sequence" || type === "confed-set");
}

/** RFC 6793 §3: AS4_PATH carries no confederation segments. */
export function withoutConfederation(path: AsPath): AsPath {
  return path.filter(({ type }) => type === "sequence" || type === "set");
}

/**
 * RFC 6793 §4.2.3: what a two-octet speaker passed on, with the true numbers put back. AS4_PATH knows the far end of the
 * path; the near end, prepended by speakers that do not know AS4_PATH, is taken from AS_PATH. An AS4_PATH longer than
 * AS_PATH is ignored.
 */
export function mergeAs4Path(path: AsPath, as4Path: AsPath): AsPath {
  const surplus = asPathLength(path) - asPathLength(as4Path);
  if (surplus < 0) return path;
  return joinSequences([...headOf(path, surplus), ...as4Path]);
}

/** The leading part of a path that counts `length`, with confederation segments in it kept. */
function headOf(path: AsPath, length: number): AsSegment[] {
  const head: AsSegment[] = [];
  let left = length;
  for (const segment of path) {
    const counts = asPathLength([segment]);
    if (counts > 0 && left === 0) break;
    if (counts <= left) {
      head.push(segment);
      left -= counts;
    } else {
      head.push({ type: segment.type, asns: segment.asns.slice(0, left) });
      left = 0;
    }
  }
  return head;
}

function joinSequences(path: AsPath): AsPath {
  const joined: AsSegment[] = [];
  for (const segment of path) {
    const last = joined.at(-1);
    if (
      last?.type === "sequence" &&
      segment.type === "sequence" &&
      last.asns.length + segment.asns.length <= MAX_SEGMENT
    ) {
      joined[joined.length - 1] = { type: "sequence", asns: [...last.asns, ...segment.asns] };
    } else {
      joined.push(segment);
    }
  }
  return joined;
}
