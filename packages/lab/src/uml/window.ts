import type { Readable } from "node:stream";

/** What one side sends of a session before the other says that it has taken some. */
export const WINDOW = 256 * 1024;
/** A stream's pieces are sent as they come, cut where they are longer: others' frames go between. */
const PIECE = 16 * 1024;

/**
 * Sends what streams give, no more than a window of it ahead of what the other side has taken: a reader that stops (a pager)
 * stops the writer, and nothing piles up between.
 */
export class WindowedSender {
  #room = WINDOW;
  readonly #streams = new Set<Readable>();

  /** Sends a stream until its end, then calls `onEnd`. */
  follow(stream: Readable, send: (piece: Uint8Array) => void, onEnd: () => void): void {
    this.#streams.add(stream);
    stream.on("data", (chunk: Buffer) => {
      this.#room -= chunk.length;
      for (let start = 0; start < chunk.length; start += PIECE) send(chunk.subarray(start, start + PIECE));
      if (this.#room <= 0) for (const each of this.#streams) each.pause();
    });
    const end = () => {
      if (this.#streams.delete(stream)) onEnd();
    };
    stream.once("end", end);
    stream.once("close", end);
    stream.once("error", end);
  }

  /** Nobody reads any more: the streams run dry, so that they end, however full the window was. */
  giveUp(): void {
    this.taken(Number.POSITIVE_INFINITY);
  }

  /** The other side has taken as many bytes. */
  taken(bytes: number): void {
    this.#room += bytes;
    if (this.#room > 0) for (const stream of this.#streams) stream.resume();
  }
}

export function encodeTaken(bytes: number): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, bytes);
  return payload;
}

export function decodeTaken(payload: Uint8Array): number {
  return payload.length === 4 ? new DataView(payload.buffer, payload.byteOffset).getUint32(0) : 0;
}
