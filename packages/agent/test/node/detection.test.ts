import type { Link, LinkAddress, Route } from "@ocicat/linux/kernel";
import { type Family, formatAddress, parseAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { ambiguity, detectAddress, formatCandidate, type HostFacts } from "../../src/node/detection.ts";
import { parseMethod, parseSource } from "../../src/node/detection-method.ts";
import { agentOptionsFrom } from "../../src/options.ts";

interface Interface {
  readonly name: string;
  readonly up?: boolean;
  readonly addresses: readonly string[];
}

interface RouteText {
  readonly to: string;
  readonly via?: string;
  readonly dev: string;
  readonly src?: string;
  readonly metric?: number;
  readonly kind?: Route["kind"];
}

/** A host as `ip address` and `ip route` would show it; interfaces are numbered from 1 in their order. */
function host(
  interfaces: readonly Interface[],
  routes: readonly RouteText[],
  more: Partial<HostFacts> = {},
): HostFacts {
  const indexOf = (name: string) => interfaces.findIndex((one) => one.name === name) + 1;
  return {
    links: interfaces.map(({ name, up = true }, at): Link => {
      const rest = { kind: "", mtu: 1500, mac: undefined, running: up, loopback: name === "lo", master: 0, group: 0 };
      return { index: at + 1, name, up, peerIndex: undefined, tunnel: undefined, ...rest };
    }),
    addresses: interfaces.flatMap(({ name, addresses }) =>
      addresses.map((text): LinkAddress => {
        const [address = "", length] = text.split("/");
        return { linkIndex: indexOf(name), address: parseAddress(address), prefixLength: Number(length), scope: 0 };
      }),
    ),
    routes: routes.map(({ to, via, dev, src, metric = 0, kind = "unicast" }) => ({
      kind,
      destination: parsePrefix(to),
      table: 254,
      protocol: 3,
      scope: 0,
      metric,
      mtu: undefined,
      preferredSource: src === undefined ? undefined : parseAddress(src),
      nextHops: [
        { via: via === undefined ? undefined : parseAddress(via), linkIndex: indexOf(dev), weight: 1, onlink: false },
      ],
    })),
    destinations: [],
    internalIps: [],
    held: undefined,
    ...more,
  };
}

function detect(text: string, facts: HostFacts, family: Family = 4) {
  const method = parseMethod(text, family);
  if ("unusable" in method) throw new Error(method.unusable);
  const destinations =
    method.name === "can-reach" && facts.destinations.length === 0
      ? [parseAddress(method.destination)]
      : facts.destinations;
  return detectAddress(method, family, { ...facts, destinations });
}

const LO: Interface = { name: "lo", addresses: ["127.0.0.1/8", "::1/128"] };
const ETH0: Interface = { name: "eth0", addresses: ["10.0.2.15/24", "fe80::1/64", "fd00:2::15/64"] };
const ETH1: Interface = { name: "eth1", addresses: ["192.168.56.10/24", "192.168.56.11/24", "fd00:56::10/64"] };
const DEFAULT: RouteText = { to: "0.0.0.0/0", via: "10.0.2.2", dev: "eth0" };
const PODS: Interface[] = [
  { name: "docker0", addresses: ["172.17.0.1/16"] },
  { name: "cali2009c1121bd", addresses: ["10.244.0.1/32"] },
  { name: "tunl0", addresses: ["10.244.42.64/32"] },
  { name: "vxlan.calico", addresses: ["10.244.42.65/32"] },
];

const TWO = host([LO, ETH0, ETH1, ...PODS], [DEFAULT]);
const NO_DEFAULT = host([LO, ETH0, ETH1, ...PODS], []);
const ROUTED = host(
  [LO, ETH0, ETH1, ...PODS],
  [
    DEFAULT,
    { to: "10.0.2.0/24", dev: "eth0", src: "10.0.2.15" },
    { to: "192.168.56.0/24", dev: "eth1", src: "192.168.56.11" },
    { to: "198.51.100.0/24", via: "192.168.56.1", dev: "eth1" },
    { to: "203.0.113.0/24", via: "192.168.56.1", dev: "eth1", metric: 100 },
    { to: "203.0.113.0/24", via: "10.0.2.2", dev: "eth0", metric: 50 },
    { to: "192.0.2.0/24", dev: "eth0", kind: "blackhole" },
  ],
);

describe("detection", () => {
  const internal = (...addresses: string[]) => ({ ...TWO, internalIps: addresses.map(parseAddress) });
  it.each<[why: string, method: string, facts: HostFacts, family: Family, chosen: string]>([
    ["the default route's interface", "first-found", TWO, 4, "eth0 10.0.2.15/24"],
    ["the empty method is first-found", "", TWO, 4, "eth0 10.0.2.15/24"],
    ["without a default route the highest index, as Calico", "first-found", NO_DEFAULT, 4, "eth1 192.168.56.10/24"],
    ["IPv6, not its link-local address", "first-found", host([LO, ETH0], []), 6, "eth0 fd00:2::15/64"],
    ["one named by its interface", "interface=eth1", TWO, 4, "eth1 192.168.56.10/24"],
    ["one of several patterns", "interface=ens.*, eth1", TWO, 4, "eth1 192.168.56.10/24"],
    ["a pattern is found anywhere in the name", "interface=th1", TWO, 4, "eth1 192.168.56.10/24"],
    ["an excluded interface that is named", "interface=docker0", TWO, 4, "docker0 172.17.0.1/16"],
    ["all but a named interface", "skip-interface=eth0", TWO, 4, "eth1 192.168.56.10/24"],
    ["by subnet", "cidr=192.168.0.0/16", TWO, 4, "eth1 192.168.56.10/24"],
    ["by one of several subnets", "cidr=172.30.0.0/16, 192.168.56.8/30", TWO, 4, "eth1 192.168.56.10/24"],
    ["a subnet that pools lie in takes no tunnel", "cidr=10.0.0.0/8", TWO, 4, "eth0 10.0.2.15/24"],
    ["by subnet, IPv6", "cidr=fd00:56::/32", TWO, 6, "eth1 fd00:56::10/64"],
    ["towards the outside: the default route", "can-reach=8.8.8.8", ROUTED, 4, "eth0 10.0.2.15/24"],
    ["towards a neighbour: the route's source", "can-reach=192.168.56.1", ROUTED, 4, "eth1 192.168.56.11/24"],
    ["through a gateway: on its subnet", "can-reach=198.51.100.7", ROUTED, 4, "eth1 192.168.56.10/24"],
    ["of two routes the one with the lower metric", "can-reach=203.0.113.7", ROUTED, 4, "eth0 10.0.2.15/24"],
    ["an address of its own", "can-reach=192.168.56.11", ROUTED, 4, "eth1 192.168.56.11/24"],
    [
      "a name's second address, if the first cannot be reached",
      "can-reach=example.org",
      { ...ROUTED, destinations: [parseAddress("192.0.2.1"), parseAddress("192.168.56.1")] },
      4,
      "eth1 192.168.56.11/24",
    ],
    [
      "the Node's InternalIP",
      "kubernetes-internal-ip",
      internal("fd00:56::10", "192.168.56.11"),
      4,
      "eth1 192.168.56.11/24",
    ],
    [
      "the Node's InternalIP, IPv6",
      "kubernetes-internal-ip",
      internal("192.168.56.11", "fd00:56::10"),
      6,
      "eth1 fd00:56::10/64",
    ],
    [
      "the address in use before the better one",
      "first-found",
      { ...TWO, held: parseAddress("192.168.56.11") },
      4,
      "eth1 192.168.56.11/24",
    ],
    [
      "not an address in use that the method leaves out",
      "skip-interface=eth1",
      { ...TWO, held: parseAddress("192.168.56.11") },
      4,
      "eth0 10.0.2.15/24",
    ],
    [
      "nothing of an interface that is down",
      "interface=eth.*",
      host([LO, { ...ETH0, up: false }, ETH1], [DEFAULT]),
      4,
      "eth1 192.168.56.10/24",
    ],
  ])("takes %s (%s)", (_why, method, facts, family, chosen) => {
    expect(formatCandidate(detect(method, facts, family).chosen)).toBe(chosen);
  });

  it("leaves out by name what Calico leaves out", () => {
    const names =
      "docker0 cbr0 dummy0 virbr0 lxcbr0 veth1 lo cali1 tunl0 flannel.1 kube-ipvs0 cni0 vxlan.calico vxlan-v6.calico wireguard.cali wg-v6.cali nodelocaldns";
    const interfaces = names.split(" ").map((name, at) => ({ name, addresses: [`10.9.${at}.1/24`] }));
    expect(() => detect("first-found", host(interfaces, []))).toThrow(/NODE_ADDRESS|no address/);
    expect(
      detect("first-found", host([{ name: "eth0", addresses: ["10.1.0.1/24"] }, ...interfaces], [])).others,
    ).toEqual([]);
  });

  it.each<[method: string, facts: HostFacts, family: Family, said: readonly RegExp[]]>([
    [
      "first-found",
      host([LO, { ...ETH0, up: false }, ...PODS], [DEFAULT]),
      4,
      [
        /lo 127\.0\.0\.1\/8: it is a loopback address/,
        /eth0 10\.0\.2\.15\/24: its interface is down/,
        /docker0 172\.17\.0\.1\/16: its interface is left out by \^docker\.\*/,
        /tunl0 10\.244\.42\.64\/32: its interface is this network's own/,
        /set IP=address\/length, or another IP_AUTODETECTION_METHOD/,
      ],
    ],
    ["interface=ens.*", TWO, 4, [/eth0 10\.0\.2\.15\/24: the method does not name its interface/]],
    ["cidr=172.30.0.0/16", TWO, 4, [/eth1 192\.168\.56\.10\/24: it is not in 172\.30\.0\.0\/16/]],
    ["first-found", host([{ name: "eth0", addresses: ["10.0.0.1/24"] }], []), 6, [/it has no IPv6 address/, /IP6=/]],
    ["can-reach=192.0.2.1", ROUTED, 4, [/192\.0\.2\.1 cannot be reached/, /no route in the main table/]],
    ["can-reach=8.8.8.8", NO_DEFAULT, 4, [/8\.8\.8\.8 cannot be reached/]],
    ["kubernetes-internal-ip", TWO, 4, [/no IPv4 address of type InternalIP/, /spec\.addresses/]],
    [
      "kubernetes-internal-ip",
      internal("10.99.0.1"),
      4,
      [/eth0 10\.0\.2\.15\/24: the Node's InternalIP is 10\.99\.0\.1/],
    ],
  ])("%s finds nothing and says of each address why", (method, facts, family, said) => {
    for (const text of said) expect(() => detect(method, facts, family)).toThrow(text);
  });

  it("tells what else would have done", () => {
    const detected = detect("first-found", TWO);
    expect(detected.others.map(formatCandidate)).toEqual(["eth1 192.168.56.10/24", "eth1 192.168.56.11/24"]);
    expect(ambiguity(detected, "IP_AUTODETECTION_METHOD")).toMatch(
      /^eth0 10\.0\.2\.15\/24 was taken \(the default route leaves by its interface\), and eth1 192\.168\.56\.10\/24, .* IP_AUTODETECTION_METHOD=interface=…$/,
    );
    expect(ambiguity(detect("interface=eth0", TWO), "IP_AUTODETECTION_METHOD")).toBeUndefined();
    expect(ambiguity(detect("first-found", NO_DEFAULT), "X")).toContain("highest index");
  });
});

describe("the variables", () => {
  it("are the agent's options, and what cannot be used is refused by the variable's name", () => {
    const options = agentOptionsFrom({ IP6: "autodetect", IP6_AUTODETECTION_METHOD: "interface=ens.*" }, "node1");
    expect(options.ip).toEqual({ kind: "detect", method: { name: "first-found" } });
    expect(options.ip6).toEqual({ kind: "detect", method: { name: "interface", patterns: [/ens.*/] } });
    expect(agentOptionsFrom({}, "node1").ip6).toEqual({ kind: "none" });
    expect(() => agentOptionsFrom({ IP_AUTODETECTION_METHOD: "best" }, "node1")).toThrow(
      /IP_AUTODETECTION_METHOD: "best" is not usable: there is no method "best"; use one of first-found, can-reach=/,
    );
    expect(() => agentOptionsFrom({ IP6: "10.0.0.1" }, "node1")).toThrow(/variable IP6: "10\.0\.0\.1"/);
    expect(() => agentOptionsFrom({ AUTODETECT_POLL_INTERVAL: "often" }, "node1")).toThrow(/AUTODETECT_POLL_INTERVAL/);
  });

  it.each([
    ["interface=(", 4, /not a regular expression/],
    ["interface=", 4, /empty item/],
    ["cidr=10.0.0.0/8,", 4, /empty item/],
    ["cidr=fd00::/8", 4, /IPv4 CIDR/],
    ["can-reach=", 4, /names no destination/],
    ["can-reach=fd00::1", 4, /not an IPv4 address/],
    ["first-found=eth0", 4, /takes no value/],
    ["best", 4, /no method "best"/],
  ] as const)("%s is refused", (text, family, why) => {
    expect(parseMethod(text, family)).toEqual({ unusable: expect.stringMatching(why) as string });
  });

  it("an address may carry its length, and must be of the family", () => {
    const first = { name: "first-found" } as const;
    const given = parseSource("10.0.0.1/16", 4, first);
    expect(given).toMatchObject({ kind: "given", length: 16 });
    expect("address" in given && formatAddress(given.address)).toBe("10.0.0.1");
    expect(parseSource("fd00::1", 6, first)).toMatchObject({ kind: "given", length: undefined });
    expect(parseSource("autodetect", 4, first)).toEqual({ kind: "detect", method: first });
    expect(parseSource("none", 4, first)).toEqual({ kind: "none" });
    for (const text of ["fd00::1", "10.0.0.1/33", "10.0.0.1/8/8", "eth0"])
      expect(parseSource(text, 4, first)).toHaveProperty("unusable");
  });
});
