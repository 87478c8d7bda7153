import { type ClientSession, ErrorCode, type Headers, type Reset, type Stream } from "@ocicat/datastore/http2";

/** What is heard of one request. */
export interface ExchangeListener {
  head(status: number, headers: Headers): void;
  data(bytes: Buffer): void;
  /** It is over; `fault`: before the server had said all. Called once, and nothing after it. */
  ended(fault: ExchangeFault | undefined): void;
}

export interface ExchangeFault {
  /** The server has certainly not done it. */
  readonly unprocessed: boolean;
  readonly why: string;
}

export interface ExchangeRequest {
  readonly method: string;
  /** With what goes before and after it. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer | undefined;
}

/** One request and its answer over HTTP/2. Returns how to give it up; nothing is heard of it after that. */
export function exchange(session: ClientSession, request: ExchangeRequest, listener: ExchangeListener): () => void {
  const { method, path, headers, body } = request;
  const { scheme, authority } = session.origin;
  let isOver = false;
  let gotHead = false;
  const end = (fault: ExchangeFault | undefined) => {
    if (isOver) return;
    isOver = true;
    listener.ended(fault);
  };
  const all = [
    [":method", method],
    [":scheme", scheme],
    [":authority", authority],
    [":path", path],
    ...headers,
  ] as const;
  let stream: Stream | undefined;
  try {
    stream = session.request(all, {
      headers(received) {
        if (gotHead || isOver) return;
        gotHead = true;
        listener.head(Number(received[":status"]), received);
      },
      data(bytes) {
        if (!isOver) listener.data(bytes);
      },
      ended() {
        end(undefined);
      },
      drained() {},
      closed(reset: Reset | undefined) {
        end(reset === undefined ? undefined : { unprocessed: reset.unprocessed, why: reset.why });
      },
    });
    stream.end(body);
  } catch (error) {
    // The session is closing or gone, or its streams' numbers are used up.
    const why = error instanceof Error ? error.message : String(error);
    queueMicrotask(() => end({ unprocessed: true, why }));
  }
  return () => {
    isOver = true;
    stream?.reset(ErrorCode.CANCEL, "given up");
  };
}
