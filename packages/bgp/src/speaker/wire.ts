import { BgpError } from "../error.ts";
import { decodeMessage } from "../wire/codec.ts";
import type { CodecContext } from "../wire/context.ts";
import { Framer } from "../wire/framer.ts";
import type { Message } from "../wire/message.ts";
import type { Connection } from "./transport.ts";

export interface WireHandlers {
  onMessage(message: Message): void;
  onMalformed(error: BgpError): void;
  onDrain(): void;
  onClose(reason: string): void;
}

/** A connection with messages instead of bytes. After `close` nothing more is heard of it. */
export class Wire {
  readonly connection: Connection;
  readonly #framer = new Framer();
  readonly #handlers: WireHandlers;
  readonly #codec: () => CodecContext;
  #open = true;

  /** `codec` is asked for each message: an OPEN changes how the next one is read. */
  constructor(connection: Connection, codec: () => CodecContext, handlers: WireHandlers) {
    this.connection = connection;
    this.#codec = codec;
    this.#handlers = handlers;
  }

  /** Begins to listen. */
  start(): void {
    this.connection.handle({
      onBytes: (bytes) => this.#receive(bytes),
      onDrain: () => {
        if (this.#open) this.#handlers.onDrain();
      },
      onClose: (reason) => {
        if (!this.#open) return;
        this.#open = false;
        this.#handlers.onClose(reason);
      },
    });
  }

  send(bytes: Uint8Array): boolean {
    return !this.#open || this.connection.send(bytes);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.connection.close();
  }

  /** What has not left yet is lost. */
  reset(): void {
    if (!this.#open) return;
    this.#open = false;
    this.connection.reset();
  }

  #receive(bytes: Uint8Array): void {
    this.#framer.push(bytes);
    while (this.#open) {
      const message = this.#next();
      if (message === undefined) return;
      if (message instanceof BgpError) {
        this.#handlers.onMalformed(message);
        // Nothing after it can be trusted.
        this.close();
        return;
      }
      this.#handlers.onMessage(message);
    }
  }

  #next(): Message | BgpError | undefined {
    try {
      const context = this.#codec();
      this.#framer.maxMessage = context.maxMessage;
      const frame = this.#framer.next();
      return frame === undefined ? undefined : decodeMessage(frame, context);
    } catch (error) {
      if (error instanceof BgpError) return error;
      throw error;
    }
  }
}
