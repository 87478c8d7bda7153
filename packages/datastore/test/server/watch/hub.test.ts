import { Scope, TestClock } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isDeletion } from "../../../src/server/storage/entry.ts";
import { keyRange } from "../../../src/server/storage/key-range.ts";
import type { Store } from "../../../src/server/storage/store.ts";
import type { Writer } from "../../../src/server/storage/writer.ts";
import { WatchHub } from "../../../src/server/watch/hub.ts";
import type { WatchEvent, Watcher, WatchSink, WatchSpec } from "../../../src/server/watch/watcher.ts";
import { bytes, openStore, text } from "../support/store.ts";

const PROGRESS_MS = 1000;

/** A client that writes down what it is sent. */
class Recorder implements WatchSink {
  ready = true;
  readonly lines: string[] = [];
  #onLine: (() => void) | undefined;

  events(_watcher: Watcher, events: readonly WatchEvent[], revision: number): void {
    this.#add(`${events.map(line).join(" ")} @${revision}`);
  }

  progress(_watcher: Watcher, revision: number): void {
    this.#add(`progress @${revision}`);
  }

  caughtUp(): void {
    this.#add("caught up");
  }

  compacted(_watcher: Watcher, compactRevision: number): void {
    this.#add(`compacted @${compactRevision}`);
  }

  /** Resolves when there are so many lines. */
  async until(count: number): Promise<readonly string[]> {
    while (this.lines.length < count) await new Promise<void>((resolve) => (this.#onLine = resolve));
    return this.lines;
  }

  #add(text: string): void {
    this.lines.push(text);
    this.#onLine?.();
  }
}

function line({ entry, previous }: WatchEvent): string {
  const before = previous === undefined ? "" : `(was ${text(previous.value)})`;
  const now = isDeletion(entry) ? `-${text(entry.key)}` : `+${text(entry.key)}=${text(entry.value)}`;
  return `${now}${before}`;
}

let scope: Scope;
let clock: TestClock;
let store: Store;
let hub: WatchHub;
let sink: Recorder;

beforeEach(() => {
  scope = new Scope("watch hub");
  clock = new TestClock();
  store = openStore(scope);
  hub = new WatchHub({ store, clock, durableRevision: () => store.revision, progressIntervalMs: PROGRESS_MS });
  scope.add("hub", () => hub.close());
  sink = new Recorder();
});
afterEach(() => scope.close());

const ALL: WatchSpec = {
  range: keyRange(bytes("\0"), bytes("\0")),
  puts: true,
  deletes: true,
  previous: false,
  progress: false,
};

/** A group of requests, committed and told. */
function group(...requests: ((writer: Writer) => void)[]): void {
  store.begin();
  for (const request of requests) store.request(request);
  hub.publish(store.commit().changes);
}
const put =
  (key: string, value = "") =>
  (writer: Writer) =>
    writer.put(bytes(key), bytes(value), 0n);
const del = (key: string) => (writer: Writer) => void writer.delete({ kind: "one", key: bytes(key) });

describe("a watch from now on", () => {
  it("gets what a group wrote in one piece, in order, and nothing from before", () => {
    group(put("a", "1"));
    hub.watch(ALL, sink, undefined);
    group(put("a", "2"), put("b", "1"), del("a"));
    expect(sink.lines).toEqual(["+a=2 +b=1 -a @5"]);
  });

  it("gets only what is in its range", () => {
    hub.watch({ ...ALL, range: keyRange(bytes("b"), bytes("c")) }, sink, undefined);
    const single = new Recorder();
    hub.watch({ ...ALL, range: keyRange(bytes("bb"), bytes("")) }, single, undefined);
    group(put("a"), put("b"), put("bb"), put("c"));
    expect(sink.lines).toEqual(["+b= +bb= @5"]);
    expect(single.lines).toEqual(["+bb= @5"]);
  });

  it("leaves out puts, or deletions, where told to", () => {
    const deletions = new Recorder();
    hub.watch({ ...ALL, puts: false }, deletions, undefined);
    hub.watch({ ...ALL, deletes: false }, sink, undefined);
    group(put("a"), del("a"));
    expect(deletions.lines).toEqual(["-a @3"]);
    expect(sink.lines).toEqual(["+a= @3"]);
  });

  it("tells what a key was before, where asked", () => {
    group(put("a", "1"));
    hub.watch({ ...ALL, previous: true }, sink, undefined);
    group(put("a", "2"), del("a"), put("a", "3"));
    expect(sink.lines).toEqual(["+a=2(was 1) -a(was 2) +a=3 @5"]);
  });

  it("gets nothing more when canceled", () => {
    const watcher = hub.watch(ALL, sink, undefined);
    group(put("a"));
    hub.cancel(watcher);
    group(put("b"));
    expect(sink.lines).toEqual(["+a= @2"]);
  });
});

describe("a watch from a revision", () => {
  it("in the past gets the history, and then goes on without a gap or a double", async () => {
    for (let number = 0; number < 10; number++) group(put("a", `${number}`));
    hub.watch(ALL, sink, 9);
    group(put("a", "new"));
    await sink.until(2);
    group(put("a", "newer"));
    expect(sink.lines).toEqual(["+a=7 +a=8 +a=9 +a=new @12", "caught up", "+a=newer @13"]);
  });

  it("in the future gets nothing before it", () => {
    hub.watch(ALL, sink, 4);
    group(put("a"), put("b"));
    group(put("c"));
    expect(sink.lines).toEqual(["+c= @4"]);
  });

  it("reads a long history in bounded pieces that end with a revision", async () => {
    const all = (writer: Writer) => {
      for (let number = 0; number < 700; number++) put(`${number}`)(writer);
    };
    // Revisions of 700 writes each: a piece holds two, for it may not end within one.
    for (let round = 0; round < 5; round++) group(all);
    hub.watch(ALL, sink, 1);
    const lines = await sink.until(4);
    const sizes = lines.map((one) => one.split(" ").filter((word) => word.startsWith("+")).length);
    expect(sizes).toEqual([1400, 1400, 700, 0]);
    expect(lines.map((one) => one.split(" ").at(-1))).toEqual(["@3", "@5", "@6", "up"]);
  });

  it("that is compacted away is told where history begins, and is over", async () => {
    group(put("a", "1"), put("a", "2"), put("a", "3"), del("a"));
    group((writer) => writer.compact(5));
    hub.watch(ALL, sink, 4);
    const edge = new Recorder();
    hub.watch(ALL, edge, 5);
    await sink.until(1);
    await edge.until(2);
    group(put("b"));
    expect(sink.lines).toEqual(["compacted @5"]);
    expect(edge.lines).toEqual(["-a @5", "caught up", "+b= @6"]);
  });
});

describe("a slow client", () => {
  it("is not buffered for: its watches read the history when it is ready again", async () => {
    hub.watch({ ...ALL, previous: true }, sink, undefined);
    sink.ready = false;
    group(put("a", "1"));
    group(put("a", "2"), put("b", "1"));
    expect(sink.lines).toEqual([]);
    sink.ready = true;
    hub.resume();
    await sink.until(2);
    group(put("b", "2"));
    expect(sink.lines).toEqual(["+a=1 +a=2(was 1) +b=1 @4", "caught up", "+b=2(was 1) @5"]);
  });

  it("does not fall behind over writes that are none of its business", () => {
    const watcher = hub.watch({ ...ALL, range: keyRange(bytes("z"), bytes("")) }, sink, undefined);
    sink.ready = false;
    group(put("a"));
    expect(watcher.state).toBe("current");
    group(put("z"));
    expect(watcher.state).toBe("behind");
  });

  it("that stays away until its place is compacted is told so", async () => {
    hub.watch(ALL, sink, undefined);
    sink.ready = false;
    group(put("a", "1"));
    group(put("a", "2"), (writer) => writer.compact(3));
    sink.ready = true;
    hub.resume();
    expect(await sink.until(1)).toEqual(["compacted @3"]);
  });

  it("does not hold up others", async () => {
    const quick = new Recorder();
    hub.watch(ALL, sink, undefined);
    hub.watch(ALL, quick, undefined);
    sink.ready = false;
    group(put("a"));
    expect(quick.lines).toEqual(["+a= @2"]);
    const late = new Recorder();
    hub.watch(ALL, late, 1);
    expect(await late.until(2)).toEqual(["+a= @2", "caught up"]);
  });
});

describe("progress", () => {
  it("is told to watches that asked for it and had nothing since the last time", () => {
    const busy = new Recorder();
    hub.watch({ ...ALL, range: keyRange(bytes("quiet"), bytes("")), progress: true }, sink, undefined);
    hub.watch({ ...ALL, progress: true }, busy, undefined);
    group(put("a"));
    clock.advance(PROGRESS_MS);
    expect(sink.lines).toEqual(["progress @2"]);
    expect(busy.lines).toEqual(["+a= @2"]);
    clock.advance(PROGRESS_MS);
    expect(busy.lines).toEqual(["+a= @2", "progress @2"]);
  });

  it("is not told to others", () => {
    hub.watch(ALL, sink, undefined);
    clock.advance(10 * PROGRESS_MS);
    expect(sink.lines).toEqual([]);
  });
});
