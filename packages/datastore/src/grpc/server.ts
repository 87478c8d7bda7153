import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import {
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
} from "@bufbuild/protobuf";
import { encodeFrame, FrameDecoder } from "./framing.ts";
import { CONTENT_TYPE, methodPath } from "./headers.ts";
import { encodeGrpcMessage, GrpcCode, GrpcError } from "./status.ts";

/** What a handler may know about the call beside its message. */
export interface CallContext {
  readonly headers: IncomingHttpHeaders;
  /** True once the caller is gone: the answer would be thrown away. */
  cancelled(): boolean;
}

/** The server's hand on a call that streams. */
export interface ServerCall<O extends DescMessage> {
  readonly headers: IncomingHttpHeaders;
  /** False: the peer reads more slowly than this writes; stop until `drained` of the receiver is called. */
  send(message: MessageShape<O>): boolean;
  /** Ends the call: OK without an error. Nothing is sent or received after it; a second call does nothing. */
  end(error?: GrpcError): void;
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

type Handle = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

const RESPONSE_HEADERS = { ":status": 200, "content-type": CONTENT_TYPE } as const;

/**
 * Routes the streams of a node:http2 server to handlers by method:
 *
 *     const router = new GrpcRouter({ maxMessageBytes });
 *     router.unary(KV.method.put, (request) => …);
 *     server.on("stream", (stream, headers) => router.handle(stream, headers));
 */
export class GrpcRouter {
  readonly #routes = new Map<string, Handle>();
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
      const decoder = new FrameDecoder(this.#maxMessageBytes);
      let request: Buffer | undefined;
      const fail = (error: unknown) => respondError(stream, this.#toGrpcError(error));
      const run = async () => {
        if (request === undefined || !decoder.empty) {
          throw new GrpcError(GrpcCode.INTERNAL, `${methodPath(method)} takes exactly one whole message`);
        }
        const answer = await handler(parse(method.input, request), { headers, cancelled: () => stream.destroyed });
        respondUnary(stream, encodeFrame(method.output, answer));
      };
      stream.on("data", (chunk: Buffer) => {
        try {
          decoder.push(chunk, (message) => {
            if (request !== undefined)
              throw new GrpcError(GrpcCode.INTERNAL, `${methodPath(method)} takes one message`);
            request = message;
          });
        } catch (error) {
          fail(error);
        }
      });
      stream.on("end", () => {
        if (!stream.headersSent) run().catch(fail);
      });
    });
  }

  /** Server-streaming and bidirectional methods. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    handler: StreamHandler<I, O>,
  ): void {
    this.#add(method, (stream, headers) => {
      const decoder = new FrameDecoder(this.#maxMessageBytes);
      let ended = false;
      let result: GrpcError | undefined;
      const end = (error?: GrpcError) => {
        if (ended) return;
        ended = true;
        result = error;
        stream.end();
        dismiss(stream);
      };
      const guarded = (act: () => void) => {
        if (ended) return;
        try {
          act();
        } catch (error) {
          end(this.#toGrpcError(error));
        }
      };
      stream.respond(RESPONSE_HEADERS, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers(trailers(result)));

      const receiver = handler({
        headers,
        send: (message) => ended || stream.destroyed || stream.write(encodeFrame(method.output, message)),
        end,
      });
      const take = (bytes: Buffer) => guarded(() => receiver.message(parse(method.input, bytes)));
      stream.on("data", (chunk: Buffer) => guarded(() => decoder.push(chunk, take)));
      stream.on("end", () => guarded(() => receiver.halfClosed()));
      stream.on("drain", () => guarded(() => receiver.drained()));
      stream.on("close", () => {
        ended = true;
        receiver.closed();
      });
    });
  }

  /** For the server's "stream" event. */
  handle(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders & { ":path"?: string | undefined; ":method"?: string | undefined },
  ): void {
    // A reset by the peer comes as an error event; "close" follows and is where it is dealt with.
    stream.on("error", () => {});
    if (headers[":method"] !== "POST" || !headers["content-type"]?.startsWith(CONTENT_TYPE)) {
      // gRPC over HTTP/2: 415 for what is not gRPC.
      stream.respond({ ":status": 415 }, { endStream: true });
      return;
    }
    const route = this.#routes.get(headers[":path"] ?? "");
    if (route === undefined) {
      respondError(stream, new GrpcError(GrpcCode.UNIMPLEMENTED, `unknown method ${headers[":path"] ?? ""}`));
    } else {
      route(stream, headers);
    }
  }

  #add(method: DescMethod, handle: Handle): void {
    this.#routes.set(methodPath(method), handle);
  }
}

function parse<Desc extends DescMessage>(schema: Desc, bytes: Buffer): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw new GrpcError(GrpcCode.INTERNAL, `${schema.typeName} cannot be decoded`, "peer", error);
  }
}

function trailers(error: GrpcError | undefined): Record<string, string> {
  if (error === undefined) return { "grpc-status": "0" };
  return { "grpc-status": String(error.code), "grpc-message": encodeGrpcMessage(error.message) };
}

function respondUnary(stream: ServerHttp2Stream, frame: Buffer): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond(RESPONSE_HEADERS, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers(undefined)));
  stream.end(frame);
}

/** "Trailers-Only": status in the one and only header block. */
function respondError(stream: ServerHttp2Stream, error: GrpcError): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond({ ...RESPONSE_HEADERS, ...trailers(error) }, { endStream: true });
  dismiss(stream);
}

/**
 * After the status: what the caller still sends is read and dropped. A reset with NO_ERROR (RFC 9113 §8.1) would be
 * quicker, but nghttp2 then throws away trailers that are still queued.
 */
function dismiss(stream: ServerHttp2Stream): void {
  stream.removeAllListeners("data");
  stream.resume();
}
