import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type Http2Stream as NodeStream,
  type ServerHttp2Stream,
} from "node:http2";
import type { GrpcRouter } from "../../src/grpc/index.ts";
import {
  ErrorCode,
  type HeaderList,
  type Headers,
  type Requester,
  type Stream,
  type StreamListener,
} from "../../src/http2/index.ts";

/** Node's own HTTP/2 (nghttp2) on either side: an independent witness, and a peer that can be told to misbehave. */

/** Our gRPC client over a session of Node's. */
export class NodeRequester implements Requester {
  readonly origin: Requester["origin"];
  readonly session: ClientHttp2Session;

  constructor(url: string) {
    this.session = connect(url);
    this.session.on("error", () => {});
    this.origin = { scheme: "http", authority: new URL(url).host };
  }

  request(headers: HeaderList, listener: StreamListener): Stream {
    const stream = this.session.request(Object.fromEntries(headers));
    stream.on("response", (response) => listener.headers(ourHeaders(response)));
    listen(stream, listener);
    return new ClientSide(stream);
  }
}

/** Our gRPC server over a server of Node's. */
export function nodeServer(router: GrpcRouter): Http2Server {
  const server = createServer();
  server.on("stream", (stream, headers) => listen(stream, router.handle(new ServerSide(stream), ourHeaders(headers))));
  return server;
}

function listen(stream: NodeStream, listener: StreamListener): void {
  let failure: Error | undefined;
  stream.on("error", (error: Error) => {
    failure = error;
  });
  stream.on("trailers", (trailers: IncomingHttpHeaders) => listener.headers(ourHeaders(trailers)));
  stream.on("data", (chunk: Buffer) => listener.data(chunk));
  stream.on("end", () => listener.ended());
  stream.on("drain", () => listener.drained());
  stream.on("close", () => {
    const { rstCode } = stream;
    const unprocessed = rstCode === constants.NGHTTP2_REFUSED_STREAM || stream.id === undefined;
    const why = failure?.message ?? `reset code ${rstCode}`;
    const isWhole = rstCode === ErrorCode.NO_ERROR && failure === undefined;
    listener.closed(isWhole ? undefined : { code: rstCode ?? 0, by: "peer", unprocessed, why });
  });
}

abstract class Side<S extends NodeStream> implements Stream {
  protected readonly stream: S;

  constructor(stream: S) {
    this.stream = stream;
  }

  get isClosed(): boolean {
    return this.stream.destroyed;
  }

  get isEnded(): boolean {
    return this.stream.destroyed || this.stream.writableEnded;
  }

  abstract respond(headers: HeaderList): void;
  abstract end(bytes?: Uint8Array, trailers?: HeaderList): void;

  write(bytes: Uint8Array): boolean {
    return this.stream.write(bytes);
  }

  finish(trailers: HeaderList): void {
    this.end(undefined, trailers);
    this.stream.removeAllListeners("data");
    this.stream.resume();
  }

  reset(code: number): void {
    this.stream.close(code);
  }

  hold(): void {}
}

class ClientSide extends Side<NodeStream> {
  respond(): void {}

  end(bytes?: Uint8Array): void {
    if (bytes === undefined) this.stream.end();
    else this.stream.end(bytes);
  }
}

class ServerSide extends Side<ServerHttp2Stream> {
  respond(headers: HeaderList): void {
    if (!this.isEnded) this.stream.respond(nodeHeaders(headers), { waitForTrailers: true });
  }

  end(bytes?: Uint8Array, trailers: HeaderList = []): void {
    if (this.isEnded) return;
    if (!this.stream.headersSent) {
      this.stream.respond(nodeHeaders(trailers), { endStream: true });
      return;
    }
    this.stream.on("wantTrailers", () => this.stream.sendTrailers(Object.fromEntries(trailers)));
    if (bytes === undefined) this.stream.end();
    else this.stream.end(bytes);
  }
}

function nodeHeaders(headers: HeaderList): Record<string, string | number> {
  return Object.fromEntries(headers.map(([name, value]) => [name, name === ":status" ? Number(value) : value]));
}

function ourHeaders(headers: IncomingHttpHeaders): Headers {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
