import { FakeKernel, type KernelOperation } from "@ocicat/linux/kernel";
import { formatAddress, parseAddress, parseMac } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { carries, deviceFlaws, makeDevice, removeDevice } from "../../src/tunnels/device.ts";
import { checksumOffloadWorks, type TunnelSpec, vtepMac } from "../../src/tunnels/spec.ts";

function must(kernel: FakeKernel, ...operations: KernelOperation[]): void {
  expect(kernel.apply(operations).filter((outcome) => outcome !== undefined)).toEqual([]);
}

function index(kernel: FakeKernel, name: string): number {
  const link = kernel.link(name);
  if (link === undefined) throw new Error(`no ${name}`);
  return link.index;
}

function node(): FakeKernel {
  const kernel = new FakeKernel();
  must(kernel, { op: "link.veth", veth: { name: "ens33", up: true, peer: { name: "segment" } } });
  return kernel;
}

function vxlan(kernel: FakeKernel, address = "10.244.68.0"): TunnelSpec {
  return {
    kind: "vxlan",
    device: "vxlan.calico",
    underlay: "ens33",
    address: parseAddress(address),
    mac: vtepMac("vxlan", "node1"),
    mtu: 1450,
    tunnel: {
      kind: "vxlan",
      id: 4096,
      port: 4789,
      local: parseAddress("192.168.0.81"),
      parent: index(kernel, "ens33"),
      learning: false,
    },
    checksumOffload: true,
  };
}

const ipip: TunnelSpec = {
  kind: "ipip",
  device: "tunl0",
  underlay: "ens33",
  address: parseAddress("10.244.68.1"),
  mac: undefined,
  mtu: 1480,
  tunnel: { kind: "ipip", local: undefined, remote: undefined },
  checksumOffload: true,
};

function addressesOf(kernel: FakeKernel, device: string): string[] {
  return kernel
    .addresses()
    .filter(({ linkIndex }) => linkIndex === index(kernel, device))
    .map(({ address, prefixLength }) => `${formatAddress(address)}/${prefixLength}`);
}

describe("a tunnel device", () => {
  it("is made whole from nothing, and then nothing is wrong with it", () => {
    const kernel = node();
    const spec = vxlan(kernel);
    expect(deviceFlaws(kernel, spec)).toEqual(["vxlan.calico is not there"]);
    expect(carries(kernel, spec)).toBe(false);
    makeDevice(kernel, spec);
    expect(deviceFlaws(kernel, spec)).toEqual([]);
    expect(kernel.link("vxlan.calico")).toMatchObject({ up: true, mtu: 1450, mac: spec.mac, tunnel: spec.tunnel });
    expect(addressesOf(kernel, "vxlan.calico")).toEqual(["10.244.68.0/32"]);
    const written = kernel.written.length;
    makeDevice(kernel, spec);
    expect(kernel.written.slice(written).map(({ op }) => op)).toEqual(["link.set"]);
  });

  it.each<[string, (kernel: FakeKernel) => void, RegExp]>([
    ["down", (kernel) => must(kernel, set(kernel, { up: false })), /is down/],
    ["of another MTU", (kernel) => must(kernel, set(kernel, { mtu: 1300 })), /has MTU 1300, not 1450/],
    ["of another MAC", (kernel) => must(kernel, set(kernel, { mac: parseMac("02:00:00:00:00:07") })), /has MAC 02:/],
    [
      "with a stranger's address",
      (kernel) => must(kernel, give(kernel, "198.51.100.7")),
      /198\.51\.100\.7, which is not/,
    ],
    ["without its address", (kernel) => must(kernel, take(kernel)), /lacks 10\.244\.68\.0/],
    [
      "behind a strict filter",
      (kernel) => kernel.writeSysctl("net/ipv4/conf/vxlan.calico/rp_filter", "1"),
      /vxlan\.calico\/rp_filter drops/,
    ],
    ["over a strict filter", (kernel) => kernel.writeSysctl("net/ipv4/conf/ens33/rp_filter", "1"), /ens33\/rp_filter/],
  ])("that is %s is told so and mended in place", (_how, spoil, flaw) => {
    const kernel = node();
    const spec = vxlan(kernel);
    makeDevice(kernel, spec);
    const before = index(kernel, spec.device);
    spoil(kernel);
    expect(deviceFlaws(kernel, spec).join("; ")).toMatch(flaw);
    makeDevice(kernel, spec);
    expect(deviceFlaws(kernel, spec)).toEqual([]);
    expect(index(kernel, spec.device)).toBe(before);
    expect(addressesOf(kernel, spec.device)).toEqual(["10.244.68.0/32"]);
  });

  it("of another VNI is another device: it carries nothing, and is made anew", () => {
    const kernel = node();
    const spec = vxlan(kernel);
    must(kernel, { op: "link.vxlan", vxlan: { name: "vxlan.calico", id: 7, port: 8472 } });
    must(kernel, set(kernel, { up: true }));
    expect(carries(kernel, spec)).toBe(false);
    makeDevice(kernel, spec);
    expect(deviceFlaws(kernel, spec)).toEqual([]);
  });

  it("leaves the filters of a network that is loose already, or has none", () => {
    const kernel = node();
    kernel.writeSysctl("net/ipv4/conf/all/rp_filter", "2");
    kernel.writeSysctl("net/ipv4/conf/ens33/rp_filter", "1");
    makeDevice(kernel, vxlan(kernel));
    expect(kernel.readSysctl("net/ipv4/conf/ens33/rp_filter")).toBe("1");
  });

  it("does not leave checksums to a device that gets them wrong", () => {
    const kernel = node();
    const spec = { ...vxlan(kernel), checksumOffload: checksumOffloadWorks("5.4.0-1-amd64") };
    makeDevice(kernel, spec);
    expect(kernel.txChecksumOffload("vxlan.calico")).toBe(false);
    expect([checksumOffloadWorks("5.7.0"), checksumOffloadWorks("6.18.44-fc"), checksumOffloadWorks("4.19.0")]).toEqual(
      [true, true, false],
    );
  });

  it("that does not come out as it should is told, instead of being made for ever", () => {
    const kernel = node();
    const spec = vxlan(kernel);
    kernel.injectFault(({ op }) => (op === "address.add" ? { errno: "EPERM", number: 1, message: "" } : undefined));
    expect(() => makeDevice(kernel, spec)).toThrow(/address\.add: EPERM/);
    const stubborn = node();
    stubborn.setTxChecksumOffload = () => undefined;
    expect(() => makeDevice(stubborn, { ...vxlan(stubborn), checksumOffload: false })).toThrow(
      /and still vxlan\.calico/,
    );
  });

  it("tunl0 that the kernel has by itself is used as it is", () => {
    const kernel = node();
    must(kernel, { op: "link.ipip", ipip: { name: "tunl0" } });
    const before = index(kernel, "tunl0");
    makeDevice(kernel, ipip);
    expect(deviceFlaws(kernel, ipip)).toEqual([]);
    expect(index(kernel, "tunl0")).toBe(before);
  });

  it("a kernel without IPIP is said to be one, and how to mend it", () => {
    const kernel = node();
    const failure = { errno: "EOPNOTSUPP", number: 95, message: "Unknown device type" };
    kernel.injectFault((operation) => (operation.op === "link.ipip" ? failure : undefined));
    expect(() => makeDevice(kernel, ipip)).toThrow(/this kernel has no IPIP.*modprobe ipip/);
    expect(kernel.link("tunl0")).toBeUndefined();
  });

  it("is taken away; a tunl0 that cannot be is put to rest without an address", () => {
    const kernel = node();
    makeDevice(kernel, vxlan(kernel));
    removeDevice(kernel, "vxlan");
    expect(kernel.link("vxlan.calico")).toBeUndefined();
    removeDevice(kernel, "vxlan");
    makeDevice(kernel, ipip);
    const lasting = kernel.injectFault((operation) =>
      operation.op === "link.delete" ? { errno: "EOPNOTSUPP", number: 95, message: "" } : undefined,
    );
    removeDevice(kernel, "ipip");
    lasting();
    expect(kernel.link("tunl0")?.up).toBe(false);
    expect(addressesOf(kernel, "tunl0")).toEqual([]);
  });

  it("has Calico's MAC: 66 and the name's SHA-1, another for IPv6", () => {
    // printf node1 | sha1sum
    expect(vtepMac("vxlan", "node1")).toBe("66:f9:37:c3:7e:94");
    expect(vtepMac("vxlan6", "node1")).not.toBe(vtepMac("vxlan", "node1"));
  });
});

function set(kernel: FakeKernel, change: Extract<KernelOperation, { op: "link.set" }>["change"]): KernelOperation {
  return { op: "link.set", index: index(kernel, "vxlan.calico"), change };
}

function give(kernel: FakeKernel, address: string): KernelOperation {
  const linkIndex = index(kernel, "vxlan.calico");
  return { op: "address.add", address: { linkIndex, address: parseAddress(address), prefixLength: 32, scope: 0 } };
}

function take(kernel: FakeKernel): KernelOperation {
  const linkIndex = index(kernel, "vxlan.calico");
  const address = parseAddress("10.244.68.0");
  return { op: "address.delete", address: { linkIndex, address, prefixLength: 32, scope: 0 } };
}
