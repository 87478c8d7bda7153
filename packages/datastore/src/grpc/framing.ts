import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { MessageWriter } from "./encode.ts";
import { GrpcCode, GrpcError } from "./status.ts";

/**
 * gRPC over HTTP/2, "Length-Prefixed-Message": the DATA frames of a stream are a run of
 *
 *     0        1        2        3        4        5
 *     +--------+--------+--------+--------+--------+----------…
 *     | flag   | length of the message, big-endian | message
 *     +--------+--------+--------+--------+--------+----------…
 *
 * with no relation to the boundaries of DATA frames. Flag 1 means compressed; we offer no compression, so it is 0.
 */
const PREFIX = 5;

const writer = new MessageWriter();

/** A message with its prefix, ready for a stream. */
export function encodeFrame<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Buffer {
  const frame = writer.encode(schema, message, PREFIX);
  frame[0] = 0;
  frame.writeUInt32BE(frame.length - PREFIX, 1);
  return frame;
}

/** Cuts a stream's bytes into messages. Throws GrpcError on a compressed or oversized one: the stream is then unusable. */
export class FrameDecoder {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Bytes that must be there before the next step makes sense: a prefix, then a prefix and its message. */
  #wanted = PREFIX;

  /** `maxBytes`: the largest message taken. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True if no message is begun: where a stream may end. */
  get empty(): boolean {
    return this.#buffered === 0;
  }

  /** Bytes of a message begun that are kept until its end. */
  get held(): number {
    return this.#buffered;
  }

  /** Calls `onMessage` for each message that `chunk` completes; what it gets may share memory with `chunk`. */
  push(chunk: Buffer, onMessage: (message: Buffer) => void): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    if (this.#buffered < this.#wanted) return;

    // Joined only when a whole step is there: a large message in many chunks is copied once.
    let bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#buffered);
    const messages: Buffer[] = [];
    for (;;) {
      this.#wanted = PREFIX;
      if (bytes.length < PREFIX) break;
      this.#wanted = PREFIX + this.#messageLength(bytes);
      if (bytes.length < this.#wanted) break;
      messages.push(bytes.subarray(PREFIX, this.#wanted));
      bytes = bytes.subarray(this.#wanted);
    }
    this.#chunks = bytes.length === 0 ? [] : [bytes];
    this.#buffered = bytes.length;
    for (const message of messages) onMessage(message);
  }

  #messageLength(bytes: Buffer): number {
    if (bytes[0] !== 0)
      throw new GrpcError(GrpcCode.INTERNAL, `compressed message (flag ${bytes[0]}), which was not offered`);
    const length = bytes.readUInt32BE(1);
    if (length > this.#maxBytes) {
      // In grpc-go's words, by which clients know it.
      const text = `grpc: received message larger than max (${length} vs. ${this.#maxBytes})`;
      throw new GrpcError(GrpcCode.RESOURCE_EXHAUSTED, text);
    }
    return length;
  }
}
