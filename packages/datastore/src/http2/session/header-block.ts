import { ConnectionFault, ErrorCode, protocolError } from "../errors.ts";
import { Flag, FrameType } from "../frames/types.ts";
import { MAX_CONTINUATIONS, MAX_HEADER_BYTES } from "../limits.ts";

/** A header block as it came: perhaps in many frames, between which nothing else may stand. */
export interface HeaderBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly bytes: Buffer;
}

/**
 * Puts header blocks together (RFC 9113 §6.2, §6.10):
 *
 *     HEADERS   [pad length][priority, 5 bytes] fragment [padding]
 *     CONTINUATION                              fragment              … until END_HEADERS
 */
export class HeaderBlocks {
  #open:
    | { readonly streamId: number; readonly endStream: boolean; readonly fragments: Buffer[]; bytes: number }
    | undefined;

  /** Throws if a frame stands where only a CONTINUATION may. */
  admit(type: number, streamId: number): void {
    const isContinuation = type === FrameType.CONTINUATION;
    if (isContinuation !== (this.#open !== undefined)) throw protocolError(`frame type ${type} amid a header block`);
    if (isContinuation && streamId !== this.#open?.streamId) throw protocolError("a header block of another stream");
  }

  /** Returns the block when it is whole. */
  headers(flags: number, streamId: number, payload: Buffer): HeaderBlock | undefined {
    const unpadded = unpad(flags, payload);
    const priority = (flags & Flag.PRIORITY) !== 0 ? 5 : 0;
    if (unpadded.length < priority)
      throw new ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS without its priority");
    const fragment = unpadded.subarray(priority);
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) return { streamId, endStream, bytes: fragment };
    this.#open = { streamId, endStream, fragments: [fragment], bytes: fragment.length };
    return undefined;
  }

  continuation(flags: number, payload: Buffer): HeaderBlock | undefined {
    const open = this.#open;
    if (open === undefined) throw protocolError("CONTINUATION of nothing");
    open.fragments.push(payload);
    open.bytes += payload.length;
    if (open.bytes > MAX_HEADER_BYTES || open.fragments.length > MAX_CONTINUATIONS) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "a header block without end");
    }
    if ((flags & Flag.END_HEADERS) === 0) return undefined;
    this.#open = undefined;
    return { streamId: open.streamId, endStream: open.endStream, bytes: Buffer.concat(open.fragments) };
  }
}

/** Without the padding of DATA or HEADERS, whose length stands in the first byte. */
export function unpad(flags: number, payload: Buffer): Buffer {
  if ((flags & Flag.PADDED) === 0) return payload;
  const padding = payload[0];
  if (padding === undefined || padding >= payload.length) throw protocolError("more padding than frame");
  return payload.subarray(1, payload.length - padding);
}
