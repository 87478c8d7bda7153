import { OcicatError } from "@ocicat/kit";

/** Whether what was asked for has happened: a write whose answer was lost may have. */
export type Outcome = "refused" | "unknown";

/** The API server said no, or said nothing. */
export class ApiError extends OcicatError {
  /** HTTP's status; 0: there was no answer. */
  readonly status: number;
  /** Kubernetes' own word for it: `NotFound`, `Conflict`, `Expired`, `ResourceVersionTooLarge`, …; "" where it has none. */
  readonly reason: string;
  readonly outcome: Outcome;
  /** The server's message alone. */
  readonly told: string;

  constructor(details: {
    readonly status: number;
    readonly reason: string;
    readonly outcome: Outcome;
    /** The request, as `get pods/web-1`. */
    readonly where: string;
    readonly told: string;
    readonly fix?: string | undefined;
    readonly cause?: unknown;
  }) {
    const { status, reason, outcome, where, told, fix, cause } = details;
    const code = status === 0 ? "KUBERNETES_SILENT" : `KUBERNETES_${status}`;
    super({ code, where, what: told, fix, cause, retryable: RETRYABLE.has(status) });
    this.status = status;
    this.reason = reason;
    this.outcome = outcome;
    this.told = told;
  }
}

/** No answer, too many requests, and what a server says that is starting, stopping, or cut off from its store. */
const RETRYABLE: ReadonlySet<number> = new Set([0, 429, 500, 502, 503, 504]);

/** What of a Status object (`kind: Status`) matters here. */
export interface StatusText {
  readonly reason: string;
  readonly message: string;
  readonly code: number;
  readonly retryAfterSeconds: number | undefined;
}

/** Reads a Status; what is none is told as it is. */
export function readStatus(value: unknown, httpStatus: number): StatusText {
  const fields = isFields(value) ? value : {};
  const details = isFields(fields["details"]) ? fields["details"] : {};
  const causes = Array.isArray(details["causes"]) ? details["causes"] : [];
  const tooLarge = causes.some((each) => isFields(each) && each["reason"] === TOO_LARGE_VERSION);
  const { reason, message, code } = fields;
  const seconds = details["retryAfterSeconds"];
  return {
    reason: tooLarge ? TOO_LARGE_VERSION : typeof reason === "string" ? reason : "",
    message: typeof message === "string" && message !== "" ? message : `HTTP status ${httpStatus}`,
    code: typeof code === "number" ? code : httpStatus,
    retryAfterSeconds: typeof seconds === "number" ? seconds : undefined,
  };
}

/** The reason of a refusal to read at a version that has not happened yet. */
export const TOO_LARGE_VERSION = "ResourceVersionTooLarge";

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
