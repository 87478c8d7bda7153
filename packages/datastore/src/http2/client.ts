import type { Socket } from "node:net";
import { ErrorCode, protocolError } from "./errors.ts";
import { PREFACE, Setting } from "./frames/types.ts";
import { headersFrom } from "./headers.ts";
import type { TableEntry } from "./hpack/dynamic-table.ts";
import type { HeaderList } from "./hpack/encoder.ts";
import type { HeaderBlock } from "./session/header-block.ts";
import { Session, type SessionEvents, type Windows } from "./session/session.ts";
import { Http2Stream, type Stream, type StreamListener } from "./session/stream.ts";

/** Beyond it there are no more numbers for streams. */
const LAST_STREAM = 2 ** 31 - 1;

/** Of all requests of a session. */
export interface Origin {
  readonly scheme: "http" | "https";
  /** `host:port`. */
  readonly authority: string;
}

/** Whoever can make requests over HTTP/2. */
export interface Requester {
  readonly origin: Origin;
  /** Throws if the connection takes no more. */
  request(headers: HeaderList, listener: StreamListener): Stream;
}

/** The side that asks. What the peer does not take at once waits for its turn. */
export class ClientSession extends Session implements Requester {
  readonly origin: Origin;
  readonly #pending: { readonly stream: Http2Stream; readonly headers: HeaderList }[] = [];
  #nextId = 1;

  /** `socket`: connected; over TLS with ALPN h2 agreed upon. */
  constructor(socket: Socket, origin: Origin, windows: Windows, events: SessionEvents = {}) {
    super(socket, windows, events);
    this.origin = origin;
    this.outbox.frames.raw(PREFACE);
    this.sendSettings([[Setting.ENABLE_PUSH, 0]]);
  }

  request(headers: HeaderList, listener: StreamListener): Stream {
    if (this.isClosed || this.#nextId > LAST_STREAM) throw new Error("the connection takes no more requests");
    const stream = new Http2Stream(this, this.initialWindow);
    stream.listener = listener;
    if (this.#hasRoom) this.#open(stream, headers);
    else this.#pending.push({ stream, headers });
    return stream;
  }

  protected takeBlock(block: HeaderBlock, entries: readonly TableEntry[], isTooLarge: boolean): void {
    const { streamId, endStream } = block;
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (!this.wasOpened(streamId)) throw protocolError(`HEADERS of stream ${streamId}, which was never opened`);
      this.budgets.idleFrames.spend();
    } else if (stream.gotHeaders) {
      this.trailers(stream, block, entries, isTooLarge);
    } else {
      const headers = headersFrom(entries, "response");
      if (headers === undefined || isTooLarge) this.malformed(streamId, isTooLarge);
      // 1xx: an announcement, after which the response comes.
      else if (headers[":status"]?.startsWith("1") !== true || endStream) stream.takeHeaders(headers, endStream);
    }
  }

  /** Servers open none. */
  protected lastPeerStream(): number {
    return 0;
  }

  protected wasOpened(streamId: number): boolean {
    return streamId % 2 === 1 && streamId < this.#nextId;
  }

  protected goneAway(lastStreamId: number): void {
    const why = "the server is going away";
    for (const stream of this.streams.values()) {
      if (stream.id > lastStreamId) {
        stream.close({ code: ErrorCode.REFUSED_STREAM, by: "peer", unprocessed: true, why });
      }
    }
    this.madeRoom();
  }

  /** A server may refuse what it likes. */
  protected streamReset(): void {}

  protected madeRoom(): void {
    if (this.isDraining) {
      const why = "the connection takes no more requests";
      for (const { stream } of this.#pending.splice(0)) {
        stream.close({ code: ErrorCode.REFUSED_STREAM, by: "connection", unprocessed: true, why });
      }
    }
    while (this.#pending.length > 0 && this.#hasRoom) {
      const next = this.#pending.shift();
      if (next !== undefined && !next.stream.isClosed) this.#open(next.stream, next.headers);
    }
  }

  get #hasRoom(): boolean {
    return this.streams.size < this.maxConcurrent;
  }

  #open(stream: Http2Stream, headers: HeaderList): void {
    stream.id = this.#nextId;
    stream.sendWindow = this.initialWindow;
    this.#nextId += 2;
    this.streams.set(stream.id, stream);
    this.sendHeaders(stream, headers, false);
    this.pump(stream);
  }
}
