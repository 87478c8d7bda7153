import { Scope } from "@ocicat/kit";
import { FakeKernel, type KernelOperation } from "@ocicat/linux/kernel";
import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { NextHops } from "../../src/bgp/next-hops.ts";

/** A node with ens33 on 192.168.0.0/24. */
function setUp() {
  const kernel = new FakeKernel();
  const must = (...operations: KernelOperation[]) =>
    expect(kernel.apply(operations).filter((outcome) => outcome !== undefined)).toEqual([]);
  const link = (name: string) => must({ op: "link.veth", veth: { name, up: true, peer: { name: `${name}-far` } } });
  const index = (name: string) => kernel.link(name)?.index ?? 0;
  const address = (name: string, text: string, prefixLength: number) => ({
    linkIndex: index(name),
    address: parseAddress(text),
    prefixLength,
    scope: 0,
  });
  link("ens33");
  must({ op: "address.add", address: address("ens33", "192.168.0.81", 24) });
  let changes = 0;
  const nextHops = new NextHops({
    kernel,
    scope: new Scope("test"),
    interfacePrefix: "cali",
    onChange: () => {
      changes += 1;
    },
  });
  const reaches = (text: string) => nextHops.onSubnet(parseAddress(text));
  /** Notifications come in a turn of their own. */
  const told = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return changes;
  };
  return { kernel, must, link, index, address, reaches, told };
}

describe("next hops", () => {
  it("are those on a subnet of the node", () => {
    const { reaches } = setUp();
    expect(reaches("192.168.0.82")).toBe(true);
    expect(reaches("192.168.1.82")).toBe(false);
  });

  it("come and go with addresses and links, and each time it is told once", async () => {
    const { must, address, index, reaches, told } = setUp();
    must({ op: "address.add", address: address("ens33", "192.168.1.81", 24) });
    expect(await told()).toBe(1);
    expect(reaches("192.168.1.82")).toBe(true);
    must({ op: "address.delete", address: address("ens33", "192.168.1.81", 24) });
    expect(await told()).toBe(2);
    expect(reaches("192.168.1.82")).toBe(false);
    must({ op: "link.set", index: index("ens33"), change: { up: false } });
    expect(await told()).toBe(3);
    expect(reaches("192.168.0.82")).toBe(false);
  });

  it("are read again when notifications were lost", async () => {
    const { kernel, must, address, reaches, told } = setUp();
    must({ op: "address.add", address: address("ens33", "192.168.1.81", 24) });
    kernel.overflowMonitors();
    expect(await told()).toBe(1);
    expect(reaches("192.168.1.82")).toBe(true);
  });

  it("are not looked for again because of pods", async () => {
    const { link, must, address, told } = setUp();
    link("cali0001");
    must({ op: "address.add", address: address("cali0001", "fe80::1", 64) });
    expect(await told()).toBe(0);
  });
});
