import type { ResourceRef } from "@ocicat/kit";

/** error: something is not enforced as written. warning: it hardly does what was meant. hint: it is worth a look. */
export type LintSeverity = "error" | "warning" | "hint";

/** Something about policies that is not as whoever wrote them will think it is. */
export interface LintFinding {
  /** Stable, lower case with dashes. */
  readonly code: LintCode;
  readonly severity: LintSeverity;
  readonly resource: ResourceRef;
  /** `spec.ingress[2]`; `spec` for all of it. */
  readonly field: string;
  readonly what: string;
  /** What comes of it. */
  readonly why: string;
  readonly fix: string;
}

export type LintCode =
  | "unreadable"
  | "never-matches"
  | "shadowed"
  | "repeats"
  | "selects-nothing"
  | "no-such-port"
  | "no-such-service"
  | "wide-open"
  | "applies-to-nothing"
  | "log-only"
  | "tier-closes"
  | "order-tie"
  | "hosts-too"
  | "no-effect"
  | "no-dns";
