import { TestClock } from "@ocicat/kit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { prefixRange } from "../../src/etcd/codec.ts";
import { Deadlines } from "../../src/etcd/deadlines.ts";
import { parseEndpoint } from "../../src/etcd/endpoint.ts";
import { openEtcd, systemClock } from "../../src/etcd/index.ts";

describe("parseEndpoint()", () => {
  it("reads what people write", () => {
    const tcp = (host: string, port: number) => ({ kind: "tcp", host, port });
    expect(parseEndpoint("http://10.0.0.1:2379")).toMatchObject(tcp("10.0.0.1", 2379));
    expect(parseEndpoint("http://etcd.local:80/")).toMatchObject(tcp("etcd.local", 80));
    expect(parseEndpoint("http://master")).toMatchObject(tcp("master", 2379));
    expect(parseEndpoint("http://[fd00::1]:4001")).toMatchObject(tcp("fd00::1", 4001));
    expect(parseEndpoint("http://[fd00::1]")).toMatchObject(tcp("fd00::1", 2379));
    expect(parseEndpoint("https://h:443")).toMatchObject({ kind: "tls", host: "h", port: 443 });
    expect(parseEndpoint("unix:///run/etcd.sock")).toMatchObject({ kind: "unix", path: "/run/etcd.sock" });
  });

  it("refuses the rest, with the text and the forms there are", () => {
    for (const text of [
      "",
      "h:2379",
      "ftp://h:1",
      "http://",
      "http://h:1/path",
      "http://h:99999",
      "unix://run/x",
      "unix:///",
    ]) {
      expect(() => parseEndpoint(text)).toThrow(expect.objectContaining({ code: "INVALID" }));
    }
    expect(() => parseEndpoint("h:2379")).toThrow(/"h:2379".*unix:\/\//);
  });

  it("does not repeat a password in its error", () => {
    expect(() => parseEndpoint("http://me:hunter2@h:1")).toThrow(expect.objectContaining({ code: "INVALID" }));
    expect(() => parseEndpoint("http://me:hunter2@h:1")).not.toThrow(/hunter2/);
  });
});

describe("openEtcd()", () => {
  it("refuses options that cannot work before it opens anything", () => {
    const endpoints = ["http://127.0.0.1:1"];
    for (const options of [
      { endpoints: [] },
      { endpoints, timeoutMs: 0 },
      { endpoints, keepAlive: { idleMs: Number.NaN } },
      { endpoints, tls: { certFile: "/cert" } },
    ]) {
      expect(() => openEtcd(options)).toThrow(expect.objectContaining({ code: "INVALID" }));
    }
  });
});

describe("prefixRange()", () => {
  it("holds a key if and only if it begins with the prefix", () => {
    const text = fc.string({ unit: "binary", maxLength: 4 });
    fc.assert(
      fc.property(text, text, (prefix, key) => {
        fc.pre(key !== "");
        const { key: start, rangeEnd } = prefixRange(prefix);
        const bytes = Buffer.from(key);
        const endless = rangeEnd.length === 1 && rangeEnd[0] === 0;
        const within = Buffer.compare(bytes, start) >= 0 && (endless || Buffer.compare(bytes, rangeEnd) < 0);
        expect(within).toBe(key.startsWith(prefix));
      }),
      {
        seed: 4,
        numRuns: 500,
        examples: [
          ["a", "ab"],
          ["a", "b"],
          ["\u{10FFFF}", "\u{10FFFF}x"],
          ["", "\u0000"],
        ],
      },
    );
  });
});

describe("Deadlines", () => {
  it("expire in their time, in any order of making, under one timer", () => {
    const clock = new TestClock();
    const deadlines = new Deadlines(clock);
    const expired: string[] = [];
    const add = (ms: number) => deadlines.add(ms, () => expired.push(`${ms}@${clock.monotonic()}`));
    add(300);
    const forget = add(200);
    add(100);
    expect(clock.waiting()).toHaveLength(1);
    clock.advance(99);
    expect(expired).toEqual([]);
    forget();
    clock.advance(1);
    expect(expired).toEqual(["100@100"]);
    add(50);
    clock.advance(1_000);
    expect(expired).toEqual(["100@100", "50@150", "300@300"]);
    expect(clock.waiting()).toEqual([]);
  });

  it("do not expire before what arrived during a stall has been read", async () => {
    const deadlines = new Deadlines(systemClock);
    let forget = () => {};
    const outcome = new Promise<string>((resolve) => {
      forget = deadlines.add(20, () => resolve("expired"));
      // As an answer in the socket: handled in the first turn after the stall.
      setImmediate(() => {
        forget();
        resolve("answered");
      });
      const until = performance.now() + 60;
      while (performance.now() < until);
    });
    expect(await outcome).toBe("answered");
    deadlines.close();
  });
});

describe("systemClock", () => {
  it("calls who waits for nothing in the order of asking, never at once, and not who was cancelled", async () => {
    const called: string[] = [];
    await new Promise<void>((resolve) => {
      systemClock.after(0, "first", () => called.push("0 ms"));
      systemClock.after(0, "cancelled", () => called.push("cancelled")).cancel();
      systemClock.after(-5, "second", () => called.push("-5 ms"));
      systemClock.after(0, "last", resolve);
      called.push("made");
    });
    expect(called).toEqual(["made", "0 ms", "-5 ms"]);
  });

  it("calls who waits for a time when it has passed", async () => {
    const start = systemClock.monotonic();
    await new Promise<void>((resolve) => systemClock.after(20, "a timer", resolve));
    // Node's timers count whole milliseconds.
    expect(systemClock.monotonic() - start).toBeGreaterThan(18);
  });
});
