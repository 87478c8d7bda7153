import { ErrorCode as Code, ConnectionFault, type ErrorCode } from "../errors.ts";
import { MAX_WINDOW } from "../frames/types.ts";
import type { Headers } from "../headers.ts";
import type { HeaderList } from "../hpack/encoder.ts";

/** Why a stream ended before both sides had sent their last. */
export interface Reset {
  readonly code: ErrorCode;
  readonly by: "peer" | "us" | "connection";
  /** The peer has certainly done nothing with it: never sent, refused, or beyond the last stream of a GOAWAY. */
  readonly unprocessed: boolean;
  readonly why: string;
}

/** What its user hears of a stream. */
export interface StreamListener {
  /** A response's headers, or trailers. A request's are there before its handler. */
  headers(headers: Headers): void;
  /** Never empty. It is taken as read: the peer may send as much again. */
  data(bytes: Buffer): void;
  /** The peer has sent its last. */
  ended(): void;
  /** After write() has returned false: all has been given to the socket. */
  drained(): void;
  /** It is over, without a reset if both sides have sent their last. Called once, and nothing after it. */
  closed(reset: Reset | undefined): void;
}

/** What its user does with a stream. */
export interface Stream {
  readonly isClosed: boolean;
  /** Nothing more can be said from this side. */
  readonly isEnded: boolean;
  /** The first header block of this side, where it does not begin with a request. */
  respond(headers: HeaderList): void;
  /** False: not all could be sent at once; stop until `drained`. */
  write(bytes: Uint8Array): boolean;
  /** Ends this side: with these bytes if any, then with trailers if any. */
  end(bytes?: Uint8Array, trailers?: HeaderList): void;
  /** Ends this side, and with it the stream: what the peer still wanted to say is not waited for (RFC 9113 §8.1). */
  finish(trailers: HeaderList): void;
  /** Gives the stream up. */
  reset(code: ErrorCode, why: string): void;
  /** Says how many bytes of this stream its user keeps, so that all of a session's together have a limit. */
  hold(bytes: number): void;
}

/** What a stream needs of its session. */
export interface StreamHost {
  /** Of each of our streams: how much the peer may send before it is told that it was read. */
  readonly window: number;
  sendHeaders(stream: Http2Stream, headers: HeaderList, end: boolean): void;
  /** Sends what windows and socket allow; later the rest. */
  pump(stream: Http2Stream): void;
  sendReset(stream: Http2Stream, code: ErrorCode): void;
  sendWindowUpdate(stream: Http2Stream, increment: number): void;
  /** Bytes more, or fewer, that this session keeps in memory for its streams. */
  hold(bytes: number): void;
  forget(stream: Http2Stream, reset: Reset | undefined): void;
}

type Last = { readonly trailers: HeaderList | undefined };

/** One request and its answer: two half-streams, each of which its sender ends. */
export class Http2Stream implements Stream {
  /** 0: not sent yet, because the peer allows no more at once. */
  id = 0;
  /** How much the peer still takes. Below zero after it has lowered its window. */
  sendWindow: number;
  readonly #host: StreamHost;
  #listener: StreamListener | undefined;
  #queue: Uint8Array[] = [];
  #queued = 0;
  /** What is to end our side when the queue is empty. */
  #last: Last | undefined;
  /** The stream is over when our side has ended. */
  #isFinal = false;
  #localEnded = false;
  #remoteEnded = false;
  #closed = false;
  #wasFull = false;
  #gotHeaders = false;
  /** Bytes received since the last WINDOW_UPDATE. */
  #received = 0;
  #held = 0;

  constructor(host: StreamHost, sendWindow: number) {
    this.#host = host;
    this.sendWindow = sendWindow;
  }

  set listener(listener: StreamListener) {
    this.#listener = listener;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get isEnded(): boolean {
    return this.#closed || this.#last !== undefined || this.#localEnded;
  }

  get gotHeaders(): boolean {
    return this.#gotHeaders;
  }

  // ---- what its user does ----

  respond(headers: HeaderList): void {
    if (!this.isEnded) this.#host.sendHeaders(this, headers, false);
  }

  write(bytes: Uint8Array): boolean {
    if (this.isEnded) return true;
    this.#enqueue(bytes);
    this.#host.pump(this);
    this.#wasFull ||= this.#queued > 0;
    return this.#queued === 0;
  }

  end(bytes?: Uint8Array, trailers?: HeaderList): void {
    if (this.isEnded) return;
    if (bytes !== undefined) this.#enqueue(bytes);
    this.#last = { trailers };
    this.#host.pump(this);
  }

  finish(trailers: HeaderList): void {
    this.#isFinal = true;
    this.end(undefined, trailers);
  }

  reset(code: ErrorCode, why: string): void {
    if (this.#closed) return;
    if (this.id !== 0) this.#host.sendReset(this, code);
    this.close({ code, by: "us", unprocessed: this.id === 0, why });
  }

  hold(bytes: number): void {
    if (this.#closed) return;
    this.#host.hold(bytes - this.#held);
    this.#held = bytes;
  }

  // ---- what its session does ----

  /** The next piece to send, of at most `most` bytes; undefined: nothing, or nothing now. */
  next(most: number): { readonly bytes: Uint8Array; readonly end: boolean } | undefined {
    const [first] = this.#queue;
    if (first === undefined) {
      if (this.#last === undefined || this.#localEnded || this.#last.trailers !== undefined) return undefined;
      return { bytes: NOTHING, end: true };
    }
    const allowed = Math.min(most, this.sendWindow);
    if (allowed <= 0) return undefined;
    const isWhole = first.length <= allowed;
    const bytes = isWhole ? first : first.subarray(0, allowed);
    if (isWhole) this.#queue.shift();
    else this.#queue[0] = first.subarray(allowed);
    this.#queued -= bytes.length;
    this.#host.hold(-bytes.length);
    this.sendWindow -= bytes.length;
    const end = this.#queue.length === 0 && this.#last !== undefined && this.#last.trailers === undefined;
    return { bytes, end };
  }

  get hasMore(): boolean {
    return this.#queue.length > 0;
  }

  /** After pieces have been sent: trailers if they are due, and word to whoever waits. */
  sent(ended: boolean): void {
    if (this.#queue.length > 0 || this.#closed) return;
    const trailers = this.#last?.trailers;
    if (trailers !== undefined && !this.#localEnded) {
      this.#host.sendHeaders(this, trailers, true);
      this.#endLocal();
    } else if (ended) {
      this.#endLocal();
    } else if (this.#wasFull) {
      this.#wasFull = false;
      this.#listener?.drained();
    }
  }

  /** A request has come, with its handler. */
  begin(end: boolean): void {
    this.#gotHeaders = true;
    if (end) this.#endRemote();
  }

  takeHeaders(headers: Headers, end: boolean): void {
    this.#gotHeaders = true;
    this.#listener?.headers(headers);
    if (end) this.#endRemote();
  }

  /** `counted`: the bytes with their padding, which the window counts. */
  takeData(bytes: Buffer, counted: number, end: boolean): void {
    if (this.#remoteEnded) {
      this.reset(Code.STREAM_CLOSED, "DATA after the stream's end");
      return;
    }
    this.#received += counted;
    if (bytes.length > 0) this.#listener?.data(bytes);
    if (end) this.#endRemote();
    else if (this.#received >= this.#host.window / 2 && !this.#closed) {
      this.#host.sendWindowUpdate(this, this.#received);
      this.#received = 0;
    }
  }

  /** Throws ConnectionFault where the change is one of all streams. */
  widen(increment: number, isOfAll: boolean): void {
    this.sendWindow += increment;
    if (this.sendWindow > MAX_WINDOW) {
      if (isOfAll) throw new ConnectionFault(Code.FLOW_CONTROL_ERROR, "a window beyond 2^31 - 1");
      this.reset(Code.FLOW_CONTROL_ERROR, "a window beyond 2^31 - 1");
    } else this.#host.pump(this);
  }

  get isRemoteEnded(): boolean {
    return this.#remoteEnded;
  }

  close(reset: Reset | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.hold(-this.#held - this.#queued);
    this.#queue = [];
    this.#queued = 0;
    this.#host.forget(this, reset);
    this.#listener?.closed(reset);
  }

  #enqueue(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    this.#host.hold(bytes.length);
  }

  #endLocal(): void {
    this.#localEnded = true;
    if (this.#remoteEnded) this.close(undefined);
    else if (this.#isFinal) this.reset(Code.NO_ERROR, "the answer is complete");
  }

  #endRemote(): void {
    if (this.#closed || this.#remoteEnded) return;
    this.#remoteEnded = true;
    this.#listener?.ended();
    if (this.#localEnded) this.close(undefined);
  }
}

const NOTHING = new Uint8Array(0);
