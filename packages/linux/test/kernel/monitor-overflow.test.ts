import { setImmediate as nextTurn } from "node:timers/promises";
import { ipv4, Prefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { type KernelEvent, type KernelOperation, openKernel } from "../../src/index.ts";
import { cleanup, testNetns } from "../helpers.ts";

const blackhole = (number: number): KernelOperation => ({
  op: "route.replace",
  route: {
    kind: "blackhole",
    destination: Prefix.host(ipv4(0x0a00_0000 + number)),
    table: 254,
    protocol: 12,
    scope: 0,
    metric: 0,
    preferredSource: undefined,
    nextHops: [],
    mtu: undefined,
  },
});

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => blackhole(from + index));

describe("a monitor whose buffer overflows", () => {
  it("delivers what came before, says resync once, last, and goes on", async () => {
    const { handle } = testNetns();
    const kernel = openKernel({ namespace: handle, monitorBuffer: 64 * 1024 });
    cleanup(() => kernel.close());
    const events: KernelEvent[] = [];
    kernel.monitor(["route"], (batch) => events.push(...batch));
    kernel.apply(range(0, 3000));
    while (events.at(-1)?.type !== "resync") await nextTurn();
    const before = events.splice(0);
    expect(before.filter((event) => event.type === "resync")).toHaveLength(1);
    expect(before.length).toBeGreaterThan(10);
    expect(before.length).toBeLessThan(3000);
    const told = before.flatMap((event) => (event.type === "route" ? [Number(event.route.destination.address)] : []));
    expect(told).toEqual(told.map((_, index) => 0x0a00_0000 + index));
    kernel.apply(range(5000, 5001));
    while (events.length === 0) await nextTurn();
    expect(events).toMatchObject([{ type: "route" }]);
  });

  it("with the buffer it has by default, 5,000 routes written at once are all told", async () => {
    const { handle } = testNetns();
    const kernel = openKernel({ namespace: handle });
    cleanup(() => kernel.close());
    const told = new Set<string>();
    let overflowed = false;
    kernel.monitor(["route"], (batch) => {
      for (const event of batch) {
        if (event.type === "route") told.add(String(event.route.destination));
        overflowed ||= event.type === "resync";
      }
    });
    const other = openKernel({ namespace: handle });
    cleanup(() => other.close());
    other.apply(range(0, 5000));
    while (told.size < 5000 && !overflowed) await nextTurn();
    expect({ told: told.size, overflowed }).toEqual({ told: 5000, overflowed: false });
  });
});
