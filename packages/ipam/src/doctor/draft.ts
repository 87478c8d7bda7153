import type { FindingCode } from "./catalogue.ts";
import { describeMend, type Mend } from "./mends/mend.ts";

/** A finding but for what its code says of it. */
export interface Draft {
  readonly code: FindingCode;
  readonly where: string;
  readonly what: string;
  readonly mend: Mend | undefined;
  readonly advice: string;
}

export function mendable(code: FindingCode, where: string, what: string, mend: Mend): Draft {
  return { code, where, what, mend, advice: describeMend(mend) };
}

/** What somebody has to decide. */
export function judged(code: FindingCode, where: string, what: string, advice: string): Draft {
  return { code, where, what, mend: undefined, advice };
}
