import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { PacedWriter } from "../../src/uml/paced-writer.ts";
import { decodeTaken, encodeTaken, WINDOW, WindowedSender } from "../../src/uml/window.ts";

/** Turns of the event loop, in which a stream gives what it has. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe("the serial line", () => {
  it("is never given more than the guest's kernel can hold, and all of it in order", () => {
    const written: Uint8Array[] = [];
    const line = new PacedWriter((bytes) => written.push(bytes));
    const sent = Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251));
    line.write(sent.subarray(0, 7));
    line.write(sent.subarray(7));
    let taken = 0;
    const length = () => written.reduce((sum, piece) => sum + piece.length, 0);
    while (taken < sent.length) {
      expect(length() - taken).toBeLessThanOrEqual(3072);
      expect(length()).toBeGreaterThan(taken);
      const step = Math.min(1000, length() - taken);
      taken += step;
      line.taken(step);
    }
    expect(Buffer.concat(written)).toEqual(sent);
  });
});

describe("a command's output", () => {
  it("stops a window ahead of its reader, and goes on as that takes it", async () => {
    const chunk = Buffer.alloc(64 * 1024);
    const source = Readable.from(Array.from({ length: 40 }, () => chunk));
    let [sent, ended] = [0, false];
    const sender = new WindowedSender();
    sender.follow(
      source,
      (piece) => {
        sent += piece.length;
      },
      () => {
        ended = true;
      },
    );
    await turns();
    expect(sent).toBe(WINDOW);
    while (!ended) {
      const before = sent;
      sender.taken(chunk.length);
      await turns();
      expect(sent - before).toBeLessThanOrEqual(chunk.length);
    }
    expect(sent).toBe(40 * chunk.length);
  });

  it("runs to its end once nobody reads it, be the window full", async () => {
    const source = Readable.from(Array.from({ length: 40 }, () => Buffer.alloc(64 * 1024)));
    const sender = new WindowedSender();
    let ended = false;
    sender.follow(
      source,
      () => undefined,
      () => {
        ended = true;
      },
    );
    await turns();
    expect(ended).toBe(false);
    sender.giveUp();
    await turns();
    expect(ended).toBe(true);
  });

  it("says in four bytes what was taken, and nothing else is taken for it", () => {
    expect(decodeTaken(encodeTaken(0x01020304))).toBe(0x01020304);
    expect(decodeTaken(new Uint8Array([1]))).toBe(0);
  });
});
