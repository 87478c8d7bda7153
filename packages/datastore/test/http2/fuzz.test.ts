import { once } from "node:events";
import { connect } from "node:net";
import fc from "fast-check";
import { expect, it } from "vitest";
import { Flag, FrameType, PREFACE } from "../../src/http2/frames/types.ts";
import { FrameWriter } from "../../src/http2/frames/writer.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { ClientSession, ServerSession } from "../../src/http2/index.ts";
import { listen, RawPeer } from "./support.ts";

/** More by OCICAT_FUZZ_RUNS. A failure prints its seed. */
const NUM_RUNS = Number(process.env.OCICAT_FUZZ_RUNS ?? 300);
const WINDOWS = { stream: 70_000, session: 70_000 };

const request = new HpackEncoder().encode([
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/"],
]);
const response = new HpackEncoder().encode([
  [":status", "200"],
  ["content-type", "application/grpc"],
]);

/** Frames that are nearly right: of the known types, on few streams, with payloads that mostly fit. */
const frame = fc.record({
  type: fc.integer({ min: 0, max: 11 }),
  flags: fc.oneof(
    fc.constantFrom<number>(0, Flag.END_HEADERS, Flag.END_HEADERS | Flag.END_STREAM, Flag.ACK),
    fc.nat(255),
  ),
  streamId: fc.constantFrom(0, 1, 3, 5, 2, 2 ** 31 - 1),
  payload: fc.oneof(
    fc.constantFrom<Uint8Array>(Buffer.from(request), Buffer.from(response), Buffer.alloc(4, 1), Buffer.alloc(8)),
    fc.uint8Array({ maxLength: 40 }),
    fc.constant(Buffer.alloc(9000)),
  ),
});
const conversation = fc.record({
  frames: fc.array(frame, { maxLength: 20 }),
  /** One byte of all, turned into another. */
  flip: fc.option(fc.record({ at: fc.nat(10_000), by: fc.integer({ min: 1, max: 255 }) })),
  greets: fc.constantFrom(true, true, true, false),
});

function bytesOf(
  { frames, flip, greets }: typeof conversation extends fc.Arbitrary<infer T> ? T : never,
  preface: boolean,
) {
  const out = new FrameWriter();
  if (preface) out.raw(PREFACE);
  if (greets) out.settings([]);
  for (const { type, flags, streamId, payload } of frames) {
    const { bytes, at } = out.frame(type, flags, streamId, payload.length);
    bytes.set(payload, at);
  }
  const bytes = Buffer.from(out.take());
  if (flip !== null && flip.at < bytes.length) bytes[flip.at] = (bytes[flip.at] ?? 0) ^ flip.by;
  return bytes;
}

it("a server's session survives whatever a client says, and serves the next", { timeout: 60_000 }, async () => {
  const server = await listen((socket) => {
    new ServerSession(socket, {
      windows: WINDOWS,
      maxStreams: 3,
      onRequest: (stream) => {
        stream.respond([[":status", "200"]]);
        const answer = (bytes: Buffer) => void stream.write(Buffer.from(bytes));
        return { headers() {}, data: answer, ended: () => stream.end(), drained() {}, closed() {} };
      },
    });
  });
  try {
    const property = fc.asyncProperty(conversation, async (said) => {
      const peer = await RawPeer.dial(server.port);
      peer.socket.end(bytesOf(said, true));
      await peer.over;
    });
    await fc.assert(property, { seed: 7, numRuns: NUM_RUNS });
    const good = await RawPeer.dial(server.port);
    good.greet().request(1, "/", true).send();
    await good.until(({ type, flags }) => type === FrameType.DATA && (flags & Flag.END_STREAM) !== 0);
    good.socket.destroy();
  } finally {
    await server.close();
  }
});

it("a client's session survives whatever a server says, and ends each request once", { timeout: 60_000 }, async () => {
  let said = Buffer.alloc(0);
  const server = await listen((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(said));
  });
  try {
    const property = fc.asyncProperty(conversation, async (conversation) => {
      said = bytesOf(conversation, false);
      const socket = connect(server.port, "127.0.0.1");
      await once(socket, "connect");
      const closed = Promise.withResolvers<void>();
      const session = new ClientSession(socket, { scheme: "http", authority: "a" }, WINDOWS, {
        closed: () => closed.resolve(),
      });
      const ends = [0, 0, 0];
      for (const [index] of ends.entries()) {
        const listener = {
          headers() {},
          data() {},
          ended() {},
          drained() {},
          closed() {
            ends[index] = (ends[index] ?? 0) + 1;
          },
        };
        session
          .request(
            [
              [":method", "POST"],
              [":scheme", "http"],
              [":path", "/"],
            ],
            listener,
          )
          .write(Buffer.alloc(9));
      }
      await closed.promise;
      expect(ends).toEqual([1, 1, 1]);
    });
    await fc.assert(property, { seed: 7, numRuns: NUM_RUNS });
  } finally {
    await server.close();
  }
});
