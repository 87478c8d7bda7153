import { accept, integer, matching, refuse, type ScalarSchema, text } from "../schema/index.ts";

/** RFC 1997: two of 16 bits. RFC 8092: three of 32 bits. */
export function isCommunity(value: string): boolean {
  if (!/^\d{1,10}(?::\d{1,10}){1,2}$/.test(value)) return false;
  const parts = value.split(":").map(Number);
  const max = parts.length === 2 ? 0xffff : 0xffff_ffff;
  return parts.every((part) => part <= max);
}

export const community = (): ScalarSchema<string> =>
  text("a community (aa:nn, 16 bits each) or a large one (aa:nn:mm, 32 bits each)", (value) =>
    isCommunity(value) ? accept(value) : refuse("community"),
  );

/** An interface by name, or many by a pattern. */
export const interfacePattern = (): ScalarSchema<string> =>
  matching("an interface name, or a pattern with '*'", "interface-name", /^[a-zA-Z0-9_.*-]{1,15}$/);

/** A route's metric in the kernel. */
export const routePriority = (): ScalarSchema<number> => integer(1, 2_147_483_646);
