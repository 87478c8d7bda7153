import { origin } from "@ocicat/kit";
import { type Address, Prefix, parseAddress, parsePrefix } from "@ocicat/net";
import {
  checkTable,
  elementKey,
  type NamedSet,
  type NatOutgoingOptions,
  type NatPool,
  natOutgoing,
  renderBody,
  type Table,
  tableKey,
} from "@ocicat/nftables";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { disjoint } from "../../src/tables/disjoint.ts";

const pool = (cidr: string, outgoing: boolean): NatPool => ({
  cidr: parsePrefix(cidr),
  natOutgoing: outgoing,
  origin: origin("an IP pool", { kind: "IPPool", name: cidr }),
});

function nat(pools: readonly NatPool[], more: Partial<NatOutgoingOptions> = {}): readonly Table[] {
  const tables = natOutgoing({
    pools,
    exclusions: "IPPoolsOnly",
    hostAddresses: new Map(),
    interfacePrefix: "cali",
    ...more,
  });
  for (const table of tables) checkTable(table);
  return tables;
}

function ruleOf(table: Table | undefined): string {
  return table?.chains.flatMap(({ rules }) => rules.map(({ body }) => renderBody(body))).join("\n") ?? "";
}

function keysOf(table: Table | undefined, name: string): readonly string[] | undefined {
  const found = table?.sets.find((set: NamedSet) => set.name === name);
  return found?.elements.map((element) => elementKey(found, element));
}

describe("natOutgoing", () => {
  it("is one rule and two sets a family", () => {
    const [ipv4, ipv6] = nat([pool("10.244.0.0/16", true), pool("10.1.0.0/16", false), pool("fd00::/48", true)]);
    expect(ruleOf(ipv4)).toBe(
      'ip saddr @nat-pools ip daddr != @pools oifname != "cali*" counter masquerade fully-random',
    );
    expect(keysOf(ipv4, "nat-pools")).toEqual(["10.244.0.0/16"]);
    expect(keysOf(ipv4, "pools")).toEqual(["10.1.0.0/16", "10.244.0.0/16"]);
    expect(ruleOf(ipv6)).toBe(
      'ip6 saddr @nat-pools ip6 daddr != @pools oifname != "cali*" counter masquerade fully-random',
    );
    expect(keysOf(ipv6, "pools")).toEqual(["fd00::/48"]);
  });

  it("spares the nodes with IPPoolsAndHostIPs, each family its own", () => {
    const hostAddresses = new Map<Address, ReturnType<typeof origin>>([
      [parseAddress("192.168.0.80"), origin("a node", { kind: "Node", name: "master" })],
      [parseAddress("2001:db8::80"), origin("a node", { kind: "Node", name: "master" })],
    ]);
    const pools = [pool("10.244.0.0/16", true), pool("fd00::/48", true)];
    const [ipv4, ipv6] = nat(pools, { exclusions: "IPPoolsAndHostIPs", hostAddresses });
    expect(ruleOf(ipv4)).toContain("ip daddr != @pools ip daddr != @hosts");
    expect(keysOf(ipv4, "hosts")).toEqual(["192.168.0.80"]);
    expect(keysOf(ipv6, "hosts")).toEqual(["2001:db8::80"]);
    expect(keysOf(nat(pools, { hostAddresses })[0], "hosts")).toBeUndefined();
  });

  it("has no table for a family without a pool with natOutgoing", () => {
    expect(nat([pool("10.244.0.0/16", false), pool("fd00::/48", true)]).map(tableKey)).toEqual(["ip6 ocicat-nat"]);
    expect(nat([])).toEqual([]);
  });

  it("spares every kind of workload interface", () => {
    const [ipv4] = nat([pool("10.244.0.0/16", true)], { interfacePrefix: "cali,tap" });
    expect(ruleOf(ipv4)).toContain('oifname != "cali*" oifname != "tap*"');
  });

  it("takes pools that hold others, and names both", () => {
    const [ipv4] = nat([pool("10.244.1.0/24", true), pool("10.244.0.0/16", true)]);
    expect(keysOf(ipv4, "pools")).toEqual(["10.244.0.0/16"]);
    expect(ipv4?.sets[0]?.elements[0]?.origin.resources.map(({ name }) => name)).toEqual([
      "10.244.0.0/16",
      "10.244.1.0/24",
    ]);
  });
});

it("prefixes made disjoint hold the same addresses, once each", () => {
  const prefixes = fc.array(
    fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 24, max: 32 }))
      .map(([host, length]) => Prefix.of(parseAddress(`10.0.0.${host}`), length)),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(prefixes, (many) => {
      const apart = disjoint(
        many.map((prefix) => ({ prefix, origin: origin("a test", { kind: "IPPool", name: `${prefix}` }) })),
      );
      for (let host = 0; host < 256; host++) {
        const address = parseAddress(`10.0.0.${host}`);
        const times = apart.filter(({ prefix }) => prefix.has(address)).length;
        expect(times).toBe(many.some((prefix) => prefix.has(address)) ? 1 : 0);
      }
      const named = apart.flatMap((one) => one.origin.resources.map(({ name }) => name));
      expect(new Set(named)).toEqual(new Set(many.map(String)));
    }),
    { seed: 9, numRuns: 200 },
  );
});
