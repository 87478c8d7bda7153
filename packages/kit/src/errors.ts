/** What an operator needs to act on a failure. Every field is a sentence fragment without a final full stop. */
export interface ErrorDetails {
  /** Stable, upper snake case; documented, never reused for something else. */
  readonly code: string;
  /** What went wrong, with the offending value in it. */
  readonly what: string;
  /** The resource, file, line, key or interface it concerns. */
  readonly where?: string | undefined;
  /** The reason, where `what` does not already say it. */
  readonly why?: string | undefined;
  /** What the reader can do about it. */
  readonly fix?: string | undefined;
  /** True if the same call may succeed later without anyone changing anything. Policy for retrying lives with the caller. */
  readonly retryable?: boolean | undefined;
  readonly cause?: unknown;
}

/** The base of every error this project throws on purpose. The message joins where, what, why and fix in one line. */
export class OcicatError extends Error {
  readonly code: string;
  readonly where: string | undefined;
  readonly fix: string | undefined;
  readonly retryable: boolean;

  constructor(details: ErrorDetails) {
    super(render(details), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code;
    this.where = details.where;
    this.fix = details.fix;
    this.retryable = details.retryable ?? false;
  }
}

/** A brand by shape, so that the check holds across duplicate copies of this module. */
export function isOcicatError(value: unknown): value is OcicatError {
  return value instanceof Error && "code" in value && typeof value.code === "string" && "retryable" in value;
}

/** JavaScript can throw anything; the rest of the code wants an Error. */
export function toError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}

function render(details: ErrorDetails): string {
  const head = details.where === undefined ? details.what : `${details.where}: ${details.what}`;
  const why = details.why === undefined ? "" : ` (${details.why})`;
  const fix = details.fix === undefined ? "" : `; ${details.fix}`;
  return `${head}${why}${fix}`;
}
