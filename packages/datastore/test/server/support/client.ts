import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectSocket } from "node:net";
import {
  create,
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { Endpoint } from "@ocicat/datastore/server";
import { callStream, callUnary, type GrpcError } from "../../../src/grpc/index.ts";

const OPTIONS = { maxMessageBytes: 64 * 1024 * 1024 };

/** A client without manners: it sends what it is told, so that a test can send what a good client would not. */
export class TestClient {
  readonly session: ClientHttp2Session;

  constructor(endpoint: Endpoint) {
    const socket = "path" in endpoint ? connectSocket(endpoint.path) : connectSocket(endpoint.port, endpoint.host);
    this.session = connect("http://localhost", { createConnection: () => socket });
    // What goes wrong is told to each call.
    this.session.on("error", () => {});
  }

  /** Rejects with GrpcError. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    return this.callWith({}, method, request);
  }

  /** With headers, as a token. */
  callWith<I extends DescMessage, O extends DescMessage>(
    metadata: Readonly<Record<string, string>>,
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    return new Promise((resolve, reject) => {
      callUnary(this.session, method, create(method.input, request), { ...OPTIONS, metadata }, (error, answer) => {
        if (answer === undefined) reject(error ?? new Error("neither an error nor an answer"));
        else resolve(answer);
      });
    });
  }

  stream<I extends DescMessage, O extends DescMessage>(method: DescMethodStreaming<I, O>): TestStream<I, O> {
    return new TestStream(this.session, method);
  }

  close(): void {
    this.session.destroy();
  }
}

/** Messages wait here until asked for. */
export class TestStream<I extends DescMessage, O extends DescMessage> {
  readonly #method: DescMethodStreaming<I, O>;
  readonly #call: ReturnType<typeof callStream<I, O>>;
  readonly #arrived: MessageShape<O>[] = [];
  #waiting: ((message: MessageShape<O> | undefined) => void)[] = [];
  readonly closed: Promise<GrpcError | undefined>;

  constructor(session: ClientHttp2Session, method: DescMethodStreaming<I, O>) {
    const { promise, resolve } = Promise.withResolvers<GrpcError | undefined>();
    this.closed = promise;
    this.#method = method;
    this.#call = callStream(session, method, OPTIONS, {
      message: (message) => {
        const waiter = this.#waiting.shift();
        if (waiter === undefined) this.#arrived.push(message);
        else waiter(message);
      },
      closed: (error) => {
        resolve(error);
        for (const waiter of this.#waiting) waiter(undefined);
      },
    });
  }

  send(request: MessageInitShape<I>): void {
    this.#call.send(create(this.#method.input, request));
  }

  end(): void {
    this.#call.halfClose();
  }

  /** The next message; throws if the stream is over first. */
  async next(): Promise<MessageShape<O>> {
    const message = this.#arrived.shift() ?? (await this.#wait());
    if (message === undefined) throw new Error("the stream is over", { cause: await this.closed });
    return message;
  }

  #wait(): Promise<MessageShape<O> | undefined> {
    const { promise, resolve } = Promise.withResolvers<MessageShape<O> | undefined>();
    this.#waiting.push(resolve);
    return promise;
  }
}
