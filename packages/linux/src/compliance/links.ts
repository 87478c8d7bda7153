import { type Ipv4, parseAddress, parseMac } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { address, CALI_MAC, linkAddress, linkNamed, plug, refused, route, succeed, via } from "./build.ts";
import type { Subject } from "./fixture.ts";

function ipv4(text: string): Ipv4 {
  const parsed = parseAddress(text);
  if (typeof parsed === "number") return parsed;
  throw new TypeError(`${text} is not IPv4`);
}

export function linkCompliance(namespace: () => Subject): void {
  describe("links", () => {
    it("a new namespace has a loopback device, down, and nothing else", () => {
      const { kernel } = namespace();
      expect(kernel.links()).toMatchObject([{ index: 1, name: "lo", kind: "", loopback: true, up: false, master: 0 }]);
      expect(kernel.addresses()).toEqual([]);
      expect(kernel.routes(4)).toEqual([]);
    });

    it("a veth pair knows its peer, with the MAC and MTU that were asked for", () => {
      const { kernel } = namespace();
      const peer = { name: "octp", mac: parseMac("02:00:00:00:00:02"), mtu: 1300 };
      succeed(kernel, { op: "link.veth", veth: { name: "octv", mac: CALI_MAC, mtu: 1400, peer } });
      const own = linkNamed(kernel, "octv");
      const other = linkNamed(kernel, "octp");
      expect(own).toMatchObject({ kind: "veth", mac: CALI_MAC, mtu: 1400, up: false, peerIndex: other.index });
      expect(other).toMatchObject({ kind: "veth", mac: peer.mac, mtu: 1300, up: false, peerIndex: own.index });
    });

    it("without them it has a random MAC, local and unicast, and 1500", () => {
      const { kernel } = namespace();
      succeed(kernel, { op: "link.veth", veth: { name: "octv", peer: { name: "octp" } } });
      const first = linkNamed(kernel, "octv");
      expect(Number.parseInt(first.mac?.slice(0, 2) ?? "", 16) & 3).toBe(2);
      expect(first.mac).not.toBe(linkNamed(kernel, "octp").mac);
      expect(first.mtu).toBe(1500);
    });

    it("deletes links away from the event loop, many at once too, each answered by itself", async () => {
      const { kernel } = namespace();
      const names = ["octa", "octb", "octc"];
      for (const name of names) succeed(kernel, { op: "link.veth", veth: { name, peer: { name: `${name}p` } } });
      const gone = 9_999;
      const indexes = [...names.map((name) => linkNamed(kernel, name).index), gone];
      const outcomes = await Promise.all(indexes.map((index) => kernel.deleteLink(index)));
      expect(outcomes.map((outcome) => outcome?.errno)).toEqual([undefined, undefined, undefined, "ENODEV"]);
      expect(kernel.links().map((link) => link.name)).toEqual(["lo"]);
    });

    it("a peer is born in another namespace by its descriptor", () => {
      const host = namespace();
      const pod = namespace();
      const peer = { name: "eth0", mtu: 1440, mac: parseMac("02:00:00:00:00:02"), namespaceFd: pod.fd };
      succeed(host.kernel, { op: "link.veth", veth: { name: "cali0", mac: CALI_MAC, up: true, peer } });
      expect(host.kernel.link("eth0")).toBeUndefined();
      expect(linkNamed(host.kernel, "cali0")).toMatchObject({ up: true, running: false });
      const inside = linkNamed(pod.kernel, "eth0");
      expect(inside).toMatchObject({ mtu: 1440, mac: peer.mac, up: false });
      expect(inside.peerIndex).toBe(linkNamed(host.kernel, "cali0").index);
      expect(linkNamed(host.kernel, "cali0").peerIndex).toBe(inside.index);
    });

    it("a veth has a carrier while both its ends are up", () => {
      const { kernel } = namespace();
      const { link, peer } = plug({ kernel, fd: -1 });
      expect(linkNamed(kernel, link.name)).toMatchObject({ up: true, running: true });
      succeed(kernel, { op: "link.set", index: peer.index, change: { up: false } });
      expect(linkNamed(kernel, link.name)).toMatchObject({ up: true, running: false });
      expect(linkNamed(kernel, peer.name)).toMatchObject({ up: false, running: false });
    });

    it("a link is in group 0 until it is put into another", () => {
      const { kernel } = namespace();
      succeed(kernel, { op: "link.veth", veth: { name: "octv", peer: { name: "octp" } } });
      const { index, group } = linkNamed(kernel, "octv");
      expect(group).toBe(0);
      succeed(kernel, { op: "link.set", index, change: { group: 0xca11 } });
      expect(linkNamed(kernel, "octv").group).toBe(0xca11);
      expect(linkNamed(kernel, "octp").group).toBe(0);
      succeed(kernel, { op: "link.set", index, change: { group: 0 } });
      expect(linkNamed(kernel, "octv").group).toBe(0);
    });

    it("a bridge owns its ports until they are released", () => {
      const { kernel } = namespace();
      succeed(
        kernel,
        { op: "link.bridge", name: "octbr", mac: CALI_MAC, mtu: 1400 },
        { op: "link.veth", veth: { name: "octv", peer: { name: "octp" } } },
      );
      const bridge = linkNamed(kernel, "octbr");
      expect(bridge).toMatchObject({ kind: "bridge", mac: CALI_MAC, mtu: 1400, up: false });
      const { index } = linkNamed(kernel, "octv");
      succeed(kernel, { op: "link.set", index, change: { master: bridge.index } });
      expect(linkNamed(kernel, "octv").master).toBe(bridge.index);
      succeed(kernel, { op: "link.set", index, change: { master: 0 } });
      expect(linkNamed(kernel, "octv").master).toBe(0);
      succeed(kernel, { op: "link.set", index, change: { master: bridge.index } });
      succeed(kernel, { op: "link.delete", index: bridge.index });
      expect(linkNamed(kernel, "octv").master).toBe(0);
    });

    it("a VXLAN device can be made", () => {
      const { kernel } = namespace();
      const { link } = plug({ kernel, fd: -1 });
      const local = address("192.0.2.1");
      succeed(kernel, {
        op: "link.vxlan",
        vxlan: { name: "octx", id: 4096, port: 4789, local, parent: link.index, mtu: 1400 },
      });
      const tunnel = { kind: "vxlan", id: 4096, port: 4789, local, parent: link.index, learning: false };
      expect(linkNamed(kernel, "octx")).toMatchObject({ kind: "vxlan", mtu: 1400, up: false, tunnel });
      expect(linkNamed(kernel, link.name).tunnel).toBeUndefined();
    });

    it("its checksums can be left to the device, or not", () => {
      const { kernel } = namespace();
      succeed(kernel, { op: "link.vxlan", vxlan: { name: "octx", id: 4096, port: 4789 } });
      expect(kernel.txChecksumOffload("octx")).toBe(true);
      kernel.setTxChecksumOffload("octx", false);
      expect(kernel.txChecksumOffload("octx")).toBe(false);
      expect(() => kernel.txChecksumOffload("octnone")).toThrow("ENODEV");
    });

    it("an IPIP device has no MAC and knows its ends, where the kernel has IPIP at all", () => {
      const { kernel } = namespace();
      const ends = { local: ipv4("192.0.2.1"), remote: ipv4("192.0.2.2") };
      const [outcome] = kernel.apply([{ op: "link.ipip", ipip: { name: "octi", ...ends, mtu: 1400 } }]);
      if (outcome !== undefined) {
        expect(outcome).toMatchObject({ errno: "EOPNOTSUPP", message: "Unknown device type" });
        expect(kernel.link("octi")).toBeUndefined();
        return;
      }
      expect(linkNamed(kernel, "octi")).toMatchObject({
        kind: "ipip",
        mtu: 1400,
        mac: undefined,
        up: false,
        tunnel: { kind: "ipip", ...ends },
      });
    });

    it("a name that is taken is EEXIST, here or where the peer is born, and nothing is made", () => {
      const host = namespace();
      const pod = namespace();
      succeed(pod.kernel, { op: "link.bridge", name: "eth0" });
      succeed(host.kernel, { op: "link.bridge", name: "octbr" });
      const veth = (name: string, peer: string) =>
        ({ op: "link.veth", veth: { name, peer: { name: peer, namespaceFd: pod.fd } } }) as const;
      expect(refused(host.kernel, { op: "link.bridge", name: "octbr" }).errno).toBe("EEXIST");
      expect(refused(host.kernel, veth("octbr", "eth1")).errno).toBe("EEXIST");
      expect(refused(host.kernel, veth("cali0", "eth0")).errno).toBe("EEXIST");
      expect(host.kernel.links().map((link) => link.name)).toEqual(["lo", "octbr"]);
      expect(pod.kernel.links().map((link) => link.name)).toEqual(["lo", "eth0"]);
    });

    it("what cannot be a name or a number is EINVAL with the reason, and nothing is made", () => {
      const { kernel } = namespace();
      for (const name of ["", "sixteen-letters-", "a b", "a/b", ".", "caché"]) {
        const outcome = refused(kernel, { op: "link.bridge", name });
        expect(outcome).toMatchObject({ errno: "EINVAL", number: 22 });
        expect(outcome.message).toContain(`"${name}" is not an interface name`);
      }
      expect(refused(kernel, { op: "link.delete", index: 0 }).errno).toBe("EINVAL");
      expect(kernel.links()).toHaveLength(1);
    });

    it("name, MTU and MAC can be changed while it is down", () => {
      const { kernel } = namespace();
      succeed(kernel, { op: "link.bridge", name: "octa" }, { op: "link.bridge", name: "octb" });
      const { index } = linkNamed(kernel, "octa");
      const mac = parseMac("02:00:00:00:00:09");
      succeed(kernel, { op: "link.set", index, change: { name: "octc", mtu: 1280, mac } });
      expect(linkNamed(kernel, "octc")).toMatchObject({ index, mtu: 1280, mac });
      expect(kernel.link("octa")).toBeUndefined();
      expect(refused(kernel, { op: "link.set", index, change: { name: "octb" } }).errno).toBe("EEXIST");
      expect(refused(kernel, { op: "link.set", index, change: { mtu: 1_000_000 } }).errno).toBe("EINVAL");
      expect(linkNamed(kernel, "octc")).toMatchObject({ index, mtu: 1280, mac });
    });

    it("an unknown index is ENODEV; the loopback device stays", () => {
      const { kernel } = namespace();
      expect(refused(kernel, { op: "link.set", index: 999, change: { up: true } }).errno).toBe("ENODEV");
      expect(refused(kernel, { op: "link.delete", index: 999 }).errno).toBe("ENODEV");
      expect(refused(kernel, { op: "link.delete", index: 1 }).errno).toBe("EOPNOTSUPP");
      expect(kernel.link("octnone")).toBeUndefined();
      expect(kernel.link("much too long for a name")).toBeUndefined();
    });

    it("deleting one end of a pair takes the other, with addresses and routes, also across namespaces", () => {
      const host = namespace();
      const pod = namespace();
      succeed(host.kernel, {
        op: "link.veth",
        veth: { name: "cali0", up: true, peer: { name: "eth0", namespaceFd: pod.fd } },
      });
      const { index } = linkNamed(pod.kernel, "eth0");
      succeed(
        pod.kernel,
        { op: "link.set", index, change: { up: true } },
        { op: "address.add", address: linkAddress("192.0.2.1/24", index) },
        { op: "route.replace", route: route("198.51.100.0/24", { nextHops: [via("192.0.2.2", index)] }) },
      );
      succeed(host.kernel, { op: "link.delete", index: linkNamed(host.kernel, "cali0").index });
      expect(pod.kernel.links().map((link) => link.name)).toEqual(["lo"]);
      expect(pod.kernel.addresses()).toEqual([]);
      expect(pod.kernel.routes(4)).toEqual([]);
    });

    it("one that is moved to another namespace is down there, without its addresses", () => {
      const from = namespace();
      const to = namespace();
      const { link } = plug(from);
      succeed(from.kernel, { op: "link.set", index: link.index, change: { namespaceFd: to.fd } });
      expect(from.kernel.link(link.name)).toBeUndefined();
      expect(from.kernel.addresses().filter((entry) => entry.linkIndex === link.index)).toEqual([]);
      expect(linkNamed(to.kernel, link.name)).toMatchObject({ mac: link.mac, up: false });
      expect(to.kernel.addresses()).toEqual([]);
    });

    it("the loopback device gets its addresses when it goes up", () => {
      const { kernel } = namespace();
      succeed(kernel, { op: "link.set", index: 1, change: { up: true } });
      expect(linkNamed(kernel, "lo")).toMatchObject({ up: true, running: true });
      expect(kernel.addresses()).toEqual([linkAddress("127.0.0.1/8", 1, 254), linkAddress("::1/128", 1, 254)]);
    });
  });
}
