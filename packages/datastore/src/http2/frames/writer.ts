import { DEFAULT_MAX_FRAME, Flag, FRAME_HEADER, FrameType } from "./types.ts";

const FIRST_BYTES = 4096;
/** A buffer larger than this is not kept for the next turn. */
const KEPT_BYTES = 256 * 1024;

/** Frames on their way out. All of one turn of the event loop leave in one write. */
export class FrameWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;
  /** The largest payload the peer takes. */
  maxFrame = DEFAULT_MAX_FRAME;

  get length(): number {
    return this.#length;
  }

  /** What has been written since the last time; the caller may keep it. */
  take(): Buffer {
    if (this.#length <= KEPT_BYTES / 4) {
      const taken = Buffer.allocUnsafe(this.#length);
      this.#bytes.copy(taken, 0, 0, this.#length);
      this.#length = 0;
      return taken;
    }
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(this.#bytes.length, KEPT_BYTES));
    this.#length = 0;
    return taken;
  }

  raw(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Room for a payload of a known size, behind its header; the caller fills it whole. */
  frame(
    type: number,
    flags: number,
    streamId: number,
    length: number,
  ): { readonly bytes: Buffer; readonly at: number } {
    this.#makeRoom(FRAME_HEADER + length);
    const bytes = this.#bytes;
    const at = this.#length;
    bytes[at] = length >>> 16;
    bytes[at + 1] = length >>> 8;
    bytes[at + 2] = length;
    bytes[at + 3] = type;
    bytes[at + 4] = flags;
    bytes.writeUInt32BE(streamId, at + 5);
    this.#length = at + FRAME_HEADER + length;
    return { bytes, at: at + FRAME_HEADER };
  }

  /** One DATA frame; the caller sees to it that the windows and `maxFrame` allow it. */
  data(streamId: number, payload: Uint8Array, end: boolean): void {
    const { bytes, at } = this.frame(FrameType.DATA, end ? Flag.END_STREAM : 0, streamId, payload.length);
    bytes.set(payload, at);
  }

  /** A header block, in as many frames as it takes. */
  headers(streamId: number, block: Uint8Array, end: boolean): void {
    let rest = block;
    for (let type: number = FrameType.HEADERS; ; type = FrameType.CONTINUATION) {
      const piece = rest.subarray(0, this.maxFrame);
      rest = rest.subarray(piece.length);
      const flags =
        (rest.length === 0 ? Flag.END_HEADERS : 0) | (end && type === FrameType.HEADERS ? Flag.END_STREAM : 0);
      const { bytes, at } = this.frame(type, flags, streamId, piece.length);
      bytes.set(piece, at);
      if (rest.length === 0) return;
    }
  }

  reset(streamId: number, code: number): void {
    this.#word(FrameType.RST_STREAM, streamId, code);
  }

  windowUpdate(streamId: number, increment: number): void {
    this.#word(FrameType.WINDOW_UPDATE, streamId, increment);
  }

  /** Pairs of identifier and value. */
  settings(pairs: readonly (readonly [number, number])[]): void {
    const { bytes, at } = this.frame(FrameType.SETTINGS, 0, 0, pairs.length * 6);
    for (const [index, [identifier, value]] of pairs.entries()) {
      bytes.writeUInt16BE(identifier, at + index * 6);
      bytes.writeUInt32BE(value, at + index * 6 + 2);
    }
  }

  settingsAck(): void {
    this.frame(FrameType.SETTINGS, Flag.ACK, 0, 0);
  }

  /** `opaque`: eight bytes. */
  ping(opaque: Uint8Array, ack: boolean): void {
    const { bytes, at } = this.frame(FrameType.PING, ack ? Flag.ACK : 0, 0, 8);
    bytes.set(opaque, at);
  }

  goaway(lastStreamId: number, code: number, text: string): void {
    const debug = Buffer.from(text, "utf8");
    const { bytes, at } = this.frame(FrameType.GOAWAY, 0, 0, 8 + debug.length);
    bytes.writeUInt32BE(lastStreamId, at);
    bytes.writeUInt32BE(code, at + 4);
    bytes.set(debug, at + 8);
  }

  #word(type: number, streamId: number, value: number): void {
    const { bytes, at } = this.frame(type, 0, streamId, 4);
    bytes.writeUInt32BE(value, at);
  }

  #makeRoom(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
