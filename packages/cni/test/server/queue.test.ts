import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyedQueue } from "../../src/server/queue.ts";

describe("the queue", () => {
  it("keeps the order of a key, and lets other keys pass", async () => {
    const queue = new KeyedQueue(8);
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = queue.run("a", async () => {
      log.push("a1 begins");
      await gate.promise;
      log.push("a1 ends");
    });
    const second = queue.run("a", () => Promise.resolve(void log.push("a2")));
    await queue.run("b", () => Promise.resolve(void log.push("b")));
    gate.resolve();
    await Promise.all([first, second]);
    expect(log).toEqual(["a1 begins", "b", "a1 ends", "a2"]);
  });

  it("goes on after a failure", async () => {
    const queue = new KeyedQueue(1);
    const failed = queue.run("a", () => Promise.reject(new Error("no")));
    const next = queue.run("a", () => Promise.resolve("yes"));
    await expect(failed).rejects.toThrow("no");
    await expect(next).resolves.toBe("yes");
    expect(queue.running).toBe(0);
  });

  it("never runs two of a key or more than its bound, and runs everything, in every interleaving", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 20 }),
        async (scheduler, bound, keys) => {
          const queue = new KeyedQueue(bound);
          const running: string[] = [];
          const order = new Map<string, number[]>(keys.map((key) => [key, []]));
          const tasks = keys.map((key, index) =>
            queue.run(key, async () => {
              expect(running).not.toContain(key);
              running.push(key);
              expect(running.length).toBeLessThanOrEqual(bound);
              await scheduler.schedule(Promise.resolve());
              running.splice(running.indexOf(key), 1);
              order.get(key)?.push(index);
            }),
          );
          await scheduler.waitFor(Promise.all(tasks));
          expect([...order.values()].flat()).toHaveLength(keys.length);
          for (const indices of order.values()) expect(indices).toEqual([...indices].sort((a, b) => a - b));
        },
      ),
      { seed: 20_261_121, numRuns: 200 },
    );
  });
});
