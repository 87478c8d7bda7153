import { describe, expect, it } from "vitest";
import {
  address,
  linkAddress,
  linkNamed,
  MAIN,
  ours,
  plug,
  refused,
  route,
  SCOPE_LINK,
  succeed,
  via,
} from "./build.ts";
import type { Subject } from "./fixture.ts";

export function addressCompliance(namespace: () => Subject): void {
  describe("addresses", () => {
    it("are added, listed and deleted, of both families", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 }, "oct0", []);
      const added = ["192.0.2.1/24", "10.244.0.1/32", "2001:db8::1/64"].map((text) => linkAddress(text, link.index));
      succeed(kernel, ...added.map((entry) => ({ op: "address.add", address: entry }) as const));
      const listed = () => kernel.addresses().filter((entry) => entry.scope === 0);
      expect(listed()).toEqual(added);
      succeed(kernel, ...added.map((entry) => ({ op: "address.delete", address: entry }) as const));
      expect(listed()).toEqual([]);
    });

    it("twice is EEXIST, none is EADDRNOTAVAIL, no link is ENODEV", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      for (const text of ["192.0.2.1/24", "2001:db8::1/64"]) {
        expect(refused(kernel, { op: "address.add", address: linkAddress(text, link.index) }).errno).toBe("EEXIST");
        expect(refused(kernel, { op: "address.add", address: linkAddress(text, 999) }).errno).toBe("ENODEV");
      }
      for (const text of ["192.0.2.9/24", "192.0.2.1/25", "2001:db8::9/64"]) {
        expect(refused(kernel, { op: "address.delete", address: linkAddress(text, link.index) }).errno).toBe(
          "EADDRNOTAVAIL",
        );
      }
    });

    it("bring the route of their network while the link is up", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const connected4 = route("192.0.2.0/24", {
        protocol: 2,
        scope: SCOPE_LINK,
        preferredSource: address("192.0.2.1"),
        nextHops: [{ via: undefined, linkIndex: link.index, weight: 1, onlink: false }],
      });
      expect(kernel.routes(4)).toEqual([connected4]);
      const connected6 = kernel.routes(6).find((entry) => String(entry.destination) === "2001:db8::/64");
      expect(connected6).toMatchObject({ protocol: 2, metric: 256, table: MAIN });
      succeed(kernel, { op: "link.set", index: link.index, change: { up: false } });
      expect(kernel.routes(4)).toEqual([]);
      succeed(kernel, { op: "link.set", index: link.index, change: { up: true } });
      expect(kernel.routes(4)).toEqual([connected4]);
    });

    it("of one host bring no route in IPv4, and one in IPv6", () => {
      const { kernel } = namespace();
      plug({ kernel, fd: -1 }, "oct0", ["10.244.0.1/32", "2001:db8::1/128"]);
      expect(kernel.routes(4)).toEqual([]);
      expect(kernel.routes(6).map((entry) => String(entry.destination))).toContain("2001:db8::1/128");
    });

    it("are listed in the local table, which is shown only when asked for", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const local = kernel.routes(4, 255).find((entry) => String(entry.destination) === "192.0.2.1/32");
      expect(local).toMatchObject({ kind: "local", protocol: 2, table: 255, preferredSource: address("192.0.2.1") });
      expect(local?.nextHops).toMatchObject([{ linkIndex: link.index }]);
      expect(kernel.routes(4).some((entry) => entry.table === 255)).toBe(false);
    });

    it("survive their link going down in IPv4 only", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      succeed(kernel, { op: "link.set", index: link.index, change: { up: false } });
      expect(kernel.addresses().filter((entry) => entry.linkIndex === link.index)).toEqual([
        linkAddress("192.0.2.1/24", link.index),
      ]);
    });

    it("take the routes along that prefer them as source", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 }, "oct0", ["192.0.2.1/24", "10.0.0.1/32"]);
      const nextHops = [via("192.0.2.2", link.index)];
      succeed(
        kernel,
        { op: "route.replace", route: route("198.51.100.0/24", { nextHops, preferredSource: address("10.0.0.1") }) },
        { op: "route.replace", route: route("203.0.113.0/24", { nextHops }) },
        { op: "address.delete", address: linkAddress("10.0.0.1/32", link.index) },
      );
      expect(ours(kernel.routes(4)).map((entry) => String(entry.destination))).toEqual(["203.0.113.0/24"]);
    });

    it("of the same network follow the first: deleting it deletes them", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 }, "oct0", ["192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/25"]);
      succeed(kernel, { op: "address.delete", address: linkAddress("192.0.2.1/24", link.index) });
      expect(kernel.addresses().filter((entry) => typeof entry.address === "number")).toEqual([
        linkAddress("192.0.2.3/25", link.index),
      ]);
      expect(linkNamed(kernel, link.name).up).toBe(true);
    });
  });
}
