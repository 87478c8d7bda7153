import { bitsOf, Prefix } from "@ocicat/net";
import type { Announcement } from "./desired.ts";

/**
 * Announcements of blocks that lie side by side as one: two halves that are both there are announced as the whole, and so on up
 * to the pool. What is announced holds no address of a block that is another's: every part of it is a block of this node.
 */
export function aggregated(
  announcements: Iterable<Announcement>,
  poolOf: (prefix: Prefix) => Prefix | undefined,
): Map<string, Announcement> {
  const found = new Map<string, Announcement>();
  const byLength = new Map<number, Map<string, Announcement>>();
  for (const announcement of announcements) {
    const { prefix } = announcement;
    found.set(prefix.toString(), announcement);
    const level = byLength.get(prefix.length) ?? new Map<string, Announcement>();
    byLength.set(prefix.length, level.set(prefix.toString(), announcement));
  }
  // The longest first: what is joined may be joined again.
  const longest = Math.max(0, ...byLength.keys());
  for (let length = longest; length > 0; length--) {
    for (const announcement of byLength.get(length)?.values() ?? []) {
      const whole = joined(announcement, byLength.get(length), poolOf);
      if (whole === undefined || found.has(whole.prefix.toString())) continue;
      for (const half of halves(whole.prefix)) found.delete(half.toString());
      found.set(whole.prefix.toString(), whole);
      const above = byLength.get(length - 1) ?? new Map<string, Announcement>();
      byLength.set(length - 1, above.set(whole.prefix.toString(), whole));
    }
  }
  return found;
}

/** The block of twice the size that an announcement is the first half of, if the other half is there and one pool holds both. */
function joined(
  { prefix, origin }: Announcement,
  level: ReadonlyMap<string, Announcement> | undefined,
  poolOf: (prefix: Prefix) => Prefix | undefined,
): Announcement | undefined {
  if (prefix.length === bitsOf(prefix.family)) return undefined;
  const whole = Prefix.of(prefix.address, prefix.length - 1);
  const [first, second] = halves(whole);
  const other = level?.get(String(second));
  if (first?.equals(prefix) !== true || other === undefined) return undefined;
  const pool = poolOf(prefix);
  if (pool === undefined || pool.length > whole.length || poolOf(other.prefix)?.equals(pool) !== true) return undefined;
  const resources = [...origin.resources, ...other.origin.resources.filter(({ kind }) => kind !== "IPPool")];
  return { prefix: whole, origin: { reason: "blocks side by side, announced as one", resources } };
}

function halves(whole: Prefix): readonly [Prefix, Prefix] {
  const length = whole.length + 1;
  const middle = whole.nth(whole.size / 2n);
  return [Prefix.of(whole.address, length), Prefix.of(middle, length)];
}
