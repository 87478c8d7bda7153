/** gRPC's status codes (grpc.github.io/grpc/core/md_doc_statuscodes.html). */
export const GrpcCode = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;
export type GrpcCode = (typeof GrpcCode)[keyof typeof GrpcCode];

/** Where a failure was noticed, and so what it says about the call. */
export type GrpcErrorOrigin =
  /** The peer answered with this status. */
  | "peer"
  /** The call never reached a handler: not connected, refused, or beyond the last stream of a GOAWAY. */
  | "unsent"
  /** The connection or stream broke before the status came: the peer may have done it or not. */
  | "lost"
  /** Given up on this side (deadline, close): the peer may have done it or not. */
  | "local";

export class GrpcError extends Error {
  readonly code: GrpcCode;
  readonly origin: GrpcErrorOrigin;

  constructor(code: GrpcCode, message: string, origin: GrpcErrorOrigin = "peer", cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "GrpcError";
    this.code = code;
    this.origin = origin;
  }
}

const CODES: ReadonlySet<number> = new Set(Object.values(GrpcCode));

function isGrpcCode(value: number): value is GrpcCode {
  return CODES.has(value);
}

/** The `grpc-status` header's value; UNKNOWN if it is not one of gRPC's. */
export function parseGrpcStatus(text: string): GrpcCode {
  const code = /^\d{1,2}$/.test(text) ? Number(text) : -1;
  return isGrpcCode(code) ? code : GrpcCode.UNKNOWN;
}

/** What an HTTP status means where no grpc-status came (a proxy answered, or not a gRPC server). */
const FROM_HTTP: Readonly<Record<number, GrpcCode>> = {
  400: GrpcCode.INTERNAL,
  401: GrpcCode.UNAUTHENTICATED,
  403: GrpcCode.PERMISSION_DENIED,
  404: GrpcCode.UNIMPLEMENTED,
  429: GrpcCode.UNAVAILABLE,
  502: GrpcCode.UNAVAILABLE,
  503: GrpcCode.UNAVAILABLE,
  504: GrpcCode.UNAVAILABLE,
};

export function grpcCodeFromHttp(status: number): GrpcCode {
  return FROM_HTTP[status] ?? GrpcCode.UNKNOWN;
}

/**
 * `grpc-message` is percent-encoded UTF-8: bytes outside 0x20–0x7E and the percent sign itself become %XX
 * (gRPC over HTTP/2, "Responses").
 */
export function encodeGrpcMessage(message: string): string {
  let text = "";
  for (const byte of Buffer.from(message, "utf8")) {
    text +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}

/** Reads what encodeGrpcMessage writes; a malformed escape is kept as it is, as gRPC asks. */
export function decodeGrpcMessage(text: string): string {
  if (!text.includes("%")) return text;
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const hex = text[at] === "%" ? text.slice(at + 1, at + 3) : "";
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      at += 2;
    } else {
      bytes.push(text.charCodeAt(at) & 0xff);
    }
  }
  return Buffer.from(bytes).toString("utf8");
}
