/** What becomes of a packet. `accept` ends this base chain only; `drop` is final. */
export type Verdict =
  | { readonly kind: "accept" }
  | { readonly kind: "drop" }
  | { readonly kind: "return" }
  | { readonly kind: "jump"; readonly chain: string }
  | { readonly kind: "goto"; readonly chain: string };

export const ACCEPT: Verdict = Object.freeze({ kind: "accept" });
export const DROP: Verdict = Object.freeze({ kind: "drop" });
export const RETURN: Verdict = Object.freeze({ kind: "return" });

export function jump(chain: string): Verdict {
  return Object.freeze({ kind: "jump", chain });
}

export function goTo(chain: string): Verdict {
  return Object.freeze({ kind: "goto", chain });
}

/** The chain it leads to, if it leads to one. */
export function targetOf(verdict: Verdict): string | undefined {
  return verdict.kind === "jump" || verdict.kind === "goto" ? verdict.chain : undefined;
}
