import {
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
} from "@bufbuild/protobuf";
import { ErrorCode, type HeaderList, type Headers, type Stream, type StreamListener } from "../http2/index.ts";
import { encodeFrame, FrameDecoder } from "./framing.ts";
import { CONTENT_TYPE, methodPath } from "./headers.ts";
import { encodeGrpcMessage, GrpcCode, GrpcError } from "./status.ts";

/** What a handler may know about the call beside its message. */
export interface CallContext {
  readonly headers: Headers;
  /** True once the caller is gone: the answer would be thrown away. */
  cancelled(): boolean;
}

/** The server's hand on a call that streams. */
export interface ServerCall<O extends DescMessage> {
  readonly headers: Headers;
  /** False: the peer reads more slowly than this writes; stop until `drained` of the receiver is called. */
  send(message: MessageShape<O>): boolean;
  /** The same of a message that `encodeFrame` has made: what many callers get is encoded once. */
  sendFrame(frame: Buffer): boolean;
  /** Ends the call: OK without an error. Nothing is sent or received after it; a second call does nothing. */
  end(error?: GrpcError): void;
  /** Gives the call up at once, with what the caller has not read yet. */
  abort(why: string): void;
}

/** The handler's ears on a call that streams. */
export interface ServerReceiver<I extends DescMessage> {
  /** One message of the caller. A GrpcError thrown here ends the call with its status. */
  message(message: MessageShape<I>): void;
  /** The caller has sent its last message. */
  halfClosed(): void;
  drained(): void;
  /** The call is over, whoever ended it. Called exactly once, and nothing after it. */
  closed(): void;
}

export type UnaryHandler<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  context: CallContext,
) => MessageShape<O> | Promise<MessageShape<O>>;

/** Called once a call; must not throw. */
export type StreamHandler<I extends DescMessage, O extends DescMessage> = (call: ServerCall<O>) => ServerReceiver<I>;

const RESPONSE_HEADERS: HeaderList = [
  [":status", "200"],
  ["content-type", CONTENT_TYPE],
];
const OK_TRAILERS: HeaderList = [["grpc-status", "0"]];

type Accept = (stream: Stream, headers: Headers) => StreamListener;

/**
 * Routes the streams of HTTP/2 sessions to handlers by method:
 *
 *     const router = new GrpcRouter({ maxMessageBytes });
 *     router.unary(KV.method.put, (request) => …);
 *     new ServerSession(socket, { onRequest: (stream, headers) => router.handle(stream, headers), … });
 */
export class GrpcRouter {
  readonly #routes = new Map<string, Accept>();
  readonly #maxMessageBytes: number;
  readonly #toGrpcError: (error: unknown) => GrpcError;

  /** `toGrpcError` turns what a handler throws, other than GrpcError, into the status sent; INTERNAL unless told. */
  constructor(options: { readonly maxMessageBytes: number; readonly toGrpcError?: (error: unknown) => GrpcError }) {
    this.#maxMessageBytes = options.maxMessageBytes;
    const convert = options.toGrpcError ?? ((error) => new GrpcError(GrpcCode.INTERNAL, String(error)));
    this.#toGrpcError = (error) => (error instanceof GrpcError ? error : convert(error));
  }

  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    handler: UnaryHandler<I, O>,
  ): void {
    this.#add(method, (stream, headers) => {
      return new UnaryCall(stream, headers, method, handler, this.#maxMessageBytes, this.#toGrpcError);
    });
  }

  /** Server-streaming and bidirectional methods. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    handler: StreamHandler<I, O>,
  ): void {
    this.#add(method, (stream, headers) => {
      return new StreamingCall(stream, headers, method, handler, this.#maxMessageBytes, this.#toGrpcError);
    });
  }

  /** For a session's requests. */
  handle(stream: Stream, headers: Headers): StreamListener {
    if (headers[":method"] !== "POST" || headers["content-type"]?.startsWith(CONTENT_TYPE) !== true) {
      // gRPC over HTTP/2: 415 for what is not gRPC.
      stream.finish([[":status", "415"]]);
      return DEAF;
    }
    const accept = this.#routes.get(headers[":path"] ?? "");
    if (accept !== undefined) return accept(stream, headers);
    respondError(stream, new GrpcError(GrpcCode.UNIMPLEMENTED, `unknown method ${headers[":path"] ?? ""}`));
    return DEAF;
  }

  #add(method: DescMethod, accept: Accept): void {
    this.#routes.set(methodPath(method), accept);
  }
}

/** Hears the rest of what is not wanted. */
const DEAF: StreamListener = { headers() {}, data() {}, ended() {}, drained() {}, closed() {} };

class UnaryCall<I extends DescMessage, O extends DescMessage> implements StreamListener {
  readonly #stream: Stream;
  readonly #context: CallContext;
  readonly #method: DescMethodUnary<I, O>;
  readonly #handler: UnaryHandler<I, O>;
  readonly #decoder: FrameDecoder;
  readonly #toGrpcError: (error: unknown) => GrpcError;
  #request: Buffer | undefined;

  constructor(
    stream: Stream,
    headers: Headers,
    method: DescMethodUnary<I, O>,
    handler: UnaryHandler<I, O>,
    maxMessageBytes: number,
    toGrpcError: (error: unknown) => GrpcError,
  ) {
    this.#stream = stream;
    this.#context = { headers, cancelled: () => stream.isClosed };
    this.#method = method;
    this.#handler = handler;
    this.#decoder = new FrameDecoder(maxMessageBytes);
    this.#toGrpcError = toGrpcError;
  }

  headers(): void {}

  data(bytes: Buffer): void {
    if (this.#stream.isEnded) return;
    try {
      this.#decoder.push(bytes, (message) => this.#take(message));
      this.#stream.hold(this.#decoder.held);
    } catch (error) {
      this.#fail(error);
    }
  }

  ended(): void {
    if (!this.#stream.isEnded) this.#run().catch((error: unknown) => this.#fail(error));
  }

  drained(): void {}

  closed(): void {}

  #take(message: Buffer): void {
    if (this.#request !== undefined) {
      throw new GrpcError(GrpcCode.INTERNAL, `${methodPath(this.#method)} takes one message`);
    }
    this.#request = message;
  }

  async #run(): Promise<void> {
    if (this.#request === undefined || !this.#decoder.empty) {
      throw new GrpcError(GrpcCode.INTERNAL, `${methodPath(this.#method)} takes exactly one whole message`);
    }
    const answer = await this.#handler(parse(this.#method.input, this.#request), this.#context);
    this.#stream.respond(RESPONSE_HEADERS);
    this.#stream.end(encodeFrame(this.#method.output, answer), OK_TRAILERS);
  }

  #fail(error: unknown): void {
    respondError(this.#stream, this.#toGrpcError(error));
  }
}

class StreamingCall<I extends DescMessage, O extends DescMessage> implements StreamListener {
  readonly #stream: Stream;
  readonly #method: DescMethodStreaming<I, O>;
  readonly #decoder: FrameDecoder;
  readonly #toGrpcError: (error: unknown) => GrpcError;
  readonly #receiver: ServerReceiver<I>;

  constructor(
    stream: Stream,
    headers: Headers,
    method: DescMethodStreaming<I, O>,
    handler: StreamHandler<I, O>,
    maxMessageBytes: number,
    toGrpcError: (error: unknown) => GrpcError,
  ) {
    this.#stream = stream;
    this.#method = method;
    this.#decoder = new FrameDecoder(maxMessageBytes);
    this.#toGrpcError = toGrpcError;
    stream.respond(RESPONSE_HEADERS);
    this.#receiver = handler({
      headers,
      send: (message) => stream.isEnded || stream.write(encodeFrame(method.output, message)),
      sendFrame: (frame) => stream.isEnded || stream.write(frame),
      end: (error) => stream.finish(trailers(error)),
      abort: (why) => stream.reset(ErrorCode.ENHANCE_YOUR_CALM, why),
    });
  }

  /** A client has no trailers. */
  headers(): void {}

  data(bytes: Buffer): void {
    this.#guarded(() => {
      this.#decoder.push(bytes, (message) => {
        this.#guarded(() => this.#receiver.message(parse(this.#method.input, message)));
      });
      this.#stream.hold(this.#decoder.held);
    });
  }

  ended(): void {
    this.#guarded(() => this.#receiver.halfClosed());
  }

  drained(): void {
    this.#guarded(() => this.#receiver.drained());
  }

  closed(): void {
    this.#receiver.closed();
  }

  #guarded(act: () => void): void {
    if (this.#stream.isEnded) return;
    try {
      act();
    } catch (error) {
      this.#stream.finish(trailers(this.#toGrpcError(error)));
    }
  }
}

function parse<Desc extends DescMessage>(schema: Desc, bytes: Buffer): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw new GrpcError(GrpcCode.INTERNAL, `${schema.typeName} cannot be decoded`, "peer", error);
  }
}

function trailers(error: GrpcError | undefined): HeaderList {
  if (error === undefined) return OK_TRAILERS;
  return [
    ["grpc-status", String(error.code)],
    ["grpc-message", encodeGrpcMessage(error.message)],
  ];
}

/** "Trailers-Only": status in the one and only header block. */
function respondError(stream: Stream, error: GrpcError): void {
  if (!stream.isEnded) stream.finish([...RESPONSE_HEADERS, ...trailers(error)]);
}
