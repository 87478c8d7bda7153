import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FrameType, Setting } from "../../src/http2/frames/types.ts";
import { ClientSession, ErrorCode, type Headers, type Reset, type Stream } from "../../src/http2/index.ts";
import { listen, RawPeer } from "./support.ts";

let server: Awaited<ReturnType<typeof listen>>;
let session: ClientSession;
let peer: RawPeer;

/** A client of ours with a server that says what a test tells it to. */
beforeEach(async () => {
  const accepted = Promise.withResolvers<RawPeer>();
  server = await listen((socket) => {
    // The preface is no frame.
    socket.once("readable", () => {
      socket.read(24);
      accepted.resolve(new RawPeer(socket));
    });
  });
  const socket = connect(server.port, "127.0.0.1");
  await once(socket, "connect");
  session = new ClientSession(socket, { scheme: "http", authority: "a" }, { stream: 70_000, session: 70_000 });
  peer = await accepted.promise;
});
afterEach(async () => {
  session.destroy();
  await server.close();
});

interface Heard {
  readonly stream: Stream;
  readonly headers: Headers[];
  readonly closed: Promise<Reset | undefined>;
}

function ask(): Heard {
  const headers: Headers[] = [];
  const { promise, resolve } = Promise.withResolvers<Reset | undefined>();
  const stream = session.request(
    [
      [":method", "POST"],
      [":scheme", "http"],
      [":path", "/"],
    ],
    { headers: (more) => void headers.push(more), data() {}, ended() {}, drained() {}, closed: resolve },
  );
  return { stream, headers, closed: promise };
}

const requests = () => peer.frames.filter(({ type }) => type === FrameType.HEADERS).map(({ streamId }) => streamId);
const dataOf = (streamId: number) =>
  peer.frames
    .filter((frame) => frame.type === FrameType.DATA && frame.streamId === streamId)
    .reduce((bytes, { payload }) => bytes + payload.length, 0);
const answer = (streamId: number) =>
  peer.out.headers(
    streamId,
    peer.hpack.encode([
      [":status", "200"],
      ["grpc-status", "0"],
    ]),
    true,
  );

describe("a client's session", () => {
  it("asks no more at once than the server allows, and the rest when there is room", async () => {
    peer.out.settings([[Setting.MAX_CONCURRENT_STREAMS, 2]]);
    peer.send();
    await peer.until(({ type, flags }) => type === FrameType.SETTINGS && flags === 1);
    const asked = [ask(), ask(), ask(), ask()];
    for (const { stream } of asked) stream.end(Buffer.from("x"));
    asked[2]?.stream.reset(ErrorCode.CANCEL, "not any more");
    expect(await asked[2]?.closed).toMatchObject({ unprocessed: true });
    await peer.until(({ streamId }) => streamId === 3);
    expect(requests()).toEqual([1, 3]);
    answer(1);
    peer.send();
    expect(await asked[0]?.closed).toBeUndefined();
    await peer.until(({ streamId, type }) => streamId === 5 && type === FrameType.DATA);
    expect(requests()).toEqual([1, 3, 5]);
  });

  it("tells what a server that goes away has not begun, and waits for what it has", async () => {
    peer.out.settings([]);
    const [first, second] = [ask(), ask()];
    await peer.until(({ streamId }) => streamId === 3);
    peer.out.goaway(1, ErrorCode.NO_ERROR, "");
    peer.send();
    expect(await second.closed).toMatchObject({ unprocessed: true });
    expect(() => ask()).toThrow("takes no more");
    first.stream.end();
    answer(1);
    peer.send();
    expect(await first.closed).toBeUndefined();
    await peer.over;
  });

  it("keeps to windows that the server narrows below what is sent already, and widens again", async () => {
    peer.out.settings([[Setting.INITIAL_WINDOW_SIZE, 100]]);
    peer.send();
    await peer.until(({ type, flags }) => type === FrameType.SETTINGS && flags === 1);
    const { stream } = ask();
    stream.end(Buffer.alloc(1000));
    await peer.until(() => dataOf(1) === 100);
    // 100 sent of 40 allowed: 60 too many.
    peer.out.settings([[Setting.INITIAL_WINDOW_SIZE, 40]]);
    peer.out.windowUpdate(1, 60);
    peer.send();
    const acks = () => peer.frames.filter(({ type, flags }) => type === FrameType.SETTINGS && flags === 1).length;
    await peer.until(() => acks() === 2);
    expect(dataOf(1)).toBe(100);
    peer.out.windowUpdate(1, 7);
    peer.send();
    await peer.until(() => dataOf(1) === 107);
    peer.out.settings([[Setting.INITIAL_WINDOW_SIZE, 70_000]]);
    peer.send();
    await peer.until(() => dataOf(1) === 1000);
  });

  it("takes what comes before the answer, and the connection's end without one is told", async () => {
    peer.out.settings([]);
    const [first, second] = [ask(), ask()];
    first.stream.end();
    peer.out.headers(1, peer.hpack.encode([[":status", "103"]]), false);
    answer(1);
    peer.send();
    expect(await first.closed).toBeUndefined();
    expect(first.headers.map((headers) => headers[":status"])).toEqual(["200"]);
    peer.socket.destroy();
    expect(await second.closed).toMatchObject({ by: "connection", unprocessed: false });
  });

  it.each([
    [ErrorCode.REFUSED_STREAM, true],
    [ErrorCode.INTERNAL_ERROR, false],
  ])("tells of reset code %i whether the request may have been begun", async (code, unprocessed) => {
    peer.out.settings([]);
    const { closed } = ask();
    await peer.until(({ streamId }) => streamId === 1);
    peer.out.reset(1, code);
    peer.send();
    expect(await closed).toMatchObject({ code, by: "peer", unprocessed });
  });
});
