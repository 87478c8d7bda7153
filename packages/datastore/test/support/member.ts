import { once } from "node:events";
import type { Http2Server, ServerHttp2Session } from "node:http2";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { GrpcRouter, type ServerCall } from "../../src/grpc/index.ts";
import {
  Watch,
  type WatchRequest,
  type WatchResponseSchema as WatchResponse,
  WatchResponseSchema,
} from "../../src/proto/rpc_pb.ts";
import { nodeServer } from "./node-http2.ts";

/** A watch stream as the member sees it. */
export interface WatchStream {
  readonly requests: WatchRequest[];
  send(response: MessageInitShape<typeof WatchResponse>): void;
  readonly call: ServerCall<typeof WatchResponseSchema>;
}

/** A member of a cluster that does what a test tells it to: what a real one does too seldom to wait for. */
export class Member {
  readonly router = new GrpcRouter({ maxMessageBytes: 2 ** 20 });
  readonly sessions: ServerHttp2Session[] = [];
  readonly watchStreams: WatchStream[] = [];
  readonly #server: Http2Server = nodeServer(this.router);
  #listeners: (() => void)[] = [];
  #port = 0;

  /** With what each watch request is answered, if at all. */
  onWatchRequest: (request: WatchRequest, stream: WatchStream) => void = () => {};

  static async start(): Promise<Member> {
    const member = new Member();
    await member.#listen();
    return member;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Resolves when `fact` holds; it is looked at after each watch request and connection. */
  async until(fact: () => boolean): Promise<void> {
    while (!fact()) await new Promise<void>((resolve) => this.#listeners.push(resolve));
  }

  async stop(): Promise<void> {
    for (const session of this.sessions) session.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #listen(): Promise<void> {
    this.router.stream(Watch.method.watch, (call) => {
      const requests: WatchRequest[] = [];
      const send = (response: MessageInitShape<typeof WatchResponse>) =>
        void call.send(create(WatchResponseSchema, response));
      const stream: WatchStream = { requests, send, call };
      this.watchStreams.push(stream);
      return {
        message: (request) => {
          requests.push(request);
          this.onWatchRequest(request, stream);
          this.#notify();
        },
        halfClosed: () => {},
        drained: () => {},
        closed: () => {},
      };
    });
    this.#server.on("session", (session) => {
      this.sessions.push(session);
      session.on("error", () => {});
      this.#notify();
    });
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no TCP address");
    this.#port = address.port;
  }

  #notify(): void {
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }
}
