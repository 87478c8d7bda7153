/** Where a diagram ends. */
export type Leaf =
  /** Of a match. */
  | { readonly kind: "no" }
  | { readonly kind: "yes" }
  /** Of a chain, and of the model: final. What comes later sees the mark that was left. */
  | { readonly kind: "accept"; readonly mark: MarkChange }
  | { readonly kind: "drop" }
  /** The next rule is asked, with the mark changed so. */
  | { readonly kind: "next"; readonly mark: MarkChange }
  /** The rules behind the one that led here are asked. */
  | { readonly kind: "return"; readonly mark: MarkChange }
  /** Nobody can say, for this reason. Not the same as anything else. */
  | { readonly kind: "unknown"; readonly why: string };

/** `mark = (mark & keep) | value`. Unsigned 32-bit; no bit is in both. */
export interface MarkChange {
  readonly keep: number;
  readonly value: number;
}

export const UNMARKED: MarkChange = { keep: 0xffff_ffff, value: 0 };

export function thenMark(first: MarkChange, second: MarkChange): MarkChange {
  return { keep: (first.keep & second.keep) >>> 0, value: ((first.value & second.keep) | second.value) >>> 0 };
}

/** Equal leaves, equal keys. */
export function leafKey(leaf: Leaf): string {
  switch (leaf.kind) {
    case "no":
    case "yes":
    case "drop":
      return leaf.kind;
    case "accept":
    case "next":
    case "return":
      return `${leaf.kind} ${leaf.mark.keep} ${leaf.mark.value}`;
    case "unknown":
      return `unknown ${leaf.why}`;
  }
}

export function markOf(leaf: Leaf): MarkChange {
  return leaf.kind === "accept" || leaf.kind === "next" || leaf.kind === "return" ? leaf.mark : UNMARKED;
}
