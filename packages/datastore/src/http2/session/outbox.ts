import type { Socket } from "node:net";
import { ConnectionFault, ErrorCode } from "../errors.ts";
import { FrameWriter } from "../frames/writer.ts";
import { MAX_UNREAD_BYTES } from "../limits.ts";

/** Frames that may wait for the turn's end before DATA has to wait. */
const FULL_BYTES = 256 * 1024;

/**
 * The way out of a session: frames of one turn of the event loop leave in one write. While the socket takes no more, DATA
 * stays with its streams; what else there is goes on waiting here, up to a limit.
 */
export class Outbox {
  readonly frames = new FrameWriter();
  readonly #socket: Socket;
  /** Called when DATA may be written again. */
  readonly #onOpen: () => void;
  #scheduled: NodeJS.Immediate | undefined;
  #congested = false;
  /** Bytes given to a socket that does not take them. */
  #unread = 0;
  #over = false;

  constructor(socket: Socket, onOpen: () => void) {
    this.#socket = socket;
    this.#onOpen = onOpen;
    socket.on("drain", () => {
      this.#congested = false;
      this.#unread = 0;
      this.#onOpen();
    });
  }

  /** False: DATA has to wait for `onOpen`. */
  get isOpen(): boolean {
    return !this.#congested && this.frames.length < FULL_BYTES;
  }

  /** After frames have been written. Throws ConnectionFault if the peer makes us speak and does not listen. */
  wrote(): void {
    this.#scheduled ??= setImmediate(() => this.flush());
    if (this.#congested && this.#unread + this.frames.length > MAX_UNREAD_BYTES) {
      throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "answers are asked for and not read");
    }
  }

  flush(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    if (this.frames.length === 0 || this.#over) return;
    const wasFull = this.frames.length >= FULL_BYTES;
    const bytes = this.frames.take();
    if (this.#congested) this.#unread += bytes.length;
    this.#congested = !this.#socket.write(bytes);
    if (wasFull && !this.#congested) this.#onOpen();
  }

  /** Flushes, and takes no more. */
  close(): void {
    this.flush();
    this.#over = true;
    clearImmediate(this.#scheduled);
  }
}
