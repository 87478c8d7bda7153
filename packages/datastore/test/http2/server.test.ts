import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Flag, FrameType } from "../../src/http2/frames/types.ts";
import { ErrorCode, ServerSession, type Stream } from "../../src/http2/index.ts";
import { listen, RawPeer } from "./support.ts";

let server: Awaited<ReturnType<typeof listen>>;
let sessions: ServerSession[];
let streams: Stream[];
let peer: RawPeer;

/** Echoes what comes; a request to /keep is never answered. */
beforeEach(async () => {
  sessions = [];
  streams = [];
  server = await listen((socket) => {
    const session = new ServerSession(socket, {
      windows: { stream: 70_000, session: 100_000 },
      maxStreams: 5,
      onRequest: (stream, headers) => {
        streams.push(stream);
        stream.respond([[":status", "200"]]);
        return {
          headers() {},
          data: (bytes) => void stream.write(Buffer.from(bytes)),
          ended: () => {
            if (headers[":path"] !== "/keep") stream.end(undefined, [["grpc-status", "0"]]);
          },
          drained() {},
          closed() {},
        };
      },
    });
    sessions.push(session);
  });
  peer = await RawPeer.dial(server.port);
});
afterEach(async () => {
  peer.socket.destroy();
  await server.close();
});

const frame = (type: number, flags: number, streamId: number, payload: string | Buffer = "") => {
  const bytes = typeof payload === "string" ? Buffer.from(payload.replaceAll(" ", ""), "hex") : payload;
  return (raw: RawPeer) =>
    raw.out.frame(type, flags, streamId, bytes.length).bytes.set(bytes, raw.out.length - bytes.length);
};

describe("a server's session ends, and says why, with a peer that sends", () => {
  const opened = (raw: RawPeer) => void raw.request(1, "/", false);
  it.each<[string, number, ...((raw: RawPeer) => void)[]]>([
    ["DATA of stream 0", ErrorCode.PROTOCOL_ERROR, frame(FrameType.DATA, 0, 0, "00")],
    ["DATA of a stream never opened", ErrorCode.PROTOCOL_ERROR, frame(FrameType.DATA, 0, 7, "00")],
    ["HEADERS of an even stream", ErrorCode.PROTOCOL_ERROR, (raw) => void raw.request(2, "/", true)],
    ["HEADERS of stream 0", ErrorCode.PROTOCOL_ERROR, (raw) => void raw.request(0, "/", true)],
    [
      "a frame amid a header block",
      ErrorCode.PROTOCOL_ERROR,
      frame(FrameType.HEADERS, 0, 1, "83"),
      frame(FrameType.PING, 0, 0, "00".repeat(8)),
    ],
    ["CONTINUATION of nothing", ErrorCode.PROTOCOL_ERROR, frame(FrameType.CONTINUATION, Flag.END_HEADERS, 1, "83")],
    [
      "a header block without end",
      ErrorCode.ENHANCE_YOUR_CALM,
      frame(FrameType.HEADERS, 0, 1, "83"),
      ...Array.from({ length: 40 }, () => frame(FrameType.CONTINUATION, 0, 1)),
    ],
    [
      "a header block too long",
      ErrorCode.ENHANCE_YOUR_CALM,
      frame(FrameType.HEADERS, 0, 1, "83"),
      ...Array.from({ length: 5 }, () => frame(FrameType.CONTINUATION, 0, 1, Buffer.alloc(16_000))),
    ],
    [
      "a header block that cannot be read",
      ErrorCode.COMPRESSION_ERROR,
      frame(FrameType.HEADERS, Flag.END_HEADERS, 1, "80"),
    ],
    ["more padding than frame", ErrorCode.PROTOCOL_ERROR, opened, frame(FrameType.DATA, Flag.PADDED, 1, "05 00")],
    ["PUSH_PROMISE", ErrorCode.PROTOCOL_ERROR, frame(FrameType.PUSH_PROMISE, 0, 1, "00000002")],
    ["SETTINGS of a stream", ErrorCode.PROTOCOL_ERROR, frame(FrameType.SETTINGS, 0, 1)],
    ["SETTINGS of five bytes", ErrorCode.FRAME_SIZE_ERROR, frame(FrameType.SETTINGS, 0, 0, "0000000000")],
    ["a window beyond 2^31 - 1", ErrorCode.FLOW_CONTROL_ERROR, frame(FrameType.SETTINGS, 0, 0, "0004 80000000")],
    ["a frame size out of range", ErrorCode.PROTOCOL_ERROR, frame(FrameType.SETTINGS, 0, 0, "0005 00000001")],
    ["PING of seven bytes", ErrorCode.FRAME_SIZE_ERROR, frame(FrameType.PING, 0, 0, "00".repeat(7))],
    ["WINDOW_UPDATE of nothing", ErrorCode.PROTOCOL_ERROR, frame(FrameType.WINDOW_UPDATE, 0, 0, "00000000")],
    ["WINDOW_UPDATEs beyond 2^31 - 1", ErrorCode.FLOW_CONTROL_ERROR, frame(FrameType.WINDOW_UPDATE, 0, 0, "7fffffff")],
    ["RST_STREAM of a stream never opened", ErrorCode.PROTOCOL_ERROR, frame(FrameType.RST_STREAM, 0, 9, "00000008")],
    ["a frame larger than allowed", ErrorCode.FRAME_SIZE_ERROR, frame(FrameType.DATA, 0, 1, Buffer.alloc(16_385))],
    [
      "frames that do nothing",
      ErrorCode.ENHANCE_YOUR_CALM,
      opened,
      ...Array.from({ length: 10_001 }, () => frame(FrameType.DATA, 0, 1)),
    ],
  ])("%s", async (_what, code, ...say) => {
    peer.greet();
    for (const each of say) each(peer);
    peer.send();
    expect(await peer.goaway()).toBe(code);
    await peer.over;
  });

  it("streams that it gives up again, thousands of them", async () => {
    peer.greet();
    for (let id = 1; id < 2100; id += 2) {
      peer.request(id, "/keep", false);
      peer.out.reset(id, ErrorCode.CANCEL);
    }
    peer.send();
    expect(await peer.goaway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    await peer.over;
  });

  it("something that is not HTTP/2", async () => {
    peer.socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    await peer.over;
    expect(sessions[0]?.isDestroyed).toBe(true);
  });
});

describe("a server's session resets a stream, and goes on,", () => {
  it("of more than it allows at once", async () => {
    peer.greet();
    for (const id of [1, 3, 5, 7, 9, 11]) peer.request(id, "/keep", false);
    peer.send();
    expect(await peer.reset(11)).toBe(ErrorCode.REFUSED_STREAM);
    expect(streams).toHaveLength(5);
    peer.out.reset(1, ErrorCode.CANCEL);
    peer.request(13, "/", true).send();
    await peer.until(({ streamId, flags }) => streamId === 13 && (flags & Flag.END_STREAM) !== 0);
  });

  it.each([
    [
      "without a path",
      [
        [":method", "POST"],
        [":scheme", "http"],
      ],
    ],
    [
      "with a name in upper case",
      [
        [":method", "POST"],
        [":scheme", "http"],
        [":path", "/"],
        ["Te", "trailers"],
      ],
    ],
    [
      "with a pseudo-header after others",
      [
        [":method", "POST"],
        [":scheme", "http"],
        ["te", "trailers"],
        [":path", "/"],
      ],
    ],
    [
      "with a header of HTTP/1.1's",
      [
        [":method", "POST"],
        [":scheme", "http"],
        [":path", "/"],
        ["connection", "close"],
      ],
    ],
    [
      "with a line break",
      [
        [":method", "POST"],
        [":scheme", "http"],
        [":path", "/"],
        ["a", "b\r\nc: d"],
      ],
    ],
  ] as const)("whose headers come %s", async (_what, headers) => {
    peer.greet().out.headers(1, peer.hpack.encode(headers), true);
    peer.request(3, "/", true).send();
    expect(await peer.reset(1)).toBe(ErrorCode.PROTOCOL_ERROR);
    await peer.until(({ streamId, flags }) => streamId === 3 && (flags & Flag.END_STREAM) !== 0);
  });

  it("that goes on after its end", async () => {
    peer.greet().request(1, "/keep", false);
    peer.out.data(1, Buffer.alloc(10), true);
    peer.out.data(1, Buffer.alloc(10), false);
    peer.send();
    expect(await peer.reset(1)).toBe(ErrorCode.STREAM_CLOSED);
  });
});

describe("a server's session", () => {
  it("echoes what is larger than every window, in order", async () => {
    peer.greet().request(1, "/", false).send();
    const sent = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251));
    let at = 0;
    let allowed = 65_535;
    let counted = 0;
    const allowedNow = () => {
      for (; counted < peer.frames.length; counted++) {
        const each = peer.frames[counted];
        if (each?.type === FrameType.WINDOW_UPDATE && each.streamId === 0) allowed += each.payload.readUInt32BE(0);
        if (each?.type === FrameType.DATA && each.payload.length > 0) {
          peer.out.windowUpdate(0, each.payload.length);
          peer.out.windowUpdate(1, each.payload.length);
        }
      }
      return allowed;
    };
    while (at < sent.length) {
      const piece = sent.subarray(at, at + Math.min(16_384, allowedNow()));
      if (piece.length > 0) peer.out.data(1, piece, at + piece.length === sent.length);
      at += piece.length;
      allowed -= piece.length;
      if (peer.out.length > 0) peer.send();
      if (piece.length === 0) {
        const seen = counted;
        await peer.until((each) => peer.frames.indexOf(each) >= seen);
      }
    }
    for (;;) {
      const seen = counted;
      allowedNow();
      if (peer.out.length > 0) peer.send();
      if (peer.frames.some(({ streamId, flags, type }) => streamId === 1 && type === 1 && (flags & 1) !== 0)) break;
      await peer.until((each) => peer.frames.indexOf(each) >= Math.max(seen, counted));
    }
    const echoed = peer.frames.flatMap(({ type, payload }) => (type === FrameType.DATA ? [payload] : []));
    expect(Buffer.concat(echoed).equals(sent)).toBe(true);
  });

  it("ends a peer that asks and does not read", async () => {
    peer.greet().send();
    peer.socket.pause();
    const ping = Buffer.concat(
      Array.from({ length: 60_000 }, () => Buffer.from("0000080600000000000000000000000000", "hex")),
    );
    let isOver = false;
    void peer.over.then(() => {
      isOver = true;
    });
    const flood = () => {
      while (!isOver && peer.socket.write(ping));
    };
    peer.socket.on("drain", flood);
    flood();
    const session = sessions[0];
    while (session?.isDestroyed === false) await new Promise((resolve) => setImmediate(resolve));
    expect(session?.isDestroyed).toBe(true);
  });

  it("that closes lets those under way end, and takes no more", async () => {
    peer.greet().request(1, "/", false).send();
    await peer.until(({ type }) => type === FrameType.HEADERS);
    sessions[0]?.close();
    expect(await peer.goaway()).toBe(ErrorCode.NO_ERROR);
    peer.request(3, "/", true);
    peer.out.data(1, Buffer.from("last"), true);
    peer.send();
    expect(await peer.reset(3)).toBe(ErrorCode.REFUSED_STREAM);
    expect((await peer.until(({ type }) => type === FrameType.DATA)).payload.toString()).toBe("last");
    await peer.over;
  });
});
