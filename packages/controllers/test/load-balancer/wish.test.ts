import { formatAddress, parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { handleOf, readService, type Service } from "../../src/load-balancer/service.ts";
import { type PoolOfAddress, stepsTo, type Wish, wishOf } from "../../src/load-balancer/wish.ts";

function service(spec: object = {}, annotations: Readonly<Record<string, string>> = {}, status: object = {}): Service {
  const metadata = { name: "web", namespace: "shop", uid: "2b8a", annotations };
  return readService(
    JSON.stringify({ metadata, spec: { type: "LoadBalancer", ipFamilies: ["IPv4"], ...spec }, status }),
  );
}

const ADDRESSES = "projectcalico.org/loadBalancerIPs";

describe("what a service asks for", () => {
  const either = { kind: "families", families: [4], pools: {} };
  const none = { kind: "none" };
  it.each([
    ["any, of all services", service(), "AllServices", either],
    ["nothing, where only those are served that ask", service(), "RequestedServicesOnly", none],
    ["nothing, of another type", service({ type: "ClusterIP" }), "AllServices", none],
    ["nothing, of another class", service({ loadBalancerClass: "metal" }), "AllServices", none],
    ["any, by class", service({ loadBalancerClass: "calico" }), "RequestedServicesOnly", either],
    [
      "nothing, of another class, whatever is annotated",
      service({ loadBalancerClass: "metal" }, { [ADDRESSES]: '["10.1.0.1"]' }),
      "RequestedServicesOnly",
      none,
    ],
    [
      "both families",
      service({ ipFamilies: ["IPv6", "IPv4"] }),
      "AllServices",
      { kind: "families", families: [6, 4], pools: {} },
    ],
    [
      "of pools",
      service({}, { "projectcalico.org/ipv4pools": '["lb", "10.2.0.0/16"]' }),
      "RequestedServicesOnly",
      { kind: "families", families: [4], pools: { 4: ["lb", "10.2.0.0/16"] } },
    ],
  ] as const)("%s", (_, of, assign, wish) => {
    expect(wishOf(of, assign)).toEqual(wish);
  });

  it("certain addresses, by annotation or by loadBalancerIP, of which the annotation goes before", () => {
    const asked = (of: Service) => {
      const wish = wishOf(of, "AllServices");
      return wish.kind === "addresses" ? wish.addresses.map(formatAddress) : wish.kind;
    };
    expect(asked(service({ loadBalancerIP: "10.1.0.7" }))).toEqual(["10.1.0.7"]);
    const annotated = { [ADDRESSES]: '["10.1.0.1", "2001:DB8::1"]' };
    expect(asked(service({ loadBalancerIP: "10.1.0.7" }, annotated))).toEqual(["10.1.0.1", "2001:db8::1"]);
  });

  it.each(['["10.1.0.1", "10.1.0.2"]', "10.1.0.1", '["10.1.0"]', "[7]", "[]"])("cannot be %s", (asked) => {
    expect(() => wishOf(service({}, { [ADDRESSES]: asked }), "AllServices")).toThrow(/Service shop\/web/);
  });
});

describe("what has to be done", () => {
  const pools: readonly PoolOfAddress[] = [
    { name: "lb", cidr: "10.1.0.0/16", isManual: false },
    { name: "special", cidr: "10.2.0.0/16", isManual: true },
  ];
  const poolOf = (address: Parameters<typeof formatAddress>[0]) =>
    pools.find(({ cidr }) => formatAddress(address).startsWith(cidr.slice(0, 5)));
  const steps = (wish: Wish, ...held: readonly string[]) => {
    const { keep, release, assign, families } = stepsTo(wish, held.map(parseAddress), poolOf);
    return [keep.map(formatAddress), release.map(formatAddress), assign.map(formatAddress), families];
  };
  const any: Wish = { kind: "families", families: [4], pools: {} };
  const exact: Wish = { kind: "addresses", addresses: [parseAddress("10.1.0.1")] };

  it.each([
    ["what is missing is given", any, [], [[], [], [], [4]]],
    ["what is there stays", any, ["10.1.0.9"], [["10.1.0.9"], [], [], []]],
    ["one too many goes", any, ["10.1.0.9", "10.1.0.8"], [["10.1.0.9"], ["10.1.0.8"], [], []]],
    ["of a pool that nobody named any more it goes", any, ["10.2.0.9"], [[], ["10.2.0.9"], [], [4]]],
    ["of a pool that is gone it stays", any, ["10.7.0.9"], [["10.7.0.9"], [], [], []]],
    ["of another family it goes", any, ["2001:db8::1"], [[], ["2001:db8::1"], [], [4]]],
    [
      "of another pool than named it goes",
      { kind: "families", families: [4], pools: { 4: ["special"] } },
      ["10.1.0.9"],
      [[], ["10.1.0.9"], [], [4]],
    ],
    [
      "of the pool named, by its range, it stays",
      { kind: "families", families: [4], pools: { 4: ["10.2.0.0/16"] } },
      ["10.2.0.9"],
      [["10.2.0.9"], [], [], []],
    ],
    ["another than asked for goes", exact, ["10.1.0.9"], [[], ["10.1.0.9"], ["10.1.0.1"], []]],
    ["the one asked for stays", exact, ["10.1.0.1"], [["10.1.0.1"], [], [], []]],
    ["all goes of who asks for nothing", { kind: "none" }, ["10.1.0.1"], [[], ["10.1.0.1"], [], []]],
  ] as const)("%s", (_, wish, held, expected) => {
    expect(steps(wish, ...held)).toEqual(expected);
  });
});

describe("a service", () => {
  it("holds its addresses under a name that its identity gives, as Calico computes it", () => {
    // printf web-shop-2b8a | sha256sum | xxd -r -p | base64, without what is neither a letter nor a digit.
    expect(handleOf(service())).toBe("lb-PT4V5kxsInVlOJDRBJuzNkC5T5hmVYYis0H76awo");
    expect(handleOf(service())).toBe(handleOf({ name: "WEB", namespace: "shop", uid: "2B8A" }));
    expect(handleOf(service())).not.toBe(handleOf({ name: "web", namespace: "shop", uid: "2b8b" }));
  });

  it("is told apart from what its status says", () => {
    const status = { loadBalancer: { ingress: [{ ip: "2001:DB8::1" }, { hostname: "x" }, { ip: "10.1.0.1" }] } };
    expect(service({}, {}, status).told).toEqual(["2001:db8::1", "10.1.0.1"]);
  });
});
