import type { FindingCode } from "./catalogue.ts";
import type { Mend } from "./mends/mend.ts";

/** One contradiction, and what to do about it. */
export interface IpamFinding {
  readonly code: FindingCode;
  /** The row it is about. */
  readonly where: string;
  readonly what: string;
  /** How it may have come about. */
  readonly cause: string;
  /** What mends it without a judgement; undefined: somebody has to decide, as `advice` says. */
  readonly mend: Mend | undefined;
  /** What is to be done, in words. */
  readonly advice: string;
  /** Equal in two looks if it is the same contradiction, and not one more of its kind that is only under way. */
  readonly identity: string;
}
