import type { Origin } from "@ocicat/kit";
import type { Expression } from "./expression.ts";

export interface Rule {
  readonly kind: "rule";
  readonly body: readonly Expression[];
  readonly origin: Origin;
  /** The comment as it was read from the kernel; undefined in a rule made here, whose comment follows from the rest (see commentOf). */
  readonly comment: string | undefined;
}

export function rule(origin: Origin, ...body: readonly Expression[]): Rule {
  return Object.freeze({ kind: "rule", body: Object.freeze([...body]), origin, comment: undefined });
}
