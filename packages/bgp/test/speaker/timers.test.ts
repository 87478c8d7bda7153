import { seededRandom, TestClock } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { Timers } from "../../src/speaker/timers.ts";
import { address4, createLab, peerTo } from "../support/lab.ts";

function setup() {
  const clock = new TestClock();
  const fired: string[] = [];
  const timers = new Timers(clock, seededRandom(1));
  return {
    clock,
    fired,
    timers,
    start: (name: string, ms: number) =>
      timers.start(name, ms, false, () => fired.push(`${name} ${clock.monotonic()}`)),
  };
}

describe("timers", () => {
  it("started again wait for the later time, and make no new timer for that", () => {
    const { clock, fired, start } = setup();
    for (let ms = 0; ms < 1000; ms += 10) {
      start("hold", 100);
      expect(clock.waiting()).toEqual(["hold"]);
      clock.advance(10);
    }
    expect(fired).toEqual([]);
    clock.advance(200);
    expect(fired).toEqual(["hold 1090"]);
  });

  it("started again for an earlier time fire then", () => {
    const { clock, fired, start } = setup();
    start("retry", 1000);
    start("retry", 10);
    clock.advance(2000);
    expect(fired).toEqual(["retry 10"]);
  });

  it("stopped do not fire, and may be started again", () => {
    const { clock, fired, start, timers } = setup();
    start("a", 10);
    timers.stop("a");
    clock.advance(100);
    start("a", 10);
    start("b", 10);
    timers.stopAll();
    clock.advance(100);
    expect(fired).toEqual([]);
    expect(clock.waiting()).toEqual([]);
  });

  it("with jitter fire between three quarters of the time and the whole (RFC 4271 §10)", () => {
    const times = Array.from({ length: 200 }, (_, seed) => {
      const clock = new TestClock();
      let at = -1;
      new Timers(clock, seededRandom(seed)).start("x", 1000, true, () => {
        at = clock.monotonic();
      });
      clock.advance(1000);
      return at;
    });
    expect(Math.min(...times)).toBeGreaterThanOrEqual(750);
    expect(Math.min(...times)).toBeLessThan(770);
    expect(Math.max(...times)).toBeGreaterThan(980);
  });
});

describe("the hold timer of a process that was held up", () => {
  it("does not end a session whose messages are waiting to be read", async () => {
    const lab = createLab();
    const [a, b] = [await lab.node("10.0.0.1"), await lab.node("10.0.0.2")];
    a.speaker.setPeers([peerTo("10.0.0.1", "10.0.0.2")]);
    b.speaker.setPeers([peerTo("10.0.0.2", "10.0.0.1")]);
    lab.advance(1000);
    // A reads nothing for longer than the hold time; what was sent meanwhile comes right after the timer.
    lab.network.stall(address4("10.0.0.1"));
    const until = lab.clock.monotonic();
    while (
      !lab.clock.waiting().includes("outgoing hold grace") &&
      !lab.clock.waiting().includes("incoming hold grace")
    ) {
      lab.advance(10);
      expect(lab.clock.monotonic() - until).toBeLessThan(100_000);
    }
    lab.network.resume(address4("10.0.0.1"));
    lab.advance(1000);
    expect(a.speaker.status()).toMatchObject([{ state: "Established", lastError: undefined }]);
  });
});
