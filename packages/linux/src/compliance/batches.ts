import { ipv4, Prefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import type { KernelOperation } from "../kernel/kernel.ts";
import { linkAddress, linkNamed, ours, plug, route, succeed, via } from "./build.ts";
import type { Subject } from "./fixture.ts";

export function batchCompliance(namespace: () => Subject): void {
  describe("batches", () => {
    it("of nothing do nothing", () => {
      expect(namespace().kernel.apply([])).toEqual([]);
    });

    it("of a thousand operations, some refused, answer each by itself", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const operations = Array.from({ length: 1000 }, (_, index): KernelOperation => {
        const destination = String(Prefix.of(ipv4(0x0af4_0000 + index * 64), 26));
        const gateway = index % 7 === 3 ? "172.16.0.1" : "192.0.2.2";
        if (index % 13 === 5) return { op: "route.delete", route: route(destination) };
        if (index % 17 === 8) return { op: "route.replace", route: route(destination) };
        return { op: "route.replace", route: route(destination, { nextHops: [via(gateway, link.index)] }) };
      });
      const expected = operations.map((_, index) => {
        if (index % 13 === 5) return "ESRCH";
        if (index % 17 === 8) return "EINVAL";
        return index % 7 === 3 ? "ENETUNREACH" : undefined;
      });
      expect(kernel.apply(operations).map((outcome) => outcome?.errno)).toEqual(expected);
      expect(ours(kernel.routes(4))).toHaveLength(expected.filter((errno) => errno === undefined).length);
    });

    it("the last one refused is answered too, and the first", () => {
      const { kernel } = namespace();
      const good: KernelOperation = { op: "route.replace", route: route("10.0.0.0/24", { kind: "blackhole" }) };
      const bad: KernelOperation = { op: "route.delete", route: route("10.9.9.0/24") };
      expect(kernel.apply([good, bad]).map((outcome) => outcome?.errno)).toEqual([undefined, "ESRCH"]);
      expect(kernel.apply([bad, good]).map((outcome) => outcome?.errno)).toEqual(["ESRCH", undefined]);
      expect(kernel.apply([bad]).map((outcome) => outcome?.errno)).toEqual(["ESRCH"]);
    });

    it("are done in order: what one makes the next can use", () => {
      const { kernel } = namespace();
      succeed(kernel, { op: "link.bridge", name: "oct0" });
      const { index } = linkNamed(kernel, "oct0");
      succeed(
        kernel,
        { op: "link.set", index, change: { up: true } },
        { op: "address.add", address: linkAddress("192.0.2.1/24", index) },
        { op: "route.replace", route: route("10.0.0.0/24", { nextHops: [via("192.0.2.2", index)] }) },
        { op: "route.delete", route: route("10.0.0.0/24") },
        { op: "link.delete", index },
      );
      expect(kernel.link("oct0")).toBeUndefined();
    });
  });
}
