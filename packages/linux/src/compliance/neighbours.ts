import { parseMac } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import type { ForwardingEntry, Neighbour } from "../kernel/kernel.ts";
import { address, CALI_MAC, linkNamed, plug, refused, succeed } from "./build.ts";
import type { Subject } from "./fixture.ts";

const PERMANENT = 0x80;
const FLOOD = parseMac("00:00:00:00:00:00");

export function neighbourCompliance(namespace: () => Subject): void {
  describe("neighbours", () => {
    it("that are permanent are set, replaced, listed and deleted, of both families", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const entries = ["169.254.1.1", "2001:db8::9"].map(
        (text): Neighbour => ({ linkIndex: link.index, address: address(text), mac: CALI_MAC, state: PERMANENT }),
      );
      const permanent = () => kernel.neighbours().filter((entry) => entry.state === PERMANENT);
      succeed(kernel, ...entries.map((neighbour) => ({ op: "neighbour.replace", neighbour }) as const));
      expect(permanent()).toEqual(entries);
      const changed = entries.map((entry) => ({ ...entry, mac: parseMac("02:00:00:00:00:01") }));
      succeed(kernel, ...changed.map((neighbour) => ({ op: "neighbour.replace", neighbour }) as const));
      expect(permanent()).toEqual(changed);
      succeed(kernel, ...changed.map((neighbour) => ({ op: "neighbour.delete", neighbour }) as const));
      expect(permanent()).toEqual([]);
    });

    it("none is ENOENT, on no link ENODEV", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const neighbour = { linkIndex: link.index, address: address("192.0.2.9"), mac: CALI_MAC, state: PERMANENT };
      expect(refused(kernel, { op: "neighbour.delete", neighbour }).errno).toBe("ENOENT");
      for (const op of ["neighbour.replace", "neighbour.delete"] as const) {
        expect(refused(kernel, { op, neighbour: { ...neighbour, linkIndex: 999 } }).errno).toBe("ENODEV");
      }
    });

    it("leave with their link", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const neighbour = { linkIndex: link.index, address: address("192.0.2.9"), mac: CALI_MAC, state: PERMANENT };
      succeed(kernel, { op: "neighbour.replace", neighbour });
      succeed(kernel, { op: "link.set", index: link.index, change: { up: false } });
      expect(kernel.neighbours().filter((entry) => entry.state === PERMANENT)).toEqual([]);
    });
  });

  describe("forwarding entries", () => {
    it("of a VXLAN device: one destination for a MAC, several for flooding", () => {
      const { kernel } = namespace();
      plug({ kernel, fd: -1 });
      succeed(kernel, { op: "link.vxlan", vxlan: { name: "octx", id: 1, port: 4789, local: address("192.0.2.1") } });
      const linkIndex = linkNamed(kernel, "octx").index;
      const entry = (mac: ForwardingEntry["mac"], to: string): ForwardingEntry => ({
        linkIndex,
        mac,
        destination: address(to),
      });
      const replace = (entries: ForwardingEntry[]) =>
        succeed(kernel, ...entries.map((each) => ({ op: "fdb.replace", entry: each }) as const));
      replace([entry(CALI_MAC, "192.0.2.2"), entry(FLOOD, "192.0.2.2"), entry(FLOOD, "192.0.2.3")]);
      replace([entry(CALI_MAC, "192.0.2.3")]);
      const listed = () =>
        kernel
          .forwardingEntries()
          .map((each) => `${each.mac} ${each.destination}`)
          .toSorted();
      const text = (entries: ForwardingEntry[]) => entries.map((each) => `${each.mac} ${each.destination}`).toSorted();
      expect(listed()).toEqual(
        text([entry(FLOOD, "192.0.2.2"), entry(FLOOD, "192.0.2.3"), entry(CALI_MAC, "192.0.2.3")]),
      );
      succeed(
        kernel,
        { op: "fdb.delete", entry: entry(FLOOD, "192.0.2.2") },
        { op: "fdb.delete", entry: entry(CALI_MAC, "192.0.2.3") },
      );
      expect(listed()).toEqual(text([entry(FLOOD, "192.0.2.3")]));
      expect(refused(kernel, { op: "fdb.delete", entry: entry(CALI_MAC, "192.0.2.3") }).errno).toBe("ENOENT");
    });

    it("of a bridge's port", () => {
      const { kernel } = namespace();
      succeed(kernel, { op: "link.bridge", name: "octbr" });
      const { link } = plug({ kernel, fd: -1 });
      succeed(kernel, { op: "link.set", index: link.index, change: { master: linkNamed(kernel, "octbr").index } });
      const entry = { linkIndex: link.index, mac: parseMac("02:00:00:00:00:07"), destination: undefined };
      succeed(kernel, { op: "fdb.replace", entry });
      expect(kernel.forwardingEntries()).toEqual([entry]);
      succeed(kernel, { op: "fdb.delete", entry });
      expect(kernel.forwardingEntries()).toEqual([]);
      expect(refused(kernel, { op: "fdb.replace", entry: { ...entry, linkIndex: 999 } }).errno).toBe("ENODEV");
    });
  });
}
