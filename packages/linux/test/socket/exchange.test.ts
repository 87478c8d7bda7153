import { MessageWriter, messagesIn, NLM_F_DUMP_INTR } from "@ocicat/netlink";
import { describe, expect, it } from "vitest";
import { applyOperations } from "../../src/host/apply.ts";
import { Exchange, type ReadAnswer } from "../../src/socket/exchange.ts";

const ERROR = 2;
const DONE = 3;
const MULTI = 2;

/** Answers each send by a script: what `answer` builds with the request's sequence number. */
function scripted(answer: (out: MessageWriter, sequence: number, round: number) => MessageWriter[]) {
  const waiting: Uint8Array[] = [];
  let rounds = 0;
  const exchange = new Exchange({
    send(bytes) {
      const last = [...messagesIn(bytes)].at(-1);
      for (const out of answer(new MessageWriter(), last?.sequence ?? 0, rounds++)) waiting.push(out.finish());
    },
    receive: () => waiting.shift(),
  });
  return { exchange, rounds: () => rounds, waiting };
}

function status(number: number): Uint8Array {
  const bytes = new Uint8Array(20);
  new DataView(bytes.buffer).setInt32(0, -number, true);
  return bytes;
}

const item = (out: MessageWriter, flags: number, sequence: number, value: number) =>
  out.begin(24, flags, sequence, Uint8Array.of(value, 0, 0, 0));
const first: ReadAnswer<number> = ({ payload }) => payload[0];
const build = (out: MessageWriter, flags: number, sequence: number) =>
  void out.begin(26, flags, sequence, new Uint8Array(4));

describe("a dump", () => {
  it("that the kernel calls interrupted is taken again, and the first one forgotten", () => {
    const { exchange, rounds } = scripted((out, sequence, round) => {
      const flags = MULTI | (round === 0 ? NLM_F_DUMP_INTR : 0);
      item(out, flags, sequence, 10 + round);
      return [out, new MessageWriter().begin(DONE, flags, sequence, status(0))];
    });
    expect(exchange.dump("listing", build, first)).toEqual([11]);
    expect(rounds()).toBe(2);
  });

  it("that is interrupted every time is EINTR, not a list with holes", () => {
    const { exchange, rounds } = scripted((out, sequence) => [
      out.begin(DONE, MULTI | NLM_F_DUMP_INTR, sequence, status(0)),
    ]);
    expect(() => exchange.dump("listing", build, first)).toThrow(
      expect.objectContaining({ errno: "EINTR", retryable: true }),
    );
    expect(rounds()).toBe(20);
  });

  it("that ends with an error is that error", () => {
    const { exchange } = scripted((out, sequence) => [out.begin(DONE, MULTI, sequence, status(12))]);
    expect(() => exchange.dump("listing", build, first)).toThrow(expect.objectContaining({ errno: "ENOMEM" }));
  });

  it("that does not end is EIO", () => {
    const { exchange } = scripted((out, sequence) => [item(out, MULTI, sequence, 1)]);
    expect(() => exchange.dump("listing", build, first)).toThrow(expect.objectContaining({ errno: "EIO" }));
  });

  it("takes no notice of what belongs to another request", () => {
    const { exchange } = scripted((out, sequence) => {
      item(out, MULTI, sequence + 1, 66);
      item(out, MULTI, sequence, 7);
      return [out.begin(DONE, MULTI, sequence, status(0))];
    });
    expect(exchange.dump("listing", build, first)).toEqual([7]);
  });

  it("with a message that cannot be read throws, after reading all that waits", () => {
    const { exchange, waiting } = scripted((out, sequence) => [
      item(out, MULTI, sequence, 1),
      item(new MessageWriter(), MULTI, sequence, 2),
      new MessageWriter().begin(DONE, MULTI, sequence, status(0)),
    ]);
    const unreadable: ReadAnswer<number> = () => {
      throw new RangeError("cannot be read");
    };
    expect(() => exchange.dump("listing", build, unreadable)).toThrow(RangeError);
    expect(waiting).toEqual([]);
  });
});

describe("a batch of writes", () => {
  it("whose last message is not answered throws: nothing may be taken for done", () => {
    const { exchange } = scripted((out, sequence) => [out.begin(ERROR, 0, sequence - 1, status(17))]);
    const operations = [1, 2].map((index) => ({ op: "link.delete", index }) as const);
    expect(() => applyOperations(exchange, operations)).toThrow(expect.objectContaining({ errno: "EIO" }));
  });

  it("asks for one acknowledgement a batch, of the last message", () => {
    const acknowledged: boolean[] = [];
    const exchange = new Exchange({
      send: (bytes) => void acknowledged.push(...[...messagesIn(bytes)].map(({ flags }) => (flags & 4) !== 0)),
      receive: () => undefined,
    });
    const operations = [1, 2, 3].map((index) => ({ op: "link.delete", index }) as const);
    expect(() => applyOperations(exchange, operations)).toThrow();
    expect(acknowledged).toEqual([false, false, true]);
  });
});
