import {
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
} from "@bufbuild/protobuf";
import {
  ErrorCode,
  type HeaderList,
  type Headers,
  type Requester,
  type Reset,
  type Stream,
  type StreamListener,
} from "../http2/index.ts";
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
  session: Requester,
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
  session: Requester,
  method: DescMethodUnary<I, O> | DescMethodStreaming<I, O>,
  options: CallOptions,
  receiver: ClientReceiver<O>,
): ClientCall<I> & { sendLast(message: MessageShape<I>): void } {
  const call = new StreamCall(method, options.maxMessageBytes, receiver);
  try {
    call.stream = session.request(requestHeaders(session, methodPath(method), options), call);
  } catch (error) {
    // The session is closing or gone, or its stream ids are used up.
    const failure = new GrpcError(GrpcCode.UNAVAILABLE, "the connection takes no more calls", "unsent", error);
    queueMicrotask(() => call.cancel(failure));
  }
  return call;
}

class StreamCall<I extends DescMessage, O extends DescMessage> implements ClientCall<I>, StreamListener {
  /** Undefined: the session took no more. */
  stream: Stream | undefined;
  readonly #method: DescMethodUnary<I, O> | DescMethodStreaming<I, O>;
  readonly #receiver: ClientReceiver<O>;
  readonly #decoder: FrameDecoder;
  #isOver = false;
  #status: { readonly error: GrpcError | undefined } | undefined;
  #gotHeaders = false;

  constructor(
    method: DescMethodUnary<I, O> | DescMethodStreaming<I, O>,
    maxMessageBytes: number,
    receiver: ClientReceiver<O>,
  ) {
    this.#method = method;
    this.#receiver = receiver;
    this.#decoder = new FrameDecoder(maxMessageBytes);
  }

  cancel(error: GrpcError): void {
    this.#finish(error);
    this.stream?.reset(ErrorCode.CANCEL, error.message);
  }

  send(message: MessageShape<I>): boolean {
    return this.stream?.write(encodeFrame(this.#method.input, message)) ?? true;
  }

  sendLast(message: MessageShape<I>): void {
    this.stream?.end(encodeFrame(this.#method.input, message));
  }

  halfClose(): void {
    this.stream?.end();
  }

  headers(headers: Headers): void {
    if (headers["grpc-status"] !== undefined || this.#gotHeaders) this.#status = { error: statusFrom(headers) };
    else {
      const problem = headersProblem(headers);
      if (problem !== undefined) this.cancel(problem);
    }
    this.#gotHeaders = true;
  }

  data(bytes: Buffer): void {
    if (this.#isOver) return;
    try {
      this.#decoder.push(bytes, (message) => {
        if (!this.#isOver) this.#receiver.message(fromBinary(this.#method.output, message));
      });
    } catch (error) {
      this.cancel(
        error instanceof GrpcError ? error : new GrpcError(GrpcCode.INTERNAL, "undecodable answer", "lost", error),
      );
    }
  }

  /** The server is done; what this side might still say is not wanted. */
  ended(): void {
    if (this.#status === undefined) return;
    this.#finish(this.#status.error);
    if (this.stream?.isEnded === false) this.stream.reset(ErrorCode.NO_ERROR, "the call is over");
  }

  drained(): void {}

  closed(reset: Reset | undefined): void {
    this.#finish(this.#status === undefined ? streamLost(reset) : this.#status.error);
  }

  #finish(error: GrpcError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#receiver.closed(error);
  }
}

function requestHeaders({ origin }: Requester, path: string, { metadata, timeoutMs }: CallOptions): HeaderList {
  const headers: [string, string][] = [
    [":method", "POST"],
    [":scheme", origin.scheme],
    [":path", path],
    [":authority", origin.authority],
    ["te", "trailers"],
    ["content-type", CONTENT_TYPE],
  ];
  if (timeoutMs !== undefined) headers.push(["grpc-timeout", encodeTimeout(timeoutMs)]);
  for (const name in metadata) headers.push([name, metadata[name] ?? ""]);
  return headers;
}

/** A stream that ended without a status: what HTTP/2's reset code says (gRPC over HTTP/2, "Errors"). */
function streamLost(reset: Reset | undefined): GrpcError {
  const why = reset?.why ?? "the stream ended without a status";
  return new GrpcError(GrpcCode.UNAVAILABLE, why, reset?.unprocessed === true ? "unsent" : "lost");
}
