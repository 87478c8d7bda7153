import { describe, expect, it } from "vitest";
import type { Route, RouteKind } from "../kernel/kernel.ts";
import { address, direct, linkAddress, ours, plug, refused, route, SCOPE_LINK, succeed, via } from "./build.ts";
import type { Subject } from "./fixture.ts";

const replace = (entry: Route) => ({ op: "route.replace", route: entry }) as const;
const remove = (entry: Route) => ({ op: "route.delete", route: entry }) as const;

export function routeCompliance(namespace: () => Subject): void {
  describe("routes", () => {
    it("of every shape are read back as they were written", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const second = plug({ kernel, fd: -1 }, "oct1", ["198.18.0.1/24", "2001:db8:1::1/64"]).link;
      const written = [
        route("0.0.0.0/0", { nextHops: [via("192.0.2.254", link.index)] }),
        route("10.244.0.0/26", { kind: "blackhole" }),
        route("10.244.0.5/32", { scope: SCOPE_LINK, nextHops: [direct(link.index)] }),
        route("10.244.1.0/26", { nextHops: [via("192.0.2.2", link.index)], mtu: 1400 }),
        route("10.244.2.0/26", { nextHops: [via("172.16.0.1", link.index, { onlink: true })] }),
        route("10.244.3.0/26", {
          nextHops: [via("192.0.2.2", link.index, { weight: 3 }), via("198.18.0.2", second.index, { weight: 256 })],
        }),
        route("10.244.4.0/26", { nextHops: [via("192.0.2.2", link.index)], preferredSource: address("198.18.0.1") }),
        route("10.244.5.0/26", { nextHops: [via("192.0.2.2", link.index)], metric: 4_000_000_000 }),
        route("10.244.6.0/26", { nextHops: [via("192.0.2.2", link.index)], table: 4_000_000_000 }),
        route("10.244.7.0/26", { nextHops: [via("fe80::1", link.index)] }),
        route("10.244.8.0/26", { kind: "unreachable", protocol: 80 }),
        route("10.244.9.0/26", { kind: "prohibit" }),
        route("10.244.10.0/26", { kind: "throw" }),
        route("10.244.11.0/26", {
          nextHops: [via("172.16.0.1", link.index, { onlink: true }), via("192.0.2.2", link.index)],
        }),
        route("2001:db8:a::/64", { nextHops: [via("2001:db8::2", link.index)] }),
        route("2001:db8:b::/64", { nextHops: [direct(link.index)] }),
        route("2001:db8:c::/64", { kind: "blackhole" }),
        route("2001:db8:d::/64", { kind: "unreachable", metric: 77 }),
        route("2001:db8:e::/64", { nextHops: [via("fe80::2", link.index)], mtu: 1400 }),
        route("2001:db8:f::/64", {
          nextHops: [via("2001:db8::2", link.index), via("2001:db8:1::2", second.index, { weight: 9 })],
        }),
        route("::/0", { nextHops: [via("2001:db8::2", link.index)], table: 100 }),
      ];
      succeed(kernel, ...written.map(replace));
      const byText = (routes: readonly Route[]) => routes.map((entry) => [String(entry.destination), entry] as const);
      const read = new Map(byText([...kernel.routes(4), ...kernel.routes(6)]));
      expect(byText(written).map(([text]) => [text, read.get(text)])).toEqual(byText(written));
    });

    it("with a gateway that is not on-link are ENETUNREACH in IPv4, EHOSTUNREACH in IPv6, with the reason", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const outcome = refused(kernel, replace(route("10.0.0.0/24", { nextHops: [via("172.16.0.1", link.index)] })));
      expect(outcome).toEqual({ errno: "ENETUNREACH", number: 101, message: "Nexthop has invalid gateway" });
      const six = refused(kernel, replace(route("2001:db8:a::/64", { nextHops: [via("2001:db9::1", link.index)] })));
      expect(six.errno).toBe("EHOSTUNREACH");
      expect(kernel.routes(4)).toHaveLength(1);
    });

    it("via one of the node's own addresses are EINVAL in IPv6; IPv4 takes them", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const six = route("2001:db8:a::/64", { nextHops: [via("2001:db8::1", link.index)] });
      expect(refused(kernel, replace(six)).errno).toBe("EINVAL");
      succeed(kernel, replace(route("10.0.0.0/24", { nextHops: [via("192.0.2.1", link.index)] })));
    });

    it("find the link of their gateway when none is named", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      succeed(kernel, replace(route("10.0.0.0/24", { nextHops: [via("192.0.2.2", 0)] })));
      expect(ours(kernel.routes(4))[0]?.nextHops).toEqual([via("192.0.2.2", link.index)]);
    });

    it("on a link that is down are ENETDOWN, on none ENODEV", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      succeed(kernel, { op: "link.set", index: link.index, change: { up: false } });
      const on = (index: number) => replace(route("10.0.0.0/24", { scope: SCOPE_LINK, nextHops: [direct(index)] }));
      expect(refused(kernel, on(link.index)).errno).toBe("ENETDOWN");
      expect(refused(kernel, on(999)).errno).toBe("ENODEV");
      const onlink = via("172.16.0.1", link.index, { onlink: true });
      expect(refused(kernel, replace(route("10.0.0.0/24", { nextHops: [onlink] }))).errno).toBe("ENETDOWN");
    });

    it("with a preferred source that is not the node's are EINVAL", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const nextHops = [via("192.0.2.2", link.index)];
      const outcome = refused(
        kernel,
        replace(route("10.0.0.0/24", { nextHops, preferredSource: address("10.9.9.9") })),
      );
      expect(outcome).toMatchObject({ errno: "EINVAL", message: "Invalid prefsrc address" });
    });

    it("whose scope leaves no room for a gateway are ENETUNREACH", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const nextHops = [via("192.0.2.2", link.index)];
      expect(refused(kernel, replace(route("10.0.0.0/24", { nextHops, scope: SCOPE_LINK }))).errno).toBe("ENETUNREACH");
    });

    it("that say what no kernel could hold are EINVAL with the reason", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const bad: [string, Route][] = [
        ["a unicast route needs a next hop", route("10.0.0.0/24")],
        [
          "a blackhole route has no next hop",
          route("10.0.0.0/24", { kind: "blackhole", nextHops: [direct(link.index)] }),
        ],
        [
          "each of several IPv6 next hops needs a gateway",
          route("2001:db8:a::/64", { nextHops: [direct(link.index), via("2001:db8::2", link.index)] }),
        ],
        ["weight 257 is not", route("10.0.0.0/24", { nextHops: [via("192.0.2.2", link.index, { weight: 257 })] })],
        ["table 0 is not", route("10.0.0.0/24", { kind: "blackhole", table: 0 })],
        ["metric -1 is not", route("10.0.0.0/24", { kind: "blackhole", metric: -1 })],
        ["protocol 256 is not", route("10.0.0.0/24", { kind: "blackhole", protocol: 256 })],
        ["cannot go via an IPv4", route("2001:db8:a::/64", { nextHops: [via("192.0.2.2", link.index)] })],
        ["of another family", route("10.0.0.0/24", { kind: "blackhole", preferredSource: address("::1") })],
      ];
      for (const [reason, entry] of bad) {
        const outcome = refused(kernel, replace(entry));
        expect(outcome.errno, reason).toBe("EINVAL");
        expect(outcome.message).toContain(reason);
      }
      expect(ours(kernel.routes(4))).toEqual([]);
    });

    it("of one destination differ by metric and table; the same identity replaces, whoever's it is", () => {
      const { kernel } = namespace();
      const kinds: [number, number, RouteKind, number][] = [
        [254, 0, "blackhole", 12],
        [254, 50, "prohibit", 12],
        [100, 0, "unreachable", 12],
      ];
      succeed(kernel, ...kinds.map(([table, metric, kind]) => replace(route("10.0.0.0/24", { table, metric, kind }))));
      const shape = () =>
        kernel
          .routes(4)
          .map(({ table, metric, kind, protocol }) => [table, metric, kind, protocol])
          .toSorted((a, b) => Number(b[0]) - Number(a[0]) || Number(a[1]) - Number(b[1]));
      expect(shape()).toEqual(kinds);
      succeed(kernel, replace(route("10.0.0.0/24", { kind: "prohibit", protocol: 80 })));
      expect(shape()).toEqual([[254, 0, "prohibit", 80], ...kinds.slice(1)]);
    });

    it("of one table are listed alone; a table that does not exist is empty", () => {
      const { kernel } = namespace();
      const tables = [254, 100, 1000];
      for (const family of [4, 6] as const) {
        const text = family === 4 ? "10.0.0.0/24" : "2001:db8:a::/64";
        succeed(kernel, ...tables.map((table) => replace(route(text, { kind: "blackhole", table }))));
        for (const table of tables)
          expect(ours(kernel.routes(family, table)).map((entry) => entry.table)).toEqual([table]);
        expect(kernel.routes(family, 101)).toEqual([]);
        expect(ours(kernel.routes(family))).toHaveLength(3);
      }
    });

    it("are deleted by identity, kind and protocol, whatever their next hops", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      for (const [text, gateway] of [
        ["10.0.0.0/24", "192.0.2.2"],
        ["2001:db8:a::/64", "2001:db8::2"],
      ] as const) {
        const family = text.includes(":") ? 6 : 4;
        const entry = route(text, { nextHops: [via(gateway, link.index)] });
        succeed(kernel, replace(entry));
        expect(refused(kernel, remove({ ...entry, protocol: 80 })).errno).toBe("ESRCH");
        expect(refused(kernel, remove({ ...entry, metric: 5 })).errno).toBe("ESRCH");
        expect(refused(kernel, remove({ ...entry, table: 100 })).errno).toBe("ESRCH");
        expect(ours(kernel.routes(family))).toHaveLength(1);
        succeed(kernel, remove({ ...entry, nextHops: [] }));
        expect(ours(kernel.routes(family))).toEqual([]);
        expect(refused(kernel, remove(entry)).errno).toBe("ESRCH");
      }
      succeed(kernel, replace(route("10.0.0.0/24", { kind: "blackhole" })));
      expect(refused(kernel, remove(route("10.0.0.0/24", { kind: "prohibit" }))).errno).toBe("ESRCH");
    });

    it("with several next hops are deleted whole", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const pairs = [
        ["10.0.0.0/24", "192.0.2.2", "192.0.2.3"],
        ["2001:db8:a::/64", "2001:db8::2", "2001:db8::3"],
      ] as const;
      for (const [text, first, second] of pairs) {
        const entry = route(text, { nextHops: [via(first, link.index), via(second, link.index)] });
        succeed(kernel, replace(entry), remove(entry));
      }
      expect([...ours(kernel.routes(4)), ...ours(kernel.routes(6))]).toEqual([]);
    });

    it("of several next hops become one of one, and back", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      for (const [text, first, second] of [
        ["10.0.0.0/24", "192.0.2.2", "192.0.2.3"],
        ["2001:db8:a::/64", "2001:db8::2", "2001:db8::3"],
      ] as const) {
        const one = route(text, { nextHops: [via(second, link.index)] });
        const two = route(text, { nextHops: [via(first, link.index), via(second, link.index)] });
        for (const entry of [one, two, one]) {
          succeed(kernel, replace(entry));
          expect(ours(kernel.routes(text.includes(":") ? 6 : 4))).toEqual([entry]);
        }
      }
    });

    it("leave with a link that goes away, whatever other next hop they have (IPv4)", () => {
      const { kernel } = namespace();
      const first = plug({ kernel, fd: -1 }, "oct0", ["192.0.2.1/24"]).link;
      const second = plug({ kernel, fd: -1 }, "oct1", ["198.18.0.1/24"]).link;
      const nextHops = [via("192.0.2.2", first.index), via("198.18.0.2", second.index)];
      succeed(kernel, replace(route("10.0.0.0/24", { nextHops })), { op: "link.delete", index: second.index });
      expect(ours(kernel.routes(4))).toEqual([]);
    });

    it("leave with a link that goes down, unless another next hop lives", () => {
      const { kernel } = namespace();
      const first = plug({ kernel, fd: -1 }, "oct0", ["192.0.2.1/24"]).link;
      const second = plug({ kernel, fd: -1 }, "oct1", ["198.18.0.1/24"]).link;
      const both = route("10.0.0.0/24", { nextHops: [via("192.0.2.2", first.index), via("198.18.0.2", second.index)] });
      const single = route("10.0.1.0/24", { nextHops: [via("192.0.2.2", first.index)] });
      const nowhere = route("10.0.2.0/24", { kind: "blackhole" });
      succeed(kernel, ...[both, single, nowhere].map(replace));
      succeed(kernel, { op: "link.set", index: first.index, change: { up: false } });
      expect(ours(kernel.routes(4))).toEqual([both, nowhere]);
      succeed(kernel, { op: "link.set", index: second.index, change: { up: false } });
      expect(ours(kernel.routes(4))).toEqual([nowhere]);
      succeed(kernel, { op: "link.set", index: first.index, change: { up: true } });
      expect(ours(kernel.routes(4))).toEqual([nowhere]);
    });

    it("of a link that only lost its carrier stay", () => {
      const { kernel } = namespace();
      const { link, peer } = plug({ kernel, fd: -1 });
      const entry = route("10.0.1.0/24", { nextHops: [via("192.0.2.2", link.index)] });
      succeed(kernel, replace(entry), { op: "link.set", index: peer.index, change: { up: false } });
      expect(ours(kernel.routes(4))).toEqual([entry]);
    });

    it("stay when the address goes that made their gateway reachable, and leave with the link's last address", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 }, "oct0", ["192.0.2.1/24", "10.9.9.9/32"]);
      const entry = route("10.0.1.0/24", { nextHops: [via("192.0.2.2", link.index)] });
      succeed(kernel, replace(entry), { op: "address.delete", address: linkAddress("192.0.2.1/24", link.index) });
      expect(kernel.routes(4)).toEqual([entry]);
      succeed(kernel, { op: "address.delete", address: linkAddress("10.9.9.9/32", link.index) });
      expect(kernel.routes(4)).toEqual([]);
    });

    it("of a link that never had an address stay: how a node reaches its pods", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 }, "cali0", []);
      const entry = route("10.244.0.1/32", { scope: SCOPE_LINK, nextHops: [direct(link.index)] });
      succeed(kernel, replace(entry));
      expect(kernel.routes(4)).toEqual([entry]);
    });

    it("to a gateway may rest on a route of one's own: how a pod reaches 169.254.1.1", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 }, "eth0", ["10.244.0.1/32"]);
      const toGateway = route("169.254.1.1/32", { scope: SCOPE_LINK, nextHops: [direct(link.index)] });
      const byDefault = route("0.0.0.0/0", { nextHops: [via("169.254.1.1", link.index)] });
      expect(refused(kernel, replace(byDefault)).errno).toBe("ENETUNREACH");
      succeed(kernel, replace(toGateway), replace(byDefault));
      expect(ours(kernel.routes(4))).toEqual([byDefault, toGateway]);
    });
  });
}
