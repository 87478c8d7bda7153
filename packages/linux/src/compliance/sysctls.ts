import { describe, expect, it } from "vitest";
import { KernelError } from "../kernel/error.ts";
import { linkNamed, plug, succeed } from "./build.ts";
import type { Subject } from "./fixture.ts";

export function sysctlCompliance(namespace: () => Subject): void {
  describe("sysctls", () => {
    it("are read and written, each namespace its own", () => {
      const { kernel } = namespace();
      const other = namespace().kernel;
      const before = other.readSysctl("net/ipv4/ip_forward");
      expect(kernel.readSysctl("net/ipv4/ip_forward")).toBe(before);
      const changed = before === "1" ? "0" : "1";
      kernel.writeSysctl("net/ipv4/ip_forward", changed);
      expect(kernel.readSysctl("net/ipv4/ip_forward")).toBe(changed);
      expect(other.readSysctl("net/ipv4/ip_forward")).toBe(before);
    });

    it("of a link come, are renamed and go with it", () => {
      const { kernel } = namespace();
      const path = (name: string) => `net/ipv4/conf/${name}/proxy_arp`;
      expect(kernel.readSysctl(path("oct0"))).toBeUndefined();
      succeed(kernel, { op: "link.bridge", name: "oct0" });
      expect(kernel.readSysctl(path("oct0"))).toBe("0");
      kernel.writeSysctl(path("oct0"), "1");
      const { index } = linkNamed(kernel, "oct0");
      succeed(kernel, { op: "link.set", index, change: { name: "oct1" } });
      expect(kernel.readSysctl(path("oct1"))).toBe("1");
      expect(kernel.readSysctl(path("oct0"))).toBeUndefined();
      succeed(kernel, { op: "link.delete", index });
      expect(kernel.readSysctl(path("oct1"))).toBeUndefined();
    });

    it("that a pod's host side needs are there", () => {
      const { kernel } = namespace();
      plug({ kernel, fd: -1 }, "cali0", []);
      const paths = [
        "net/ipv4/conf/cali0/proxy_arp",
        "net/ipv4/conf/cali0/forwarding",
        "net/ipv4/conf/cali0/rp_filter",
        "net/ipv4/conf/cali0/route_localnet",
        "net/ipv6/conf/cali0/proxy_ndp",
        "net/ipv6/conf/cali0/forwarding",
        "net/ipv6/conf/cali0/accept_ra",
        "net/ipv6/conf/cali0/disable_ipv6",
      ];
      for (const path of paths) {
        kernel.writeSysctl(path, "1");
        expect(kernel.readSysctl(path), path).toBe("1");
      }
      kernel.writeSysctl("net/ipv4/neigh/cali0/proxy_delay", "0");
      expect(kernel.readSysctl("net/ipv4/neigh/cali0/proxy_delay")).toBe("0");
    });

    it("forwarding of all links follows ip_forward", () => {
      const { kernel } = namespace();
      plug({ kernel, fd: -1 }, "oct0", []);
      for (const value of ["1", "0"]) {
        kernel.writeSysctl("net/ipv4/ip_forward", value);
        for (const name of ["all", "default", "oct0"]) {
          expect(kernel.readSysctl(`net/ipv4/conf/${name}/forwarding`), name).toBe(value);
        }
      }
    });

    it("a new link takes the values of `default`", () => {
      const { kernel } = namespace();
      kernel.writeSysctl("net/ipv4/conf/default/proxy_arp", "1");
      succeed(kernel, { op: "link.bridge", name: "oct0" });
      expect(kernel.readSysctl("net/ipv4/conf/oct0/proxy_arp")).toBe("1");
    });

    it("that are not there, or values that are none, throw with errno and path", () => {
      const { kernel } = namespace();
      const writing = (path: string, value: string) => () => kernel.writeSysctl(path, value);
      expect(writing("net/ipv4/conf/octnone/proxy_arp", "1")).toThrow(expect.objectContaining({ errno: "ENOENT" }));
      expect(writing("net/ipv4/ip_forward", "yes")).toThrow(expect.objectContaining({ errno: "EINVAL" }));
      expect(writing("net/ipv4/ip_forward", "yes")).toThrow(KernelError);
      for (const path of ["../self/comm", "/net/ipv4/ip_forward", "net//ipv4", ""]) {
        expect(writing(path, "1"), path).toThrow(expect.objectContaining({ errno: "EINVAL" }));
        expect(() => kernel.readSysctl(path), path).toThrow(KernelError);
      }
    });
  });
}
