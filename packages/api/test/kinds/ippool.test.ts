import { describe, expect, it } from "vitest";
import { checkResource, type IPPool, ippool, readDocument } from "../../src/index.ts";
import { refusals } from "../support.ts";

function pool(spec: object, name = "p"): IPPool {
  const resource = readDocument({
    apiVersion: "projectcalico.org/v3",
    kind: "IPPool",
    metadata: { name },
    spec,
  });
  if (!ippool.is(resource)) throw new Error("not a pool");
  return resource;
}

describe("defaults", () => {
  it("are those of IPv4", () => {
    expect(pool({ cidr: "10.0.0.0/16" }).spec).toEqual({
      cidr: "10.0.0.0/16",
      vxlanMode: "Never",
      ipipMode: "Never",
      natOutgoing: false,
      disabled: false,
      disableBGPExport: false,
      blockSize: 26,
      nodeSelector: "all()",
      allowedUses: ["Workload", "Tunnel"],
      assignmentMode: "Automatic",
    });
  });

  it("have blocks of 64 addresses in IPv6 too", () => {
    expect(pool({ cidr: "FD00:10:244::/48" }).spec).toMatchObject({ cidr: "fd00:10:244::/48", blockSize: 122 });
  });

  it("stand for Go's zero values", () => {
    const spec = { cidr: "10.0.0.0/16", blockSize: 0, nodeSelector: "", ipipMode: "", vxlanMode: null };
    expect(pool(spec).spec).toEqual(pool({ cidr: "10.0.0.0/16" }).spec);
  });
});

describe("a pool is refused", () => {
  const cases: readonly (readonly [why: string, spec: object, refusal: readonly [string, unknown, string]])[] = [
    ["without a CIDR", {}, ["spec.cidr", undefined, "required"]],
    ["for a CIDR that is an address", { cidr: "10.0.0.1" }, ["spec.cidr", "10.0.0.1", "cidr"]],
    ["for host bits", { cidr: "10.0.0.1/16" }, ["spec.cidr", "10.0.0.1/16", "host-bits"]],
    ["for host bits in IPv6", { cidr: "fd00::1/64" }, ["spec.cidr", "fd00::1/64", "host-bits"]],
    ["for a block size of 33", { cidr: "10.0.0.0/16", blockSize: 33 }, ["spec.blockSize", 33, "block-size"]],
    ["for a block size of 19", { cidr: "10.0.0.0/16", blockSize: 19 }, ["spec.blockSize", 19, "block-size"]],
    ["for a block size of 115 in IPv6", { cidr: "fd00::/64", blockSize: 115 }, ["spec.blockSize", 115, "block-size"]],
    ["for IPv4's block size in IPv6", { cidr: "fd00::/64", blockSize: 26 }, ["spec.blockSize", 26, "block-size"]],
    ["for a block size that is text", { cidr: "10.0.0.0/16", blockSize: "26" }, ["spec.blockSize", "26", "type"]],
    ["for being smaller than a block", { cidr: "10.0.0.0/27" }, ["spec.cidr", "10.0.0.0/27", "pool-size"]],
    ["in the link-local range", { cidr: "169.254.0.0/20" }, ["spec.cidr", "169.254.0.0/20", "link-local"]],
    ["around the link-local range", { cidr: "169.0.0.0/8" }, ["spec.cidr", "169.0.0.0/8", "link-local"]],
    ["in IPv6's link-local range", { cidr: "fe80:1::/64" }, ["spec.cidr", "fe80:1::/64", "link-local"]],
    [
      "for two encapsulations",
      { cidr: "10.0.0.0/16", ipipMode: "CrossSubnet", vxlanMode: "CrossSubnet" },
      ["spec.vxlanMode", "CrossSubnet", "one-encapsulation"],
    ],
    ["for IPIP in IPv6", { cidr: "fd00::/64", ipipMode: "Always" }, ["spec.ipipMode", "Always", "ipip-family"]],
    ["for a mode that is none", { cidr: "10.0.0.0/16", ipipMode: "always" }, ["spec.ipipMode", "always", "choice"]],
    [
      "for a selector that is none",
      { cidr: "10.0.0.0/16", nodeSelector: "rack = 'a'" },
      ["spec.nodeSelector", "rack = 'a'", "selector"],
    ],
    ["for no uses", { cidr: "10.0.0.0/16", allowedUses: [] }, ["spec.allowedUses", [], "required"]],
    [
      "for mixing load balancers with workloads",
      { cidr: "10.0.0.0/16", allowedUses: ["LoadBalancer", "Workload"] },
      ["spec.allowedUses", ["LoadBalancer", "Workload"], "uses"],
    ],
    ...(
      [
        ["nodeSelector", "rack == 'a'"],
        ["disableBGPExport", true],
        ["ipipMode", "Always"],
        ["vxlanMode", "CrossSubnet"],
      ] as const
    ).map(([name, value]): [string, object, [string, unknown, string]] => [
      `for load balancers with ${name} ${value}`,
      { cidr: "10.0.0.0/16", allowedUses: ["LoadBalancer"], [name]: value },
      [`spec.${name}`, value, "load-balancer"],
    ]),
    [
      "for a use given twice",
      { cidr: "10.0.0.0/16", allowedUses: ["Tunnel", "Tunnel"] },
      ["spec.allowedUses[1]", "Tunnel", "duplicate"],
    ],
  ];

  it.each(cases)("%s", (_why, spec, refusal) => {
    expect(refusals(() => pool(spec))).toEqual([refusal]);
  });
});

it("may be smaller than a block when it is disabled, for it gives no addresses then", () => {
  expect(pool({ cidr: "10.0.0.0/30", disabled: true }).spec.blockSize).toBe(26);
});

it("may have every block size of its family", () => {
  const sizes = [20, 26, 32].map((blockSize) => pool({ cidr: "10.0.0.0/16", blockSize }).spec.blockSize);
  expect([...sizes, pool({ cidr: "fd00::/64", blockSize: 128 }).spec.blockSize]).toEqual([20, 26, 32, 128]);
});

describe("beside other pools", () => {
  const there = pool({ cidr: "10.244.0.0/16" }, "there");
  const create = (cidr: string, name = "p") => refusals(() => checkResource(pool({ cidr }, name), { others: [there] }));

  it("overlaps are refused, inside and around, and name the other pool", () => {
    expect(create("10.244.128.0/20")).toEqual([["spec.cidr", "10.244.128.0/20", "overlap"]]);
    expect(create("10.0.0.0/8")).toEqual([["spec.cidr", "10.0.0.0/8", "overlap"]]);
    expect(() => checkResource(pool({ cidr: "10.0.0.0/8" }), { others: [there] })).toThrow(
      /IPPool there, 10\.244\.0\.0\/16/,
    );
  });

  it("neighbours and the other family are fine", () => {
    expect([...create("10.245.0.0/16"), ...create("fd00::/64")]).toEqual([]);
  });

  it("itself is no overlap", () => {
    expect(create("10.244.0.0/16", "there")).toEqual([]);
  });
});

describe("on an update", () => {
  const previous = pool({ cidr: "10.244.0.0/16" });
  const update = (spec: object) => refusals(() => checkResource(pool(spec), { previous }));

  it("the CIDR stays", () => {
    expect(update({ cidr: "10.245.0.0/16" })).toEqual([["spec.cidr", "10.245.0.0/16", "immutable"]]);
  });

  it("the block size stays", () => {
    expect(update({ cidr: "10.244.0.0/16", blockSize: 27 })).toEqual([["spec.blockSize", 27, "immutable"]]);
  });

  it("a pool does not become one for load balancers", () => {
    const spec = { cidr: "10.244.0.0/16", allowedUses: ["LoadBalancer"] };
    expect(update(spec)).toEqual([["spec.allowedUses", ["LoadBalancer"], "immutable"]]);
  });

  it("everything else may change", () => {
    expect(update({ cidr: "10.244.0.0/16", natOutgoing: true, vxlanMode: "Always", disabled: true })).toEqual([]);
  });

  it("an overlap that is there already does not stop it", () => {
    const others = [pool({ cidr: "10.244.0.0/20" }, "other")];
    expect(refusals(() => checkResource(pool({ cidr: "10.244.0.0/16" }), { previous, others }))).toEqual([]);
  });
});
