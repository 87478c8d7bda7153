import { setImmediate as nextTurn } from "node:timers/promises";
import { ipv4, Prefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import type { Kernel, KernelEvent, KernelOperation, MonitorGroup } from "../kernel/kernel.ts";
import { address, CALI_MAC, linkAddress, linkNamed, plug, route, succeed, via } from "./build.ts";
import type { Subject } from "./fixture.ts";

const ALL: readonly MonitorGroup[] = ["link", "address", "route", "neighbour"];

interface Recording {
  /** One entry a call. */
  readonly calls: (readonly KernelEvent[])[];
  events(): KernelEvent[];
  /** "route 10.0.0.0/24", "link.gone oct0": without what the kernel does by itself with IPv6. */
  said(): string[];
  /** Waits until an event is said. */
  until(text: string): Promise<void>;
  close(): void;
}

function record(kernel: Kernel, groups: readonly MonitorGroup[] = ALL): Recording {
  const calls: (readonly KernelEvent[])[] = [];
  const monitor = kernel.monitor(groups, (events) => calls.push(events));
  const events = () => calls.flat();
  const said = () => events().flatMap(say);
  return {
    calls,
    events,
    said,
    async until(text) {
      while (!said().includes(text)) await nextTurn();
    },
    close: () => monitor.close(),
  };
}

function say(event: KernelEvent): string[] {
  switch (event.type) {
    case "link":
    case "link.gone":
      return [`${event.type} ${event.link.name}`];
    case "address":
    case "address.gone":
      return typeof event.address.address === "number" ? [`${event.type} ${event.address.address}`] : [];
    case "route":
    case "route.gone":
      return event.route.destination.family === 4 ? [`${event.type} ${event.route.destination}`] : [];
    case "neighbour":
    case "neighbour.gone":
      return typeof event.neighbour.address === "number" ? [`${event.type} ${event.neighbour.address}`] : [];
    case "resync":
      return ["resync"];
  }
}

/** A route that is written to know that all before it has been told. */
const MARK: KernelOperation = { op: "route.replace", route: route("198.51.100.1/32", { kind: "blackhole" }) };
const MARK_SAID = "route 198.51.100.1/32";

export function monitorCompliance(namespace: () => Subject): void {
  describe("monitors", () => {
    it("tell of routes that come, change and go, with all that is known of them", async () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const recording = record(kernel, ["route"]);
      const first = route("10.0.0.0/24", { nextHops: [via("192.0.2.2", link.index)] });
      const second = route("10.0.0.0/24", { nextHops: [via("192.0.2.3", link.index)], protocol: 80 });
      succeed(kernel, { op: "route.replace", route: first }, { op: "route.replace", route: second });
      succeed(kernel, { op: "route.delete", route: second });
      await recording.until("route.gone 10.0.0.0/24");
      // The kernel's own IPv6 routes of a new link come when it likes: on a slow machine, now.
      expect(recording.events().filter((event) => say(event).length > 0)).toEqual([
        { type: "route", route: first },
        { type: "route", route: second },
        { type: "route.gone", route: second },
      ]);
    });

    it("tell of links, addresses and neighbours", async () => {
      const { kernel } = namespace();
      const recording = record(kernel);
      const { link } = plug({ kernel, fd: -1 }, "oct0", ["192.0.2.1/24"]);
      const neighbour = { linkIndex: link.index, address: address("192.0.2.9"), mac: CALI_MAC, state: 0x80 };
      succeed(
        kernel,
        { op: "neighbour.replace", neighbour },
        { op: "neighbour.delete", neighbour },
        { op: "address.delete", address: linkAddress("192.0.2.1/24", link.index) },
        { op: "link.delete", index: link.index },
      );
      await recording.until("link.gone oct0");
      await recording.until("link.gone oct0p");
      const number = Number(address("192.0.2.1"));
      const of = (...types: string[]) => recording.said().filter((text) => types.includes(text.split(" ")[0] ?? ""));
      expect(of("address", "address.gone")).toEqual([`address ${number}`, `address.gone ${number}`]);
      expect(of("neighbour")).toContain(`neighbour ${number + 8}`);
      expect(of("neighbour", "neighbour.gone").at(-1)).not.toBe(`neighbour.gone ${number}`);
      expect(of("route")).toEqual(["route 192.0.2.0/24"]);
      const up = recording
        .events()
        .find((event) => event.type === "link" && event.link.name === "oct0" && event.link.up);
      expect(up).toMatchObject({ link: { index: link.index, kind: "veth" } });
    });

    it("tell nothing of groups that were not asked for, nor of the local table", async () => {
      const { kernel } = namespace();
      const recording = record(kernel, ["route"]);
      plug({ kernel, fd: -1 }, "oct0", ["192.0.2.1/24"]);
      succeed(kernel, MARK);
      await recording.until(MARK_SAID);
      expect(recording.said()).toEqual(["route 192.0.2.0/24", MARK_SAID]);
    });

    it("tell nothing of an identical IPv4 route written again: nobody may wait for it", async () => {
      const { kernel } = namespace();
      const operation: KernelOperation = { op: "route.replace", route: route("10.0.0.0/24", { kind: "blackhole" }) };
      succeed(kernel, operation);
      const recording = record(kernel, ["route"]);
      succeed(kernel, operation, MARK);
      await recording.until(MARK_SAID);
      expect(recording.said()).toEqual([MARK_SAID]);
    });

    it("tell of a link that goes down, and nothing of the IPv4 routes that go with it", async () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 }, "oct0", ["192.0.2.1/24"]);
      succeed(kernel, {
        op: "route.replace",
        route: route("10.0.0.0/24", { nextHops: [via("192.0.2.2", link.index)] }),
      });
      const recording = record(kernel, ["link", "route"]);
      succeed(kernel, { op: "link.set", index: link.index, change: { up: false } }, MARK);
      await recording.until(MARK_SAID);
      await recording.until("link oct0");
      expect(recording.said().filter((text) => text.startsWith("route.gone"))).toEqual([]);
      expect(recording.events().findLast((event) => event.type === "link" && event.link.name === "oct0")).toMatchObject(
        {
          link: { up: false, running: false },
        },
      );
    });

    it("do not take a port's leaving its bridge for the link's end", async () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 }, "oct0", []);
      succeed(kernel, { op: "link.bridge", name: "octbr" });
      const master = linkNamed(kernel, "octbr").index;
      const recording = record(kernel, ["link", "route"]);
      succeed(
        kernel,
        { op: "link.set", index: link.index, change: { master } },
        { op: "link.set", index: link.index, change: { master: 0 } },
        MARK,
      );
      await recording.until(MARK_SAID);
      expect(recording.said().filter((text) => text.startsWith("link.gone"))).toEqual([]);
      expect(recording.events().findLast((event) => event.type === "link" && event.link.name === "oct0")).toMatchObject(
        {
          link: { master: 0 },
        },
      );
    });

    it("call back later, never inside the call that caused it, and not once a message", async () => {
      const { kernel } = namespace();
      const recording = record(kernel, ["route"]);
      const operations = Array.from(
        { length: 100 },
        (_, index): KernelOperation => ({
          op: "route.replace",
          route: route(String(Prefix.host(ipv4(0x0a00_0000 + index))), { kind: "blackhole" }),
        }),
      );
      succeed(kernel, ...operations);
      expect(recording.calls).toEqual([]);
      await recording.until("route 10.0.0.99/32");
      expect(recording.calls).toHaveLength(1);
      expect(recording.events()).toHaveLength(100);
    });

    it("lose nothing of a burst of 5,000, or say so", async () => {
      const { kernel } = namespace();
      const recording = record(kernel, ["route"]);
      const operations = Array.from(
        { length: 5000 },
        (_, index): KernelOperation => ({
          op: "route.replace",
          route: route(String(Prefix.host(ipv4(0x0a00_0000 + index))), { kind: "blackhole" }),
        }),
      );
      succeed(kernel, ...operations, MARK);
      while (!recording.said().some((text) => text === MARK_SAID || text === "resync")) await nextTurn();
      if (!recording.said().includes("resync")) expect(recording.events()).toHaveLength(5001);
    });

    it("say nothing after they were closed, even if it was due", async () => {
      const { kernel } = namespace();
      const closed = record(kernel, ["route"]);
      const open = record(kernel, ["route"]);
      succeed(kernel, MARK);
      closed.close();
      closed.close();
      await open.until(MARK_SAID);
      expect(closed.calls).toEqual([]);
    });

    it("may be closed from inside their own call", async () => {
      const { kernel } = namespace();
      const calls: number[] = [];
      const monitor = kernel.monitor(["route"], (events) => {
        calls.push(events.length);
        monitor.close();
      });
      const witness = record(kernel, ["route"]);
      succeed(kernel, MARK);
      await witness.until(MARK_SAID);
      succeed(kernel, { op: "route.replace", route: route("10.0.0.0/24", { kind: "blackhole" }) });
      await witness.until("route 10.0.0.0/24");
      expect(calls).toEqual([1]);
    });
  });
}
