import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { FrameReader } from "../../src/http2/frames/reader.ts";
import { FrameType, PREFACE } from "../../src/http2/frames/types.ts";
import { FrameWriter } from "../../src/http2/frames/writer.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** A peer that says bytes and hears frames. */
export class RawPeer {
  readonly frames: Frame[] = [];
  readonly out = new FrameWriter();
  readonly hpack = new HpackEncoder();
  readonly socket: Socket;
  /** When the other side has ended the connection. */
  readonly over: Promise<unknown>;
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    this.over = new Promise((resolve) => socket.on("close", resolve));
    const reader = new FrameReader((type, flags, streamId, payload) => {
      this.frames.push({ type, flags, streamId, payload: Buffer.from(payload) });
    });
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      reader.push(chunk);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const look of waiting) look();
    });
  }

  static async dial(port: number): Promise<RawPeer> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new RawPeer(socket);
  }

  /** What a client says first. */
  greet(): this {
    this.out.raw(PREFACE);
    this.out.settings([]);
    return this;
  }

  request(streamId: number, path: string, end: boolean, more: readonly (readonly [string, string])[] = []): this {
    const headers = [[":method", "POST"], [":scheme", "http"], [":path", path], ...more] as const;
    this.out.headers(streamId, this.hpack.encode(headers), end);
    return this;
  }

  send(): void {
    this.socket.write(this.out.take());
  }

  /** Resolves with the first frame that is so, also one that came before. */
  async until(isSo: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(isSo);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The error code with which the other side ends the connection. */
  async goaway(): Promise<number> {
    const { payload } = await this.until(({ type }) => type === FrameType.GOAWAY);
    return payload.readUInt32BE(4);
  }

  async reset(streamId: number): Promise<number> {
    const { payload } = await this.until((frame) => frame.type === FrameType.RST_STREAM && frame.streamId === streamId);
    return payload.readUInt32BE(0);
  }
}

/** Listens, and hands each connection over. */
export async function listen(
  accept: (socket: Socket) => void,
): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    accept(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  return {
    port: address.port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
