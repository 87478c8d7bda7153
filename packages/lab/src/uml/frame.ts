import { ByteReader } from "@ocicat/net";

/**
 * What goes over the serial line between a machine and its gateway, and over the gateway's socket. A session is one command.
 *
 *      0         1         2         3         4         5         6         7
 *     +---------+---------+---------+---------+---------+---------+---------+---------+
 *     |  kind   |    0    |      session      |            length                     |
 *     +---------+---------+---------+---------+---------+---------+---------+---------+
 *     |  payload: `length` bytes                                                      |
 *     +-------------------------------------------------------------------------------+
 *
 * Numbers are big-endian. On the line, sessions are the gateway's to number; on a client's connection there is one, 0.
 *
 *     kind  name     way         payload
 *     1     hello    from guest  the kernel's release; session 0: the machine takes commands from now on
 *     2     start    to guest    JSON: see CommandLine
 *     3     input    to guest    bytes of standard input; none: its end
 *     4     signal   to guest    a signal's name, for all of the command's processes
 *     5     size     to guest    columns and rows of the terminal, 16 bits each
 *     6     hangup   to guest    nobody waits any more; the command is to end
 *     7     output   from guest  bytes of standard output
 *     8     errors   from guest  bytes of standard error
 *     9     exit     from guest  the exit status, 8 bits; the session's last
 *     10    window   either      32 bits: so many bytes of input, output and errors have been taken: as many more may be sent
 *
 * The line itself is session 0 there: its `window`, from the guest, counts all bytes, see PacedWriter.
 */
export interface Frame {
  readonly kind: FrameKind;
  /** 0..65535 */
  readonly session: number;
  readonly payload: Uint8Array;
}

const KINDS = ["hello", "start", "input", "signal", "size", "hangup", "output", "errors", "exit", "window"] as const;
export type FrameKind = (typeof KINDS)[number];

const HEADER = 8;
/** A command line with its environment is the largest. */
export const MAX_PAYLOAD = 4 * 1024 * 1024;

/** Bytes that are no frames: the two sides are not of one version, or somebody else wrote on the line. */
export class FrameError extends Error {
  readonly code = "LAB_FRAME";
}

export function encodeFrame({ kind, session, payload }: Frame): Uint8Array {
  const bytes = new Uint8Array(HEADER + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, KINDS.indexOf(kind) + 1);
  view.setUint16(2, session);
  view.setUint32(4, payload.length);
  bytes.set(payload, HEADER);
  return bytes;
}

/** Makes frames of a stream's pieces, however it is cut. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array();

  /** The frames that are whole with this piece. Throws FrameError; nothing after it can be read. */
  push(piece: Uint8Array): Frame[] {
    const bytes = new Uint8Array(this.#rest.length + piece.length);
    bytes.set(this.#rest);
    bytes.set(piece, this.#rest.length);
    const reader = new ByteReader(bytes);
    const frames: Frame[] = [];
    while (reader.left >= HEADER) {
      const start = reader.offset;
      const kind = KINDS[reader.u8() - 1];
      const zero = reader.u8();
      const session = reader.u16();
      const length = reader.u32();
      if (kind === undefined || zero !== 0 || length > MAX_PAYLOAD) {
        throw new FrameError(`not a frame: ${Buffer.from(bytes.subarray(start, start + HEADER)).toString("hex")}`);
      }
      if (reader.left < length) {
        this.#rest = bytes.subarray(start);
        return frames;
      }
      frames.push({ kind, session, payload: reader.bytes(length) });
    }
    this.#rest = reader.bytes(reader.left);
    return frames;
  }
}
