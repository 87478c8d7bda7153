import type { Socket } from "node:net";
import { ConnectionFault, ErrorCode, protocolError } from "../errors.ts";
import { FrameReader } from "../frames/reader.ts";
import { DEFAULT_MAX_FRAME, DEFAULT_WINDOW, Flag, FrameType, MAX_WINDOW, Setting } from "../frames/types.ts";
import { type Headers, headersFrom } from "../headers.ts";
import { HpackDecoder } from "../hpack/decoder.ts";
import type { TableEntry } from "../hpack/dynamic-table.ts";
import { type HeaderList, HpackEncoder } from "../hpack/encoder.ts";
import { MAX_HEADER_BYTES, PeerBudgets } from "../limits.ts";
import { type HeaderBlock, HeaderBlocks, unpad } from "./header-block.ts";
import { Outbox } from "./outbox.ts";
import type { Http2Stream, Reset, StreamHost } from "./stream.ts";

/** Bytes a peer may send before it is told that they were read. */
export interface Windows {
  /** On each stream. */
  readonly stream: number;
  /** On all of a connection; at least 65,535, which a connection begins with. */
  readonly session: number;
}

/** What is heard of a connection. */
export interface SessionEvents {
  /** The peer's first SETTINGS have come: it speaks HTTP/2. */
  ready?(): void;
  /** The peer will take no new streams. */
  goaway?(): void;
  /** It is over. With what ended it, unless both sides wanted it so. Called once. */
  closed?(error: Error | undefined): void;
}

/**
 * One connection, either side (RFC 9113): frames in and out, settings, windows, pings, and its end. What a header block
 * begins is for the sides to say. The peer is not trusted: what it may not do ends the connection with a GOAWAY.
 *
 *     socket ──► FrameReader ──► HeaderBlocks ──► HpackDecoder ──► streams ──► their handlers
 *     socket ◄── Outbox      ◄── windows      ◄── HpackEncoder ◄── streams
 */
export abstract class Session implements StreamHost {
  readonly window: number;
  protected readonly streams = new Map<number, Http2Stream>();
  protected readonly budgets = new PeerBudgets();
  protected readonly outbox: Outbox;
  protected maxConcurrent = Number.POSITIVE_INFINITY;
  /** Of the peer: what a new stream may send at first. */
  protected initialWindow = DEFAULT_WINDOW;
  /** No new streams: going away, or told to. */
  protected isDraining = false;
  /** Bytes kept in memory for the streams. */
  protected held = 0;
  readonly socket: Socket;
  /** Who is told; may be changed when a session changes hands. */
  events: SessionEvents;
  readonly #reader: FrameReader;
  readonly #blocks = new HeaderBlocks();
  readonly #encoder = new HpackEncoder();
  readonly #decoder = new HpackDecoder(MAX_HEADER_BYTES);
  readonly #sessionWindow: number;
  #sendWindow = DEFAULT_WINDOW;
  #received = 0;
  /** Streams with something to send that windows or socket do not allow; first in line is served first. */
  readonly #waiting = new Set<Http2Stream>();
  readonly #pings: (() => void)[] = [];
  #gotSettings = false;
  #over = false;
  #error: Error | undefined;

  constructor(socket: Socket, windows: Windows, events: SessionEvents) {
    this.socket = socket;
    this.window = windows.stream;
    this.#sessionWindow = windows.session;
    this.events = events;
    this.#reader = new FrameReader((type, flags, streamId, payload) => this.#frame(type, flags, streamId, payload));
    this.outbox = new Outbox(socket, () => this.#serve());
    socket.on("data", (chunk: Buffer) => this.#guarded(() => this.receive(chunk)));
    socket.on("error", (error) => {
      this.#error ??= error;
    });
    socket.on("close", () => this.#ended());
  }

  /** No stream can be opened any more. */
  get isClosed(): boolean {
    return this.#over || this.isDraining;
  }

  get isDestroyed(): boolean {
    return this.#over;
  }

  /** Asks for a sign of life; `onAnswer` is called with the answer, if one comes. */
  ping(onAnswer: () => void): void {
    if (this.#over) return;
    this.#pings.push(onAnswer);
    this.outbox.frames.ping(PING, false);
    this.wrote();
  }

  /** No new streams; ends when those there are have ended. */
  close(): void {
    if (this.isClosed) return;
    this.isDraining = true;
    this.outbox.frames.goaway(this.lastPeerStream(), ErrorCode.NO_ERROR, "");
    this.wrote();
    this.endIfDone();
  }

  /** Ends at once, with all its streams. */
  destroy(error?: Error): void {
    if (this.#over) return;
    this.#error ??= error;
    this.outbox.close();
    this.socket.destroy();
    this.#ended();
  }

  // ---- for the two sides ----

  /** What the peer sends that begins a stream, or goes on with one. `headers` undefined: malformed or too large. */
  protected abstract takeBlock(block: HeaderBlock, entries: readonly TableEntry[], isTooLarge: boolean): void;

  /** The peer's highest stream that was taken. */
  protected abstract lastPeerStream(): number;

  /** True if a stream of this number may exist now or have existed. */
  protected abstract wasOpened(streamId: number): boolean;

  protected abstract goneAway(lastStreamId: number): void;

  /** The peer gave a stream up, or made us do so. */
  protected abstract streamReset(): void;

  /** A stream that is over makes room. */
  protected abstract madeRoom(): void;

  protected receive(chunk: Buffer): void {
    this.#reader.push(chunk);
  }

  /** Our first words. */
  protected sendSettings(settings: readonly (readonly [number, number])[]): void {
    this.outbox.frames.settings([[Setting.INITIAL_WINDOW_SIZE, this.window], ...settings]);
    if (this.#sessionWindow > DEFAULT_WINDOW) {
      this.outbox.frames.windowUpdate(0, this.#sessionWindow - DEFAULT_WINDOW);
    }
    this.wrote();
  }

  protected wrote(): void {
    this.#guarded(() => this.outbox.wrote());
  }

  protected endIfDone(): void {
    if (!this.isDraining || this.streams.size > 0 || this.#over) return;
    this.outbox.close();
    this.socket.destroySoon();
  }

  /** RFC 9113 §8.1.1: a stream error. */
  protected malformed(streamId: number, isTooLarge: boolean): void {
    const code = isTooLarge ? ErrorCode.ENHANCE_YOUR_CALM : ErrorCode.PROTOCOL_ERROR;
    this.streamReset();
    const stream = this.streams.get(streamId);
    if (stream !== undefined) stream.reset(code, isTooLarge ? "headers too large" : "malformed headers");
    else {
      this.outbox.frames.reset(streamId, code);
      this.wrote();
    }
  }

  // ---- for streams ----

  sendHeaders(stream: Http2Stream, headers: HeaderList, end: boolean): void {
    if (this.#over) return;
    this.outbox.frames.headers(stream.id, this.#encoder.encode(headers), end);
    this.wrote();
  }

  pump(stream: Http2Stream): void {
    if (this.#over || stream.id === 0) return;
    const { frames } = this.outbox;
    for (;;) {
      if (stream.hasMore && !this.outbox.isOpen) break;
      const piece = stream.next(Math.min(frames.maxFrame, this.#sendWindow));
      if (piece === undefined) break;
      this.#sendWindow -= piece.bytes.length;
      frames.data(stream.id, piece.bytes, piece.end);
      this.wrote();
      if (piece.end) {
        this.#waiting.delete(stream);
        stream.sent(true);
        return;
      }
    }
    if (stream.hasMore) this.#waiting.add(stream);
    else {
      this.#waiting.delete(stream);
      stream.sent(false);
    }
  }

  sendReset(stream: Http2Stream, code: number): void {
    if (this.#over) return;
    this.outbox.frames.reset(stream.id, code);
    this.wrote();
  }

  sendWindowUpdate(stream: Http2Stream, increment: number): void {
    this.outbox.frames.windowUpdate(stream.id, increment);
    this.wrote();
  }

  hold(bytes: number): void {
    this.held += bytes;
  }

  forget(stream: Http2Stream, reset: Reset | undefined): void {
    this.streams.delete(stream.id);
    this.#waiting.delete(stream);
    if (reset === undefined) this.budgets.resets.earn();
    if (this.#over) return;
    this.madeRoom();
    this.endIfDone();
  }

  /** In turns, a frame each, so that a long answer does not hold up short ones. */
  #serve(): void {
    this.#guarded(() => {
      while (this.#waiting.size > 0 && this.outbox.isOpen && this.#sendWindow > 0) {
        const before = this.#sendWindow;
        // Those that wait now: pump() puts one that has more at the end of the line.
        for (const stream of Array.from(this.#waiting)) this.pump(stream);
        // All that wait do so for their own windows.
        if (this.#sendWindow === before) return;
      }
    });
  }

  // ---- from the peer ----

  #frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (this.#over) return;
    this.#blocks.admit(type, streamId);
    if (!this.#gotSettings && (type !== FrameType.SETTINGS || (flags & Flag.ACK) !== 0)) {
      throw protocolError("the connection does not begin with SETTINGS");
    }
    switch (type) {
      case FrameType.DATA:
        this.#data(flags, streamId, payload);
        break;
      case FrameType.HEADERS:
        this.#block(this.#blocks.headers(flags, streamId, payload));
        break;
      case FrameType.CONTINUATION:
        this.#block(this.#blocks.continuation(flags, payload));
        break;
      case FrameType.RST_STREAM:
        this.#reset(streamId, payload);
        break;
      case FrameType.SETTINGS:
        this.#settings(flags, streamId, payload);
        break;
      case FrameType.PING:
        this.#ping(flags, streamId, payload);
        break;
      case FrameType.GOAWAY:
        this.#goaway(streamId, payload);
        break;
      case FrameType.WINDOW_UPDATE:
        this.#windowUpdate(streamId, payload);
        break;
      case FrameType.PUSH_PROMISE:
        throw protocolError("PUSH_PROMISE, which nobody may send here");
      default:
        // PRIORITY, and what later versions may bring: to be ignored.
        this.budgets.idleFrames.spend();
    }
  }

  #data(flags: number, streamId: number, payload: Buffer): void {
    const stream = this.#existing(streamId, "DATA");
    // Taken as read at once: what is kept of it is counted by hold().
    this.#received += payload.length;
    if (this.#received >= this.#sessionWindow / 2) {
      this.outbox.frames.windowUpdate(0, this.#received);
      this.#received = 0;
      this.wrote();
    }
    const end = (flags & Flag.END_STREAM) !== 0;
    if (stream === undefined || (payload.length === 0 && !end)) this.budgets.idleFrames.spend();
    else this.budgets.idleFrames.earn();
    const bytes = unpad(flags, payload);
    if (stream === undefined) return;
    if (stream.gotHeaders) stream.takeData(bytes, payload.length, end);
    else stream.reset(ErrorCode.PROTOCOL_ERROR, "DATA before HEADERS");
  }

  #block(block: HeaderBlock | undefined): void {
    if (block === undefined) return;
    if (block.streamId === 0) throw protocolError("HEADERS of stream 0");
    const { headers, isTooLarge } = this.#decoder.decode(block.bytes);
    this.takeBlock(block, headers, isTooLarge);
  }

  /** Headers of a stream that has had its first. */
  protected trailers(
    stream: Http2Stream,
    block: HeaderBlock,
    entries: readonly TableEntry[],
    isTooLarge: boolean,
  ): void {
    const headers: Headers | undefined = block.endStream ? headersFrom(entries, "trailers") : undefined;
    if (stream.isRemoteEnded) stream.reset(ErrorCode.STREAM_CLOSED, "HEADERS after the stream's end");
    else if (headers === undefined || isTooLarge) this.malformed(stream.id, isTooLarge);
    else stream.takeHeaders(headers, true);
  }

  #reset(streamId: number, payload: Buffer): void {
    const code = word(payload, "RST_STREAM");
    const stream = this.#existing(streamId, "RST_STREAM");
    if (stream === undefined) {
      this.budgets.idleFrames.spend();
      return;
    }
    this.streamReset();
    // RFC 9113 §8.7: REFUSED_STREAM means that no processing took place.
    const unprocessed = code === ErrorCode.REFUSED_STREAM;
    stream.close({ code, by: "peer", unprocessed, why: `the peer reset the stream (code ${code})` });
  }

  /**
   *     +---------------+------------------+
   *     | identifier,16 | value, 32 bits   | …
   *     +---------------+------------------+
   */
  #settings(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw protocolError("SETTINGS of a stream");
    const isAck = (flags & Flag.ACK) !== 0;
    if (isAck ? payload.length !== 0 : payload.length % 6 !== 0) throw wrongSize("SETTINGS");
    if (isAck) return;
    for (let at = 0; at < payload.length; at += 6) this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    this.outbox.frames.settingsAck();
    this.wrote();
    if (this.#gotSettings) this.madeRoom();
    else {
      this.#gotSettings = true;
      this.events.ready?.();
    }
  }

  #set(identifier: number, value: number): void {
    switch (identifier) {
      case Setting.HEADER_TABLE_SIZE:
        this.#encoder.limitTable(value);
        break;
      case Setting.ENABLE_PUSH:
        if (value > 1) throw protocolError("ENABLE_PUSH beyond 1");
        break;
      case Setting.MAX_CONCURRENT_STREAMS:
        this.maxConcurrent = value;
        break;
      case Setting.INITIAL_WINDOW_SIZE: {
        if (value > MAX_WINDOW) throw new ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window beyond 2^31 - 1");
        const more = value - this.initialWindow;
        this.initialWindow = value;
        for (const stream of this.streams.values()) stream.widen(more, true);
        break;
      }
      case Setting.MAX_FRAME_SIZE:
        if (value < DEFAULT_MAX_FRAME || value >= 2 ** 24) throw protocolError("MAX_FRAME_SIZE out of range");
        // Larger ones would gain nothing and hold up others.
        break;
      default:
        break;
    }
  }

  #ping(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw protocolError("PING of a stream");
    if (payload.length !== 8) throw wrongSize("PING");
    if ((flags & Flag.ACK) !== 0) this.#pings.shift()?.();
    else {
      this.outbox.frames.ping(payload, true);
      this.wrote();
    }
  }

  #goaway(streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw protocolError("GOAWAY of a stream");
    if (payload.length < 8) throw wrongSize("GOAWAY");
    const [last, code] = [payload.readUInt32BE(0) & 0x7f_ff_ff_ff, payload.readUInt32BE(4)];
    const text = payload.toString("utf8", 8, 200);
    if (code !== ErrorCode.NO_ERROR) this.#error ??= new Error(`the peer ended the connection (code ${code}) ${text}`);
    this.isDraining = true;
    this.events.goaway?.();
    this.goneAway(last);
    this.endIfDone();
  }

  #windowUpdate(streamId: number, payload: Buffer): void {
    const increment = word(payload, "WINDOW_UPDATE") & 0x7f_ff_ff_ff;
    if (streamId === 0) {
      if (increment === 0) throw protocolError("a WINDOW_UPDATE of nothing");
      this.#sendWindow += increment;
      if (this.#sendWindow > MAX_WINDOW) throw new ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "too wide a window");
      this.#serve();
      return;
    }
    const stream = this.#existing(streamId, "WINDOW_UPDATE");
    // The peer may not have heard yet that the stream is over.
    if (stream === undefined) return;
    if (increment > 0) stream.widen(increment, false);
    else {
      this.streamReset();
      stream.reset(ErrorCode.PROTOCOL_ERROR, "a WINDOW_UPDATE of nothing");
    }
  }

  /** Undefined: it is over. Throws where there has not been one. */
  #existing(streamId: number, what: string): Http2Stream | undefined {
    const stream = this.streams.get(streamId);
    if (stream === undefined && (streamId === 0 || !this.wasOpened(streamId))) {
      throw protocolError(`${what} of stream ${streamId}, which was never opened`);
    }
    return stream;
  }

  // ---- the end ----

  #guarded(act: () => void): void {
    if (this.#over) return;
    try {
      act();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Tells the peer what it did, if it still listens. */
  #fail(error: unknown): void {
    const fault = error instanceof ConnectionFault ? error : undefined;
    this.#error ??= error instanceof Error ? error : new Error(String(error));
    this.outbox.frames.goaway(this.lastPeerStream(), fault?.code ?? ErrorCode.INTERNAL_ERROR, fault?.message ?? "");
    const listens = this.outbox.isOpen;
    this.outbox.close();
    if (listens) this.socket.destroySoon();
    else this.socket.destroy();
    this.#ended();
    // A fault of ours: not to be swallowed.
    if (fault === undefined) throw error;
  }

  #ended(): void {
    if (this.#over) return;
    this.#over = true;
    this.isDraining = true;
    const why = this.#error?.message ?? "the connection was closed";
    for (const stream of this.streams.values()) {
      stream.close({ code: ErrorCode.NO_ERROR, by: "connection", unprocessed: false, why });
    }
    this.madeRoom();
    this.outbox.close();
    this.events.closed?.(this.#error);
  }
}

const PING = Buffer.alloc(8);

function word(payload: Buffer, what: string): number {
  if (payload.length !== 4) throw wrongSize(what);
  return payload.readUInt32BE(0);
}

function wrongSize(what: string): ConnectionFault {
  return new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, `${what} of a wrong size`);
}
