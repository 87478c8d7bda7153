import { type ClientHttp2Session, type ClientHttp2Stream, constants, type OutgoingHttpHeaders } from "node:http2";
import {
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
} from "@bufbuild/protobuf";
import { encodeFrame, FrameDecoder } from "./framing.ts";
import { CONTENT_TYPE, encodeTimeout, headersProblem, methodPath, statusFrom } from "./headers.ts";
import { GrpcCode, GrpcError } from "./status.ts";

export interface CallOptions {
  /** Sent as headers; names in lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Told to the server (`grpc-timeout`). Cancelling in time on this side is the caller's business. */
  readonly timeoutMs?: number;
  readonly maxMessageBytes: number;
}

/** A call under way. */
export interface Call {
  /** Gives up: the call ends with `error` at once, and the server is told. */
  cancel(error: GrpcError): void;
}

export interface ClientCall<I extends DescMessage> extends Call {
  /** False: the server reads more slowly than this writes. */
  send(message: MessageShape<I>): boolean;
  /** No more messages from this side. */
  halfClose(): void;
}

export interface ClientReceiver<O extends DescMessage> {
  message(message: MessageShape<O>): void;
  /** The call is over; without an error its status was OK. Called exactly once, and nothing after it. */
  closed(error: GrpcError | undefined): void;
}

/**
 * One request, one answer; a streaming method is asked once and hung up on. `settle` is called exactly once, never
 * before this returns.
 */
export function callUnary<I extends DescMessage, O extends DescMessage>(
  session: ClientHttp2Session,
  method: DescMethodUnary<I, O> | DescMethodStreaming<I, O>,
  request: MessageShape<I>,
  options: CallOptions,
  settle: (error: GrpcError | undefined, answer: MessageShape<O> | undefined) => void,
): Call {
  let answer: MessageShape<O> | undefined;
  const call = callStream(session, method, options, {
    message(message) {
      answer = message;
    },
    closed(error) {
      if (error !== undefined) settle(error, undefined);
      else if (answer === undefined)
        settle(new GrpcError(GrpcCode.INTERNAL, "OK without an answer", "lost"), undefined);
      else settle(undefined, answer);
    },
  });
  call.sendLast(request);
  return call;
}

/** Messages both ways until either side ends it. */
export function callStream<I extends DescMessage, O extends DescMessage>(
  session: ClientHttp2Session,
  method: DescMethodUnary<I, O> | DescMethodStreaming<I, O>,
  options: CallOptions,
  receiver: ClientReceiver<O>,
): ClientCall<I> & { sendLast(message: MessageShape<I>): void } {
  const decoder = new FrameDecoder(options.maxMessageBytes);
  let over = false;
  let status: { readonly error: GrpcError | undefined } | undefined;
  const finish = (error: GrpcError | undefined) => {
    if (over) return;
    over = true;
    receiver.closed(error);
  };

  let stream: ClientHttp2Stream;
  try {
    stream = session.request(requestHeaders(methodPath(method), options));
  } catch (error) {
    // The session is closing or gone, or its stream ids are used up.
    const failure = new GrpcError(GrpcCode.UNAVAILABLE, "the connection takes no more calls", "unsent", error);
    queueMicrotask(() => finish(failure));
    return { cancel: finish, send: () => true, sendLast: () => {}, halfClose: () => {} };
  }
  const cancel = (error: GrpcError) => {
    finish(error);
    stream.close(constants.NGHTTP2_CANCEL);
  };

  stream.on("response", (headers) => {
    if (headers["grpc-status"] !== undefined) status = { error: statusFrom(headers) };
    else {
      const problem = headersProblem(headers);
      if (problem !== undefined) cancel(problem);
    }
  });
  stream.on("trailers", (headers) => {
    status = { error: statusFrom(headers) };
  });
  stream.on("data", (chunk: Buffer) => {
    if (over) return;
    try {
      decoder.push(chunk, (bytes) => {
        if (!over) receiver.message(fromBinary(method.output, bytes));
      });
    } catch (error) {
      cancel(
        error instanceof GrpcError ? error : new GrpcError(GrpcCode.INTERNAL, "undecodable answer", "lost", error),
      );
    }
  });
  // The server is done; what this side might still say is not wanted.
  stream.on("end", () => {
    if (status === undefined) return;
    finish(status.error);
    if (!stream.writableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  });
  let failure: Error | undefined;
  stream.on("error", (error: Error) => {
    failure = error;
  });
  stream.on("close", () => finish(status === undefined ? streamLost(stream, failure) : status.error));

  return {
    cancel,
    send: (message) => stream.writable && stream.write(encodeFrame(method.input, message)),
    sendLast: (message) => void stream.end(encodeFrame(method.input, message)),
    halfClose: () => void stream.end(),
  };
}

function requestHeaders(path: string, options: CallOptions): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {
    ":method": "POST",
    ":path": path,
    te: "trailers",
    "content-type": CONTENT_TYPE,
    ...options.metadata,
  };
  if (options.timeoutMs !== undefined) headers["grpc-timeout"] = encodeTimeout(options.timeoutMs);
  return headers;
}

/** A stream that ended without a status: what HTTP/2's reset code says (gRPC over HTTP/2, "Errors"). */
function streamLost(stream: ClientHttp2Stream, failure: Error | undefined): GrpcError {
  // RFC 9113 §8.7: REFUSED_STREAM means that no processing took place. A stream without an id never left.
  const unsent = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || stream.id === undefined;
  const why = failure?.message ?? `the stream ended without a status (reset code ${stream.rstCode})`;
  return new GrpcError(GrpcCode.UNAVAILABLE, why, unsent ? "unsent" : "lost", failure);
}
