import type { Socket } from "node:net";
import { ErrorCode, protocolError } from "./errors.ts";
import { PREFACE, Setting } from "./frames/types.ts";
import { type Headers, headersFrom } from "./headers.ts";
import type { TableEntry } from "./hpack/dynamic-table.ts";
import { MAX_HEADER_BYTES, MAX_HELD_BYTES } from "./limits.ts";
import type { HeaderBlock } from "./session/header-block.ts";
import { Session, type SessionEvents, type Windows } from "./session/session.ts";
import { Http2Stream, type Stream, type StreamListener } from "./session/stream.ts";

/** Called for each request; must not throw. What it returns hears the rest. */
export type OnRequest = (stream: Stream, headers: Headers) => StreamListener;

export interface ServerSessionOptions {
  readonly windows: Windows;
  /** Streams a client may have open at once. */
  readonly maxStreams: number;
  readonly onRequest: OnRequest;
}

/** The side that answers. */
export class ServerSession extends Session {
  readonly #options: ServerSessionOptions;
  /** Of the preface, what has not come yet. */
  #preface = PREFACE;
  #lastId = 0;

  constructor(socket: Socket, options: ServerSessionOptions, events: SessionEvents = {}) {
    super(socket, options.windows, events);
    this.#options = options;
    this.sendSettings([
      [Setting.MAX_CONCURRENT_STREAMS, options.maxStreams],
      [Setting.MAX_HEADER_LIST_SIZE, MAX_HEADER_BYTES],
    ]);
  }

  protected override receive(chunk: Buffer): void {
    if (this.#preface.length === 0) {
      super.receive(chunk);
      return;
    }
    const common = Math.min(this.#preface.length, chunk.length);
    if (chunk.compare(this.#preface, 0, common, 0, common) !== 0) throw protocolError("this is not HTTP/2");
    this.#preface = this.#preface.subarray(common);
    if (chunk.length > common) super.receive(chunk.subarray(common));
  }

  protected takeBlock(block: HeaderBlock, entries: readonly TableEntry[], isTooLarge: boolean): void {
    const { streamId, endStream } = block;
    const known = this.streams.get(streamId);
    if (known !== undefined) {
      this.trailers(known, block, entries, isTooLarge);
      return;
    }
    if (streamId % 2 === 0) throw protocolError("a client's stream of an even number");
    if (streamId <= this.#lastId) {
      this.budgets.idleFrames.spend();
      return;
    }
    this.#lastId = streamId;
    const headers = headersFrom(entries, "request");
    if (headers === undefined || isTooLarge) this.malformed(streamId, isTooLarge);
    else if (this.isDraining || this.streams.size >= this.#options.maxStreams || this.held > MAX_HELD_BYTES) {
      this.streamReset();
      this.outbox.frames.reset(streamId, ErrorCode.REFUSED_STREAM);
      this.wrote();
    } else this.#accept(streamId, headers, endStream);
  }

  #accept(streamId: number, headers: Headers, endStream: boolean): void {
    const stream = new Http2Stream(this, this.initialWindow);
    stream.id = streamId;
    this.streams.set(streamId, stream);
    stream.listener = this.#options.onRequest(stream, headers);
    if (!stream.isClosed) stream.begin(endStream);
  }

  protected lastPeerStream(): number {
    return this.#lastId;
  }

  protected wasOpened(streamId: number): boolean {
    return streamId % 2 === 1 && streamId <= this.#lastId;
  }

  /** A client has no streams of ours to go away from. */
  protected goneAway(): void {}

  protected streamReset(): void {
    this.budgets.resets.spend();
  }

  protected madeRoom(): void {}
}
