import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  callStream,
  callUnary,
  decodeGrpcMessage,
  decodeTimeout,
  encodeFrame,
  encodeGrpcMessage,
  encodeTimeout,
  FrameDecoder,
  GrpcCode,
  GrpcError,
  GrpcRouter,
} from "../../src/grpc/index.ts";
import {
  KV,
  PutRequestSchema,
  type PutResponse,
  PutResponseSchema,
  Watch,
  WatchRequestSchema,
  WatchResponseSchema,
} from "../../src/proto/rpc_pb.ts";
import {
  ourRequester,
  ourServer,
  type TestRequester,
  type TestServer,
  witnessRequester,
  witnessServer,
} from "../support/sessions.ts";

const MAX = 1 << 20;

describe("FrameDecoder", () => {
  const frame = encodeFrame(PutRequestSchema, create(PutRequestSchema, { key: Buffer.from("k"), lease: 7n }));

  it("cuts the same messages out of any chunking", () => {
    const stream = Buffer.concat([frame, frame, frame]);
    for (let size = 1; size <= stream.length; size++) {
      const decoder = new FrameDecoder(MAX);
      const got: string[] = [];
      for (let at = 0; at < stream.length; at += size) {
        decoder.push(stream.subarray(at, at + size), (message) => got.push(message.toString("hex")));
      }
      const body = frame.subarray(5).toString("hex");
      expect(got).toEqual([body, body, body]);
      expect(decoder.empty).toBe(true);
    }
  });

  it("refuses a compressed message and one beyond the limit", () => {
    const compressed = Buffer.from(frame);
    compressed[0] = 1;
    expect(() => new FrameDecoder(MAX).push(compressed, () => {})).toThrow(/compressed/);
    expect(() => new FrameDecoder(frame.length - 6).push(frame, () => {})).toThrow(/larger than max/);
  });
});

describe("grpc-message", () => {
  it("is percent-encoded UTF-8 and comes back as it was", () => {
    expect(encodeGrpcMessage("50% – ok\n")).toBe("50%25 %E2%80%93 ok%0A");
    for (const text of ["", "plain", "50% – ok\n", "钥匙 🔑 %41"])
      expect(decodeGrpcMessage(encodeGrpcMessage(text))).toBe(text);
  });

  it("keeps malformed escapes", () => {
    expect(decodeGrpcMessage("100% of %zz %4")).toBe("100% of %zz %4");
  });
});

describe("grpc-timeout", () => {
  it("reads every unit and nothing else", () => {
    expect(["1H", "2M", "3S", "4m", "5000u", "6000000n"].map(decodeTimeout)).toEqual([
      3_600_000, 120_000, 3_000, 4, 5, 6,
    ]);
    expect(["", "1", "m", "123456789m", "-1m", undefined].map(decodeTimeout)).toEqual(Array(6).fill(undefined));
    expect(decodeTimeout(encodeTimeout(2500.2))).toBe(2501);
  });
});

/** Each side with ours and with Node's: four ways to be right together, or wrong alone. */
const PAIRS = [
  { name: "ours to ours", serve: ourServer, dial: ourRequester },
  { name: "ours to Node's", serve: witnessServer, dial: ourRequester },
  { name: "Node's to ours", serve: ourServer, dial: witnessRequester },
];

describe.each(PAIRS)("a call over HTTP/2, $name", ({ serve, dial }) => {
  let router: GrpcRouter;
  let server: TestServer;
  let session: TestRequester;

  beforeEach(async () => {
    router = new GrpcRouter({ maxMessageBytes: 1000 });
    server = await serve(router);
    session = await dial(server.port);
  });
  afterEach(async () => {
    session.destroy();
    await server.close();
  });

  const put = (key: string, value: string) =>
    new Promise<PutResponse>((resolve, reject) => {
      const request = create(PutRequestSchema, { key: Buffer.from(key), value: Buffer.from(value) });
      callUnary(session.requester, KV.method.put, request, { maxMessageBytes: MAX }, (error, answer) => {
        if (answer !== undefined) resolve(answer);
        else reject(error ?? new Error("neither error nor answer"));
      });
    });

  it("unary: answers, and tells which metadata came", async () => {
    router.unary(KV.method.put, (request, { headers }) =>
      create(PutResponseSchema, {
        header: { revision: BigInt(request.key.length) },
        prevKv: { key: Buffer.from(String(headers.te)) },
      }),
    );
    const answer = await put("four", "");
    expect(answer.header?.revision).toBe(4n);
    expect(Buffer.from(answer.prevKv?.key ?? []).toString()).toBe("trailers");
  });

  it("unary: a handler's error arrives with its code and its exact text", async () => {
    router.unary(KV.method.put, () => Promise.reject(new GrpcError(GrpcCode.OUT_OF_RANGE, "100% 过期")));
    await expect(put("a", "b")).rejects.toMatchObject({
      code: GrpcCode.OUT_OF_RANGE,
      message: "100% 过期",
      origin: "peer",
    });
  });

  it("unary: an unknown method is UNIMPLEMENTED, an oversized message RESOURCE_EXHAUSTED", async () => {
    await expect(put("a", "b")).rejects.toMatchObject({ code: GrpcCode.UNIMPLEMENTED, origin: "peer" });
    router.unary(KV.method.put, () => create(PutResponseSchema));
    await expect(put("a", "x".repeat(2000))).rejects.toMatchObject({
      code: GrpcCode.RESOURCE_EXHAUSTED,
      origin: "peer",
    });
  });

  it("unary: a connection that dies before the status leaves the outcome open", async () => {
    router.unary(KV.method.put, () => {
      session.destroy();
      return create(PutResponseSchema);
    });
    await expect(put("a", "b")).rejects.toMatchObject({ code: GrpcCode.UNAVAILABLE, origin: "lost" });
  });

  it("unary: a session that is already closed never sent it", async () => {
    session.destroy();
    await expect(put("a", "b")).rejects.toMatchObject({ code: GrpcCode.UNAVAILABLE, origin: "unsent" });
  });

  it("streaming: both ways, then the server's status, then nothing", async () => {
    const seen: string[] = [];
    const over = Promise.withResolvers<void>();
    router.stream(Watch.method.watch, (call) => ({
      message: (request) => {
        if (request.requestUnion.case === "progressRequest") call.end(new GrpcError(GrpcCode.ABORTED, "enough"));
        else call.send(create(WatchResponseSchema, { watchId: 9n }));
      },
      halfClosed: () => {},
      drained: () => {},
      closed: over.resolve,
    }));
    const result = await new Promise<GrpcError | undefined>((resolve) => {
      const call = callStream(
        session.requester,
        Watch.method.watch,
        { maxMessageBytes: MAX },
        {
          message(message) {
            seen.push(String(message.watchId));
            call.send(create(WatchRequestSchema, { requestUnion: { case: "progressRequest", value: {} } }));
          },
          closed: resolve,
        },
      );
      call.send(create(WatchRequestSchema, { requestUnion: { case: "cancelRequest", value: {} } }));
    });
    expect(seen).toEqual(["9"]);
    expect(result).toMatchObject({ code: GrpcCode.ABORTED, message: "enough", origin: "peer" });
    await over.promise;
  });

  it("streaming: cancelling ends both sides", async () => {
    const over = Promise.withResolvers<void>();
    router.stream(Watch.method.watch, () => ({
      message: () => {},
      halfClosed: () => {},
      drained: () => {},
      closed: over.resolve,
    }));
    const result = await new Promise<GrpcError | undefined>((resolve) => {
      const call = callStream(
        session.requester,
        Watch.method.watch,
        { maxMessageBytes: MAX },
        { message: () => {}, closed: resolve },
      );
      call.cancel(new GrpcError(GrpcCode.CANCELLED, "changed my mind", "local"));
    });
    expect(result).toMatchObject({ code: GrpcCode.CANCELLED, origin: "local" });
    await over.promise;
  });

  it("what is not gRPC gets 415", async () => {
    const status = await new Promise<string | undefined>((resolve) => {
      const { origin } = session.requester;
      const headers = [
        [":method", "GET"],
        [":scheme", origin.scheme],
        [":path", "/"],
        [":authority", origin.authority],
      ] as const;
      session.requester
        .request(headers, {
          headers: (answer) => resolve(answer[":status"]),
          data() {},
          ended() {},
          drained() {},
          closed() {},
        })
        .end();
    });
    expect(status).toBe("415");
  });
});
