import type { CodecContext } from "../../src/wire/context.ts";

/**
 * What becomes of an UPDATE, written once more from the text of RFC 4271 §6.3 and RFC 7606, slowly and without the tables of
 * the codec: whether the session ends, the routes of the message are withdrawn, or they are taken.
 */
export type Fate = "reset" | "withdraw" | "accept";

/** The session ends (RFC 7606 §3 a, §5.3, §7.11, §7.12). */
class SessionReset extends Error {}

interface Walk {
  readonly context: CodecContext;
  readonly seen: Set<number>;
  /** Some attribute is malformed so that its routes are to be withdrawn. */
  withdraw: boolean;
  /** Attributes that are there and well formed, or that were reported already. */
  readonly present: Set<number>;
  reachPrefixes: number;
  reachSeen: boolean;
}

const OPTIONAL = 0x80;
const TRANSITIVE = 0x40;
const EXTENDED = 0x10;

export function fateOf(body: Uint8Array, context: CodecContext): Fate {
  try {
    return judge(body, context);
  } catch (error) {
    if (error instanceof SessionReset) return "reset";
    throw error;
  }
}

function judge(body: Uint8Array, context: CodecContext): Fate {
  const withdrawnLength = u16(body, 0);
  if (2 + withdrawnLength + 2 > body.length) throw new SessionReset("withdrawn routes too long");
  const attributesAt = 2 + withdrawnLength + 2;
  const attributesLength = u16(body, 2 + withdrawnLength);
  if (attributesAt + attributesLength > body.length) throw new SessionReset("attributes too long");
  const addPath = context.addPath[4]?.receive === true;
  countPrefixes(body.subarray(2, 2 + withdrawnLength), 32, addPath);
  const announced = countPrefixes(body.subarray(attributesAt + attributesLength), 32, addPath);

  const walk: Walk = {
    context,
    seen: new Set(),
    withdraw: false,
    present: new Set(),
    reachPrefixes: 0,
    reachSeen: false,
  };
  walkAttributes(body.subarray(attributesAt, attributesAt + attributesLength), walk);
  const speaks4 = context.families.includes(4);
  const plain = speaks4 ? announced : 0;
  // §3 d: a mandatory attribute that is missing. NEXT_HOP is for the message's own field only.
  if (plain + walk.reachPrefixes > 0) {
    if (!walk.present.has(1) || !walk.present.has(2) || (plain > 0 && !walk.present.has(3))) walk.withdraw = true;
  }
  if (!walk.withdraw) return "accept";
  // §5.2: attributes in error, and nothing is announced that could be withdrawn.
  if (announced > 0 || walk.reachSeen) return "withdraw";
  return "reset";
}

function walkAttributes(bytes: Uint8Array, walk: Walk): void {
  let at = 0;
  while (at < bytes.length) {
    const flags = bytes[at] ?? 0;
    const header = (flags & EXTENDED) === 0 ? 3 : 4;
    const code = bytes[at + 1] ?? 0;
    // §4: an attribute that does not fit the list.
    if (bytes.length - at < header) {
      walk.withdraw = true;
      walk.present.add(code);
      return;
    }
    const length = header === 3 ? (bytes[at + 2] ?? 0) : u16(bytes, at + 2);
    if (at + header + length > bytes.length) {
      walk.withdraw = true;
      walk.present.add(code);
      return;
    }
    attribute(code, flags, bytes.subarray(at + header, at + header + length), walk);
    at += header + length;
  }
}

function attribute(code: number, flags: number, value: Uint8Array, walk: Walk): void {
  // §3 g.
  if (walk.seen.has(code)) {
    if (code === 14 || code === 15) throw new SessionReset("a second MP attribute");
    return;
  }
  walk.seen.add(code);
  const kind = KINDS[code];
  if (kind === undefined) {
    // RFC 4271 §6.3: a well-known attribute must be known.
    if ((flags & OPTIONAL) === 0) throw new SessionReset("unrecognized well-known attribute");
    return;
  }
  // §7.5, §7.9, §7.10: from an external peer these are discarded, whatever they look like.
  if (kind.internalOnly === true && !walk.context.internal) return;
  if (code === 14) walk.reachSeen = true;
  walk.present.add(code);
  // §3 c.
  if ((flags & (OPTIONAL | TRANSITIVE)) !== kind.flags) {
    walk.withdraw = true;
    if (code !== 14 && code !== 15) return;
  }
  const good = kind.check(value, walk);
  if (good) return;
  if (kind.bad === "withdraw") walk.withdraw = true;
  else if (kind.bad === "reset") throw new SessionReset(`attribute ${code}`);
  else walk.present.delete(code);
}

interface Kind {
  readonly flags: number;
  readonly bad: "withdraw" | "discard" | "reset";
  readonly internalOnly?: true;
  readonly check: (value: Uint8Array, walk: Walk) => boolean;
}

const WELL_KNOWN = TRANSITIVE;
const OPTIONAL_TRANSITIVE = OPTIONAL | TRANSITIVE;
const four = (value: Uint8Array) => value.length === 4;
const words = (size: number) => (value: Uint8Array) => value.length > 0 && value.length % size === 0;

/** RFC 7606 §7, paragraph by paragraph. */
const KINDS: Readonly<Record<number, Kind>> = {
  1: { flags: WELL_KNOWN, bad: "withdraw", check: (value) => value.length === 1 && (value[0] ?? 9) <= 2 },
  2: {
    flags: WELL_KNOWN,
    bad: "withdraw",
    check: (value, { context }) => asPath(value, context.as4 ? 4 : 2, context.internal),
  },
  3: { flags: WELL_KNOWN, bad: "withdraw", check: four },
  4: { flags: OPTIONAL, bad: "withdraw", check: four },
  5: { flags: WELL_KNOWN, bad: "withdraw", internalOnly: true, check: four },
  6: { flags: WELL_KNOWN, bad: "discard", check: (value) => value.length === 0 },
  7: {
    flags: OPTIONAL_TRANSITIVE,
    bad: "discard",
    check: (value, { context }) => aggregator(value, context.as4 ? 4 : 2),
  },
  8: { flags: OPTIONAL_TRANSITIVE, bad: "withdraw", check: words(4) },
  9: { flags: OPTIONAL, bad: "withdraw", internalOnly: true, check: four },
  10: { flags: OPTIONAL, bad: "withdraw", internalOnly: true, check: words(4) },
  14: { flags: OPTIONAL, bad: "reset", check: reach },
  15: { flags: OPTIONAL, bad: "reset", check: unreach },
  16: { flags: OPTIONAL_TRANSITIVE, bad: "withdraw", check: words(8) },
  17: { flags: OPTIONAL_TRANSITIVE, bad: "discard", check: (value) => asPath(value, 4, true) },
  18: { flags: OPTIONAL_TRANSITIVE, bad: "discard", check: (value) => aggregator(value, 4) },
  32: { flags: OPTIONAL_TRANSITIVE, bad: "withdraw", check: words(12) },
  35: { flags: OPTIONAL_TRANSITIVE, bad: "withdraw", check: four },
};

/** §7.2, RFC 5065 §5 (no confederation from outside), RFC 7607 (no AS 0). */
function asPath(value: Uint8Array, width: 2 | 4, confederations: boolean): boolean {
  let at = 0;
  while (at < value.length) {
    const type = value[at] ?? 0;
    const count = value[at + 1] ?? 0;
    if (type < 1 || type > 4 || (type > 2 && !confederations)) return false;
    if (count === 0 || at + 2 + count * width > value.length) return false;
    for (let n = 0; n < count; n++) {
      const number = value.subarray(at + 2 + n * width, at + 2 + (n + 1) * width);
      if (number.every((byte) => byte === 0)) return false;
    }
    at += 2 + count * width;
  }
  return true;
}

function aggregator(value: Uint8Array, width: 2 | 4): boolean {
  return value.length === width + 4 && value.subarray(0, width).some((byte) => byte !== 0);
}

/** §7.11. */
function reach(value: Uint8Array, walk: Walk): boolean {
  if (value.length < 5) return false;
  const [afi, safi, hop] = [u16(value, 0), value[2], value[3] ?? 0];
  if (value.length < 4 + hop + 1) return false;
  const bits = safi === 1 ? BITS[afi] : undefined;
  if (bits === undefined) return true;
  const family = afi === 1 ? 4 : 6;
  const lengths = family === 6 ? [16, 32] : walk.context.extendedNextHop.includes(4) ? [4, 16, 32] : [4];
  if (!lengths.includes(hop)) return false;
  const count = countPrefixes(value.subarray(5 + hop), bits, walk.context.addPath[family]?.receive === true);
  if (walk.context.families.includes(family)) walk.reachPrefixes = count;
  return true;
}

/** §7.12. */
function unreach(value: Uint8Array, { context }: Walk): boolean {
  if (value.length < 3) return false;
  const afi = u16(value, 0);
  const bits = value[2] === 1 ? BITS[afi] : undefined;
  if (bits !== undefined) countPrefixes(value.subarray(3), bits, context.addPath[afi === 1 ? 4 : 6]?.receive === true);
  return true;
}

const BITS: Readonly<Record<number, number>> = { 1: 32, 2: 128 };

/** §5.3: how many prefixes; a field that is not made of prefixes ends the session. */
function countPrefixes(field: Uint8Array, most: number, withIds: boolean): number {
  let count = 0;
  let at = 0;
  while (at < field.length) {
    if (withIds) at += 4;
    if (at >= field.length) throw new SessionReset("a path identifier without a prefix");
    const length = field[at] ?? 0;
    at += 1 + Math.ceil(length / 8);
    if (length > most || at > field.length) throw new SessionReset("no prefix");
    count += 1;
  }
  return count;
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
