import type { WatchEvent } from "@ocicat/datastore";
import { seededRandom, TestClock } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { History } from "../src/cache/history.ts";
import { Counters } from "../src/serve/counters.ts";
import { Distributor, type Reader } from "../src/serve/distributor.ts";
import { identify } from "../src/serve/identity.ts";

function put(revision: number, key = "/a/k"): WatchEvent {
  const item = { key, value: "v", modRevision: BigInt(revision), createRevision: 1n, version: 1n, lease: 0n };
  return { type: "put", item, previous: undefined };
}

describe("what is handed out", () => {
  const make = () => {
    const clock = new TestClock();
    const history = new History(0n, { events: 8, size: 1_000 });
    let changed = () => {};
    const counters = new Counters();
    const subscribe = (callback: () => void) => {
      changed = callback;
      return () => {};
    };
    const distributor = new Distributor({ history, subscribe }, identify("c", seededRandom(1)), counters, clock);
    const push = (...events: readonly WatchEvent[]) => {
      history.push(events);
      changed();
    };
    const reader = (id: bigint, range = { key: "/a/", end: "/a0" }) => {
      const frames: Buffer[] = [];
      const state = { isReady: true, lost: undefined as bigint | undefined, frames };
      const made: Reader = {
        id,
        range,
        place: history.end,
        isReady: () => state.isReady,
        send: (frame) => void frames.push(frame),
        lost: (floor) => {
          state.lost = floor;
        },
      };
      distributor.add(made);
      return { ...made, state, reader: made };
    };
    return { clock, counters, distributor, push, reader };
  };

  it("is one message for all who read the same under the same number, and nothing for who reads something else", () => {
    const { push, reader, counters } = make();
    const readers = [reader(1n), reader(1n), reader(2n), reader(1n, { key: "/b/", end: "/b0" })];
    push(put(1));
    expect(readers.map(({ state }) => state.frames.length)).toEqual([1, 1, 1, 0]);
    expect(readers[0]?.state.frames[0]).toBe(readers[1]?.state.frames[0]);
    expect([counters.framesEncoded, counters.framesSent]).toEqual([2, 3]);
  });

  it("goes at once after a silence, and together when much comes", () => {
    const { push, reader, clock } = make();
    const { state } = reader(1n);
    push(put(1));
    expect(state.frames).toHaveLength(1);
    push(put(2));
    push(put(3));
    expect(state.frames).toHaveLength(1);
    clock.advance(20);
    expect(state.frames).toHaveLength(2);
  });

  it("waits in history for who is not ready, and is lost to who was not for too long", () => {
    const { push, reader, clock, distributor } = make();
    const [late, too] = [reader(1n), reader(1n)];
    late.state.isReady = false;
    too.state.isReady = false;
    for (let revision = 1; revision <= 5; revision++) push(put(revision));
    clock.advance(20);
    late.state.isReady = true;
    distributor.deliver(late.reader);
    expect([late.state.frames.length, too.state.frames.length]).toEqual([1, 0]);
    for (let revision = 6; revision <= 30; revision++) push(put(revision));
    too.state.isReady = true;
    distributor.deliver(too.reader);
    expect([too.state.frames.length, too.state.lost !== undefined]).toEqual([0, true]);
    expect(late.state.lost).toBeUndefined();
  });
});
