import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createBackoff,
  createLogger,
  DeltaTracker,
  isOcicatError,
  type LogRecord,
  MetricsRegistry,
  OcicatError,
  parseJson,
  Scope,
  seededRandom,
  stringifyJson,
  TestClock,
} from "../src/index.ts";

describe("TestClock", () => {
  it("fires timers in order of time, then of making, including those made meanwhile", () => {
    const clock = new TestClock();
    const fired: string[] = [];
    clock.after(10, "b", () => fired.push("b"));
    clock.after(5, "a", () => {
      fired.push("a");
      clock.after(5, "c", () => fired.push("c"));
    });
    clock.after(11, "late", () => fired.push("late")).cancel();
    clock.advance(10);
    expect(fired).toEqual(["a", "b", "c"]);
    expect(clock.waiting()).toEqual([]);
    expect(clock.monotonic()).toBe(10);
  });
});

describe("exact JSON", () => {
  it("keeps integers beyond 2^53, and only those become bigint", () => {
    const text = '{"sequenceNumber":1795227597070457866,"small":5,"float":1.5,"big":1e300,"max":18446744073709551615}';
    const value = parseJson(text);
    expect(value).toEqual({
      sequenceNumber: 1795227597070457866n,
      small: 5,
      float: 1.5,
      big: 1e300,
      max: 18446744073709551615n,
    });
    expect(parseJson(stringifyJson(value))).toEqual(value);
    expect(stringifyJson({ a: 1795227597070457866n, gone: undefined })).toBe('{"a":1795227597070457866}');
  });

  it("reads what JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        expect(stringifyJson(parseJson(JSON.stringify(value)))).toBe(JSON.stringify(value));
      }),
    );
  });
});

describe("DeltaTracker", () => {
  it("knows the difference after any sequence of changes", () => {
    const step = fc.tuple(
      fc.constantFrom("desire", "undesire", "exists", "gone"),
      fc.integer({ min: 0, max: 4 }),
      fc.integer({ min: 0, max: 2 }),
    );
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const tracker = new DeltaTracker<number, number>((a, b) => a === b);
        const desired = new Map<number, number>();
        const actual = new Map<number, number>();
        for (const [kind, key, value] of steps) {
          switch (kind) {
            case "desire":
              desired.set(key, value);
              tracker.setDesired(key, value);
              break;
            case "undesire":
              desired.delete(key);
              tracker.deleteDesired(key);
              break;
            case "exists":
              actual.set(key, value);
              tracker.setActual(key, value);
              break;
            case "gone":
              actual.delete(key);
              tracker.deleteActual(key);
              break;
          }
        }
        const updates = [...desired].filter(([key, value]) => actual.get(key) !== value).map(([key]) => key);
        const deletions = [...actual.keys()].filter((key) => !desired.has(key));
        expect([...tracker.updates()].map((update) => update.key).sort()).toEqual(updates.sort());
        expect([...tracker.deletions()].map((deletion) => deletion.key).sort()).toEqual(deletions.sort());
        expect(tracker.pending).toBe(updates.length + deletions.length);
      }),
    );
  });

  it("takes a dump as the whole truth", () => {
    const tracker = new DeltaTracker<string, number>((a, b) => a === b);
    tracker.setActual("stale", 1);
    tracker.setDesired("kept", 2);
    tracker.replaceActual([["kept", 2]]);
    expect(tracker.pending).toBe(0);
    expect([...tracker.actual.keys()]).toEqual(["kept"]);
  });
});

describe("Scope", () => {
  it("closes last opened first, past failures, once", async () => {
    const scope = new Scope("test");
    const closed: string[] = [];
    scope.add("first", () => void closed.push("first"));
    scope.add("bad", () => {
      throw new Error("stuck");
    });
    scope.add("forgotten", () => void closed.push("forgotten"))();
    scope.child("inner").add("inside", () => void closed.push("inside"));
    expect(scope.open()).toEqual(["first", "bad", "inner"]);
    await expect(scope.close()).rejects.toThrow(/1 failed/);
    expect(closed).toEqual(["inside", "first"]);
    expect([scope.closed, scope.open()]).toEqual([true, []]);
  });

  it("closes at once what is added too late", async () => {
    const scope = new Scope("test");
    await scope.close();
    let closed = false;
    scope.add("late", () => {
      closed = true;
    });
    expect(closed).toBe(true);
  });

  it("forgets a child that closed before it", async () => {
    const scope = new Scope("test");
    await scope.child("inner").close();
    expect(scope.open()).toEqual([]);
  });
});

describe("OcicatError", () => {
  it("says where, what, why and how to mend it, and keeps its code", () => {
    const error = new OcicatError({
      code: "X",
      where: "file:3",
      what: "bad",
      why: "because",
      fix: "do this",
      retryable: true,
    });
    expect(error.message).toBe("file:3: bad (because); do this");
    expect([isOcicatError(error), error.retryable, isOcicatError(new Error("x"))]).toEqual([true, true, false]);
  });
});

describe("createBackoff", () => {
  it("doubles up to its ceiling, with jitter in the upper half, and starts over after a success", () => {
    const backoff = createBackoff(seededRandom(1), { initialMs: 100, maxMs: 1_000 });
    for (const step of [100, 200, 400, 800, 1_000, 1_000]) {
      const delay = backoff.next();
      expect(delay).toBeGreaterThanOrEqual(step / 2);
      expect(delay).toBeLessThanOrEqual(step);
    }
    backoff.reset();
    expect(backoff.next()).toBeLessThanOrEqual(100);
  });
});

describe("logger and metrics", () => {
  it("logs at and above its threshold, with the component's path", () => {
    const records: LogRecord[] = [];
    const logger = createLogger("agent", "info", (record) => records.push(record)).child("routes");
    logger.debug("not this");
    logger.warning("this", { key: 1 });
    expect(records).toEqual([{ level: "warning", component: "agent.routes", message: "this", fields: { key: 1 } }]);
  });

  it("exposes Prometheus text, labels escaped, buckets cumulative", () => {
    const metrics = new MetricsRegistry();
    metrics.counter("c_total", "Count.").add(2, { path: 'a"b\\c' });
    metrics.gauge("g", "Gauge.", () => 1.5);
    const histogram = metrics.histogram("h_seconds", "Histogram.", [0.1, 1]);
    for (const value of [0.05, 0.5, 5]) histogram.observe(value);
    expect(metrics.expose()).toBe(
      [
        "# HELP c_total Count.",
        "# TYPE c_total counter",
        'c_total{path="a\\"b\\\\c"} 2',
        "# HELP g Gauge.",
        "# TYPE g gauge",
        "g 1.5",
        "# HELP h_seconds Histogram.",
        "# TYPE h_seconds histogram",
        'h_seconds_bucket{le="0.1"} 1',
        'h_seconds_bucket{le="1"} 2',
        'h_seconds_bucket{le="+Inf"} 3',
        "h_seconds_sum 5.55",
        "h_seconds_count 3",
        "",
      ].join("\n"),
    );
    expect(() => metrics.gauge("g", "again")).toThrow(/twice/);
  });
});
