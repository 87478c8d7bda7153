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
import { ClientSession, type Stream, type StreamListener } from "../../../src/http2/index.ts";

const OPTIONS = { maxMessageBytes: 64 * 1024 * 1024 };

/** A client without manners: it sends what it is told, so that a test can send what a good client would not. */
export class TestClient {
  readonly session: ClientSession;

  constructor(endpoint: Endpoint) {
    const socket = "path" in endpoint ? connectSocket(endpoint.path) : connectSocket(endpoint.port, endpoint.host);
    const windows = { stream: 2 ** 22, session: 2 ** 24 };
    this.session = new ClientSession(socket, { scheme: "http", authority: "localhost" }, windows);
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

  /** Says and hears bytes. */
  raw(path: string, listener: Partial<StreamListener>): Stream {
    const headers = [
      [":method", "POST"],
      [":scheme", "http"],
      [":path", path],
      [":authority", "localhost"],
      ["content-type", "application/grpc"],
      ["te", "trailers"],
    ] as const;
    const nothing = () => {};
    const deaf = { headers: nothing, data: nothing, ended: nothing, drained: nothing, closed: nothing };
    return this.session.request(headers, { ...deaf, ...listener });
  }

  /** Reads nothing more from the socket, until told to. */
  pause(): void {
    this.session.socket.pause();
  }

  resume(): void {
    this.session.socket.resume();
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

  constructor(session: ClientSession, method: DescMethodStreaming<I, O>) {
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
