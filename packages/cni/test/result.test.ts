import { parseAddress, parseMac } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  formatIpamResult,
  formatResult,
  type JsonObject,
  parseResult,
  podResult,
  SUPPORTED_VERSIONS,
} from "../src/index.ts";

const dual = podResult({
  host: { name: "cali0761ccbeace", mac: parseMac("ee:ee:ee:ee:ee:ee") },
  container: { name: "eth0", mac: parseMac("ce:6f:6f:be:05:85"), netns: "/var/run/netns/gp1" },
  mtu: 1440,
  addresses: [parseAddress("10.244.166.128"), parseAddress("fd00:10:244::80")],
  dns: { nameservers: ["10.96.0.10"], domain: "cluster.local" },
});

const interfaces = [
  { name: "cali0761ccbeace", mac: "ee:ee:ee:ee:ee:ee" },
  { name: "eth0", mac: "ce:6f:6f:be:05:85", sandbox: "/var/run/netns/gp1" },
];
const routes = [
  { dst: "169.254.1.1/32" },
  { dst: "0.0.0.0/0", gw: "169.254.1.1" },
  { dst: "::/0", gw: "fe80::ecee:eeff:feee:eeee" },
];
const dns = { nameservers: ["10.96.0.10"], domain: "cluster.local" };
const versioned = {
  interfaces,
  ips: [
    { version: "4", interface: 1, address: "10.244.166.128/32" },
    { version: "6", interface: 1, address: "fd00:10:244::80/128" },
  ],
  routes,
  dns,
};
const legacy = {
  ip4: { ip: "10.244.166.128/32", routes: routes.slice(0, 2) },
  ip6: { ip: "fd00:10:244::80/128", routes: routes.slice(2) },
  dns,
};
const modern = { ...versioned, ips: versioned.ips.map(({ version: _version, ...ip }) => ip) };

const SHAPES: Readonly<Record<(typeof SUPPORTED_VERSIONS)[number], object>> = {
  "0.1.0": legacy,
  "0.2.0": legacy,
  "0.3.0": versioned,
  "0.3.1": versioned,
  "0.4.0": versioned,
  "1.0.0": modern,
  "1.1.0": {
    ...modern,
    interfaces: interfaces.map((link) => ({ ...link, mtu: 1440 })),
    routes: [{ dst: "169.254.1.1/32", scope: 253 }, ...routes.slice(1)],
  },
};

describe("a result", () => {
  it.each(SUPPORTED_VERSIONS)("has the shape of CNI %s", (version) => {
    expect(formatResult(dual, version)).toEqual({ cniVersion: version, ...SHAPES[version] });
  });

  it.each(["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const)("is read back as it was from CNI %s", (version) => {
    const printed = JSON.parse(JSON.stringify(formatResult(dual, version))) as JsonObject;
    expect(formatResult(parseResult(printed, "0.3.1", "prevResult"), version)).toEqual(printed);
  });

  it("of CNI 0.2.0 is read back without the interfaces that it never had", () => {
    const read = parseResult(formatResult(dual, "0.2.0"), "0.2.0", "prevResult");
    expect(read.interfaces).toEqual([]);
    expect(read.routes).toHaveLength(3);
  });

  it("of IPAM alone holds addresses with their blocks' lengths, and no interfaces", () => {
    const result = { addresses: [{ address: parseAddress("10.244.166.132"), length: 26 }], routes: [], dns: {} };
    expect(formatIpamResult(result, "0.3.1")).toEqual({
      cniVersion: "0.3.1",
      ips: [{ version: "4", address: "10.244.166.132/26" }],
      dns: {},
    });
    expect(formatIpamResult(result, "1.0.0")).toEqual({
      cniVersion: "1.0.0",
      ips: [{ address: "10.244.166.132/26" }],
      dns: {},
    });
    expect(formatIpamResult(result, "0.2.0")).toEqual({
      cniVersion: "0.2.0",
      ip4: { ip: "10.244.166.132/26" },
      dns: {},
    });
  });
});

describe("reading a result", () => {
  it("takes what a real Calico prints, whose route has host bits", () => {
    const read = parseResult(
      {
        cniVersion: "0.3.1",
        interfaces: [
          { name: "caliaaaa0000000" },
          { name: "eth0", mac: "22:a7:58:35:7f:e9", sandbox: "/var/run/netns/gp4" },
        ],
        ips: [{ version: "4", interface: 1, address: "10.244.166.130/32" }],
        routes: [{ dst: "10.244.166.130/26" }],
        dns: {},
      },
      "0.3.1",
      "prevResult",
    );
    expect(read.routes[0]?.destination.toString()).toBe("10.244.166.128/26");
    expect(read.interfaces[0]).toEqual({ name: "caliaaaa0000000" });
  });

  const bad: readonly (readonly [string, JsonObject, RegExp])[] = [
    ["an unknown version", { cniVersion: "9.0.0" }, /CNI 9\.0\.0/],
    ["an address without a length", { ips: [{ address: "10.0.0.1" }] }, /ips\[0\]\.address/],
    ["a length that is too long", { ips: [{ address: "10.0.0.1/33" }] }, /10\.0\.0\.1\/33/],
    ["an interface that is not there", { ips: [{ address: "10.0.0.1/32", interface: 3 }] }, /interface: 3/],
    [
      "an interface without a name",
      { interfaces: [{ mac: "ee:ee:ee:ee:ee:ee" }] },
      /interfaces\[0\]\.name: is missing/,
    ],
    ["a MAC that is none", { interfaces: [{ name: "eth0", mac: "ee" }] }, /interfaces\[0\]\.mac/],
    ["a gateway of the other family", { ips: [{ address: "10.0.0.1/24", gateway: "fe80::1" }] }, /not an IPv4 address/],
    ["a route to nowhere", { routes: [{ gw: "10.0.0.1" }] }, /routes\[0\]\.dst: is missing/],
  ];
  it.each(bad)("refuses %s", (_name, json, message) => {
    expect(() => parseResult({ cniVersion: "1.0.0", ...json }, "1.0.0", "prevResult")).toThrow(message);
  });
});
