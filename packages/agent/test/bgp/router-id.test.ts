import { formatAddress, type Ipv4, Prefix, parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { routerIdOf } from "../../src/bgp/router-id.ts";

const named = (name: string) => formatAddress(routerIdOf({ name, ipv4: undefined }));

describe("the BGP identifier", () => {
  it("is the node's IPv4 address", () => {
    const address = parseAddress("192.168.0.81") as Ipv4;
    expect(routerIdOf({ name: "node1", ipv4: { address, subnet: Prefix.of(address, 24) } })).toBe(address);
  });

  it("is what somebody set: an address, or one from the name although there is another", () => {
    const address = parseAddress("192.168.0.81") as Ipv4;
    const self = { name: "node1", ipv4: { address, subnet: Prefix.of(address, 24) } };
    expect(routerIdOf(self, parseAddress("10.9.9.9") as Ipv4)).toBe(parseAddress("10.9.9.9"));
    expect(formatAddress(routerIdOf(self, "hash"))).toBe("202.18.243.27");
  });

  it("is made from the name of a node of IPv6 alone: another for another, a unicast address", () => {
    // printf node1 | sha256sum: ca12f31b…
    expect(named("node1")).toBe("202.18.243.27");
    const names = Array.from({ length: 200 }, (_, index) => named(`node${index}`));
    expect(new Set(names).size).toBe(200);
    expect(names.filter((text) => Number(text.split(".")[0]) > 223)).toEqual([]);
  });
});
