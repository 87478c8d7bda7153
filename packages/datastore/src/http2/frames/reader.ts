import { ConnectionFault, ErrorCode } from "../errors.ts";
import { DEFAULT_MAX_FRAME, FRAME_HEADER } from "./types.ts";

/** `payload` may share memory with what was read, and is not written again. */
export type OnFrame = (type: number, flags: number, streamId: number, payload: Buffer) => void;

/** Cuts what arrives into frames, wherever the chunks of the socket end. */
export class FrameReader {
  readonly #onFrame: OnFrame;
  /** The beginning of a frame whose rest has not come; `#kept` bytes of it are there. */
  #partial: Buffer = Buffer.alloc(FRAME_HEADER);
  #kept = 0;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Throws ConnectionFault for a frame larger than we take, and what `onFrame` throws. */
  push(chunk: Buffer): void {
    let at = this.#kept === 0 ? 0 : this.#complete(chunk);
    while (at + FRAME_HEADER <= chunk.length) {
      const end = at + FRAME_HEADER + payloadLength(chunk, at);
      if (end > chunk.length) break;
      this.#emit(chunk, at, end);
      at = end;
    }
    if (at < chunk.length) this.#keep(chunk, at);
  }

  /** Adds to the frame begun before; returns how much of `chunk` that took. */
  #complete(chunk: Buffer): number {
    let at = 0;
    if (this.#kept < FRAME_HEADER) {
      at = this.#take(chunk, 0, FRAME_HEADER);
      if (this.#kept < FRAME_HEADER) return at;
      this.#makeRoom();
    }
    at += this.#take(chunk, at, this.#partial.length);
    if (this.#kept < this.#partial.length) return at;
    const frame = this.#partial;
    this.#partial = Buffer.alloc(FRAME_HEADER);
    this.#kept = 0;
    this.#emit(frame, 0, frame.length);
    return at;
  }

  #keep(chunk: Buffer, at: number): void {
    this.#take(chunk, at, FRAME_HEADER);
    if (this.#kept < FRAME_HEADER) return;
    this.#makeRoom();
    this.#take(chunk, at + FRAME_HEADER, this.#partial.length);
  }

  /** Copies until `wanted` bytes of the frame are there; returns how many. */
  #take(chunk: Buffer, at: number, wanted: number): number {
    const taken = Math.min(wanted - this.#kept, chunk.length - at);
    chunk.copy(this.#partial, this.#kept, at, at + taken);
    this.#kept += taken;
    return taken;
  }

  /** The header is there: the buffer gets the size of the whole frame. */
  #makeRoom(): void {
    const whole = Buffer.allocUnsafe(FRAME_HEADER + payloadLength(this.#partial, 0));
    this.#partial.copy(whole, 0, 0, FRAME_HEADER);
    this.#partial = whole;
  }

  #emit(bytes: Buffer, at: number, end: number): void {
    const streamId = bytes.readUInt32BE(at + 5) & 0x7f_ff_ff_ff;
    this.#onFrame(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, streamId, bytes.subarray(at + FRAME_HEADER, end));
  }
}

function payloadLength(bytes: Buffer, at: number): number {
  const length = bytes.readUIntBE(at, 3);
  if (length <= DEFAULT_MAX_FRAME) return length;
  throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, `a frame of ${length} bytes, larger than allowed`);
}
