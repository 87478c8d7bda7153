import type { DescMethod } from "@bufbuild/protobuf";
import type { Headers } from "../http2/index.ts";
import { decodeGrpcMessage, GrpcCode, GrpcError, grpcCodeFromHttp, parseGrpcStatus } from "./status.ts";

export const CONTENT_TYPE = "application/grpc";

/** The `:path` of a method, as `/etcdserverpb.KV/Put`. */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** `grpc-timeout` has at most 8 digits and a unit; milliseconds do for a day. */
export function encodeTimeout(ms: number): string {
  return `${Math.min(99_999_999, Math.max(1, Math.ceil(ms)))}m`;
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout` header; undefined if there is none, or it is not one. */
export function decodeTimeout(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const match = /^(\d{1,8})([HMSmun])$/.exec(header);
  const unit = UNIT_MS[match?.[2] ?? ""];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/**
 * The status in response headers (a "Trailers-Only" answer) or trailers: undefined for OK, an error otherwise, and an
 * error if there is none where one must be.
 */
export function statusFrom(headers: Headers): GrpcError | undefined {
  const status = headers["grpc-status"];
  if (typeof status !== "string") return new GrpcError(GrpcCode.INTERNAL, "the answer carries no grpc-status", "lost");
  const code = parseGrpcStatus(status);
  if (code === GrpcCode.OK) return undefined;
  const message = headers["grpc-message"];
  return new GrpcError(code, typeof message === "string" ? decodeGrpcMessage(message) : `gRPC status ${code}`);
}

/** What is wrong with response headers that do not begin a gRPC answer; undefined if they do. */
export function headersProblem(headers: Headers): GrpcError | undefined {
  const status = headers[":status"];
  if (status !== "200") {
    return new GrpcError(grpcCodeFromHttp(Number(status)), `HTTP status ${status} instead of a gRPC answer`);
  }
  const type = headers["content-type"];
  if (type?.startsWith(CONTENT_TYPE)) return undefined;
  return new GrpcError(GrpcCode.UNKNOWN, `content-type "${type ?? ""}" instead of ${CONTENT_TYPE}`);
}
