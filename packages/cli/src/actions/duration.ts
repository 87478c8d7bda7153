import { parseDuration } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";

const NANOSECONDS_A_MILLISECOND = 1_000_000n;

/** A duration that a person typed, in milliseconds. Throws OcicatError CLI_ARGUMENTS. */
export function milliseconds(flag: string, text: string): number {
  const duration = parseDuration(text);
  if (duration !== undefined && duration >= 0n) return Number(duration / NANOSECONDS_A_MILLISECOND);
  const fix = "give a duration such as 90s, 15m or 1h";
  throw new OcicatError({ code: "CLI_ARGUMENTS", where: flag, what: `"${text}" is not possible`, fix });
}
