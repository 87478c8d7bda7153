import type { SetMark } from "../ir/expression.ts";

/** As much of a mark as is known: those of its bits that are in `known`. */
export interface Mark {
  readonly value: number;
  readonly known: number;
}

const ALL = 0xffff_ffff;

/** Undefined: none of it. */
export function markFrom(mark: number | undefined): Mark {
  return mark === undefined ? { value: 0, known: 0 } : { value: mark, known: ALL };
}

/** The whole mark, if all of it is known. */
export function wholeMark({ value, known }: Mark): number | undefined {
  return known === ALL ? value : undefined;
}

/** After a rule that the packet met, certainly or perhaps: then only what is so either way is known. */
export function afterSetting(before: Mark, { keep, value }: Pick<SetMark, "keep" | "value">, certain: boolean): Mark {
  const after = { value: ((before.value & keep) | value) >>> 0, known: (before.known | ~keep) >>> 0 };
  if (certain) return after;
  return { value: after.value, known: (before.known & after.known & ~(before.value ^ after.value)) >>> 0 };
}

/** `mark & mask == wanted`; undefined: it cannot be said. */
export function hasBits({ value, known }: Mark, mask: number, wanted: number): boolean | undefined {
  const differs = ((value ^ wanted) & mask & known) !== 0 || (wanted & ~mask) !== 0;
  if (differs) return false;
  return (mask & ~known) === 0 ? true : undefined;
}
