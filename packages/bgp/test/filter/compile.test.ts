import { parsePrefix } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  acceptAll,
  compilePolicy,
  type Destination,
  type FilterRule,
  type FilterWorld,
  formatAsPath,
  localPrefOf,
  type PathAttributes,
  type PolicyPeer,
  type PolicyRoute,
  parseCommunity,
  reject,
} from "../../src/index.ts";
import { prefix4, prefix6 } from "../support/arbitraries.ts";
import { address4 } from "../support/lab.ts";

const INTERNAL: PolicyPeer = { internal: true, localAs: 64512, remoteAs: 64512 };
const EXTERNAL: PolicyPeer = { internal: false, localAs: 64512, remoteAs: 65000 };
const PLAIN: PathAttributes = { origin: 0, asPath: [], nextHop: address4("10.0.0.2") };

function own(prefix: string, attributes: Partial<PathAttributes> = {}): PolicyRoute {
  return { prefix: parsePrefix(prefix), attributes: { ...PLAIN, ...attributes }, source: undefined, origin: "block" };
}

function learned(prefix: string, attributes: Partial<PathAttributes> = {}): PolicyRoute {
  return { ...own(prefix, attributes), source: { name: "tor", as: 65000, internal: false }, origin: undefined };
}

const sequence = (...asns: number[]) => [{ type: "sequence" as const, asns }];

/** Whether a rule that rejects applies. */
function applies(rule: Omit<FilterRule, "action">, route: PolicyRoute, peer = EXTERNAL, world: FilterWorld = {}) {
  const policy = compilePolicy([{ name: "f", rules: [{ ...rule, action: "reject" }] }], acceptAll, world);
  return !policy(route, peer).accept;
}

describe("what a rule asks", () => {
  const to = (operator: Destination["operator"], network: string, minLength?: number, maxLength?: number) => ({
    destination: { network: parsePrefix(network), operator, minLength, maxLength },
  });

  it.each([
    ["Equal", "10.0.0.0/16", "10.0.0.0/16", true],
    ["Equal", "10.0.0.0/16", "10.0.0.0/24", false],
    ["NotEqual", "10.0.0.0/16", "10.0.0.0/16", false],
    ["NotEqual", "10.0.0.0/16", "10.0.0.0/24", true],
    ["In", "10.0.0.0/16", "10.0.0.0/16", true],
    ["In", "10.0.0.0/16", "10.0.255.255/32", true],
    ["In", "10.0.0.0/16", "10.0.0.0/8", false],
    ["In", "10.0.0.0/16", "10.1.0.0/24", false],
    ["NotIn", "10.0.0.0/16", "10.0.0.0/24", false],
    ["NotIn", "10.0.0.0/16", "10.0.0.0/8", true],
    ["In", "0.0.0.0/0", "192.168.0.0/16", true],
    ["In", "200.0.0.0/8", "200.1.0.0/16", true],
    ["Equal", "fd00::/64", "fd00::/64", true],
    ["In", "fd00::/64", "fd00::1/128", true],
    ["In", "fd00::/64", "fd01::1/128", false],
  ] as const)("destination %s %s: %s is %s", (operator, network, prefix, expected) => {
    expect(applies(to(operator, network), own(prefix))).toBe(expected);
  });

  it.each([
    ["In", 26, 28, "10.0.0.0/24", false],
    ["In", 26, 28, "10.0.0.0/26", true],
    ["In", 26, 28, "10.0.0.0/28", true],
    ["In", 26, 28, "10.0.0.0/29", false],
    ["In", 8, undefined, "10.0.0.0/8", false],
    ["In", undefined, 16, "10.0.0.0/16", true],
    ["NotIn", 26, 28, "10.0.0.0/26", false],
    ["NotIn", 26, 28, "10.0.0.0/29", true],
    ["Equal", 26, 28, "10.0.0.64/26", true],
  ] as const)("destination %s 10.0.0.0/16 of length %s to %s: %s is %s", (operator, min, max, prefix, expected) => {
    expect(applies(to(operator, "10.0.0.0/16", min, max), own(prefix))).toBe(expected);
  });

  it("agrees with Prefix.covers on any two prefixes", () => {
    const pair = fc.oneof(fc.tuple(prefix4, prefix4), fc.tuple(prefix6, prefix6), fc.tuple(prefix4, prefix6));
    fc.assert(
      fc.property(pair, ([network, prefix]) => {
        const rule = { destination: { network, operator: "In" as const } };
        expect(applies(rule, { ...own("10.0.0.0/8"), prefix })).toBe(network.covers(prefix));
      }),
      { numRuns: 500 },
    );
  });

  it("source: only what peers told", () => {
    expect(applies({ learned: true }, own("10.0.0.0/26"))).toBe(false);
    expect(applies({ learned: true }, learned("10.0.0.0/26"))).toBe(true);
  });

  it("peer: of one AS, or of two", () => {
    expect(applies({ peer: "internal" }, own("10.0.0.0/26"), INTERNAL)).toBe(true);
    expect(applies({ peer: "internal" }, own("10.0.0.0/26"), EXTERNAL)).toBe(false);
    expect(applies({ peer: "external" }, own("10.0.0.0/26"), EXTERNAL)).toBe(true);
  });

  it("community, small and large", () => {
    const route = own("10.0.0.0/26", { communities: [(64512 << 16) >>> 0], largeCommunities: [[64512, 1, 2]] });
    for (const [text, expected] of [
      ["64512:0", true],
      ["64512:1", false],
      ["64512:1:2", true],
      ["64512:1:3", false],
    ] as const)
      expect(applies({ community: parseCommunity(text) }, route), text).toBe(expected);
  });

  it("the beginning of the AS path, over several sequences, not in sets", () => {
    const path = (asPath: PathAttributes["asPath"]) => learned("10.0.0.0/26", { asPath });
    expect(applies({ asPathPrefix: [1, 2] }, path(sequence(1, 2, 3)))).toBe(true);
    expect(applies({ asPathPrefix: [1, 2] }, path([...sequence(1), ...sequence(2, 3)]))).toBe(true);
    expect(applies({ asPathPrefix: [1, 2] }, path(sequence(1)))).toBe(false);
    expect(applies({ asPathPrefix: [2] }, path(sequence(1, 2)))).toBe(false);
    expect(applies({ asPathPrefix: [1] }, path([{ type: "set", asns: [1] }]))).toBe(false);
    expect(applies({ asPathPrefix: [1] }, path([]))).toBe(false);
  });

  it("priority: the kernel's metric, told by LOCAL_PREF; 1024 unless told", () => {
    expect(applies({ priority: 1024 }, own("10.0.0.0/26"))).toBe(true);
    expect(applies({ priority: 512 }, own("10.0.0.0/26", { localPref: 2_147_483_647 - 512 }))).toBe(true);
    expect(applies({ priority: 512 }, own("10.0.0.0/26"))).toBe(false);
  });

  it("interface, by name or pattern, where it is known", () => {
    const world = (name: string | undefined): FilterWorld => ({ interfaceOf: () => name });
    expect(applies({ interface: "cali*" }, own("10.0.0.1/32"), EXTERNAL, world("cali12345"))).toBe(true);
    expect(applies({ interface: "*.calico" }, own("10.0.0.1/32"), EXTERNAL, world("vxlan.calico"))).toBe(true);
    expect(applies({ interface: "*.calico" }, own("10.0.0.1/32"), EXTERNAL, world("vxlanxcalico"))).toBe(false);
    expect(applies({ interface: "eth0" }, own("10.0.0.1/32"), EXTERNAL, world("eth01"))).toBe(false);
    expect(applies({ interface: "*" }, own("10.0.0.1/32"), EXTERNAL, world(undefined))).toBe(false);
  });

  it("all of it together", () => {
    const rule = { ...to("In", "10.0.0.0/8"), learned: true, peer: "external", priority: 1024 } as const;
    expect(applies(rule, learned("10.0.0.0/26"))).toBe(true);
    expect(applies(rule, learned("10.0.0.0/26"), INTERNAL)).toBe(false);
    expect(applies(rule, own("10.0.0.0/26"))).toBe(false);
    expect(applies(rule, learned("11.0.0.0/26"))).toBe(false);
  });
});

describe("which rule decides", () => {
  const filters = [
    { name: "BGPFilter one exportV4", rules: [{ action: "reject", priority: 7 } as const] },
    {
      name: "BGPFilter two exportV4",
      rules: [{ action: "accept", learned: true } as const, { action: "reject" } as const],
    },
  ];
  const policy = compilePolicy(filters, () => reject("never"));

  it("is the first that applies, of the filters in their order, and it is named", () => {
    expect(policy(own("10.0.0.0/26", { localPref: localPrefOf(7) }), EXTERNAL)).toEqual({
      accept: false,
      reason: "BGPFilter one exportV4[0]",
    });
    expect(policy(learned("10.0.0.0/26"), EXTERNAL)).toEqual({ accept: true, by: "BGPFilter two exportV4[0]" });
    expect(policy(own("10.0.0.0/26"), EXTERNAL)).toEqual({ accept: false, reason: "BGPFilter two exportV4[1]" });
  });

  it("is none where none applies: what comes after the filters decides", () => {
    const some = compilePolicy(filters.slice(0, 1), () => reject("in no IPPool"));
    expect(some(own("10.0.0.0/26"), EXTERNAL)).toEqual({ accept: false, reason: "in no IPPool" });
    expect(compilePolicy([], acceptAll)).toBe(acceptAll);
  });
});

describe("operations", () => {
  const changed = (operations: FilterRule["operations"], attributes: Partial<PathAttributes> = {}) => {
    const policy = compilePolicy([{ name: "f", rules: [{ action: "accept", operations }] }], acceptAll);
    const verdict = policy(own("10.0.0.0/26", attributes), EXTERNAL);
    return verdict.accept ? verdict.attributes : undefined;
  };

  it("add communities behind those that are there, none twice", () => {
    const added = changed([{ addCommunity: 7 }, { addCommunity: [1, 2, 3] }, { addCommunity: 5 }], {
      communities: [5],
    });
    expect(added).toMatchObject({ communities: [5, 7], largeCommunities: [[1, 2, 3]] });
  });

  it("prepend AS numbers, the nearest first", () => {
    const path = changed([{ prependAsPath: [1, 2] }], { asPath: sequence(3) })?.asPath;
    expect(path && formatAsPath(path)).toBe("1 2 3");
  });

  it("set the priority", () => {
    expect(changed([{ setPriority: 512 }])?.localPref).toBe(2_147_483_135);
  });

  it("are done one after the other, once for each set of attributes", () => {
    const policy = compilePolicy(
      [{ name: "f", rules: [{ action: "accept", operations: [{ prependAsPath: [9] }, { addCommunity: 7 }] }] }],
      acceptAll,
    );
    const [one, two] = [own("10.0.0.0/26"), own("10.0.1.0/26")];
    const [first, second] = [one, { ...two, attributes: one.attributes }].map((route) => policy(route, EXTERNAL));
    expect(first).toMatchObject({ attributes: { asPath: sequence(9), communities: [7] } });
    expect(first).toBe(second);
  });
});

describe("communities in words", () => {
  it.each([
    ["64512:100", ((64512 << 16) | 100) >>> 0],
    ["65536:1", undefined],
    ["65536:1:4294967295", [65536, 1, 4_294_967_295]],
    ["4294967296:1:1", undefined],
    ["1:2:3:4", undefined],
    ["", undefined],
  ])("%s", (text, expected) => {
    expect(parseCommunity(text)).toEqual(expected);
  });
});
