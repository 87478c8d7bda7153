import { origin } from "@ocicat/kit";
import { type Ipv6, parseAddress } from "@ocicat/net";
import { checkTable, NftError, renderBody, type Table, workloadGuard } from "@ocicat/nftables";
import { describe, expect, it } from "vitest";

const pod = origin("an endpoint", { kind: "WorkloadEndpoint", name: "default/pod1" });
const guard = (interfacePrefix: string) =>
  workloadGuard({
    knownInterfaces: new Map([["cali1", pod]]),
    sources6: [{ interfaceName: "cali1", address: parseAddress("fd00:244::1") as Ipv6, origin: pod }],
    interfacePrefix,
  });

const FOREIGN_SOURCE =
  'meta nfproto ipv6 iifname "cali*" ip6 saddr != fe80::/10 iifname . ip6 saddr != @sources6 counter drop';

function rulesOf(table: Table): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(table.chains.map(({ name, rules }) => [name, rules.map(({ body }) => renderBody(body))]));
}

describe("the guard", () => {
  it("is three rules, whatever the number of interfaces", () => {
    expect(rulesOf(guard("cali"))).toEqual({
      prerouting: ['iifgroup != 0x0000ca11 iifname "cali*" iifname != @known counter drop', FOREIGN_SOURCE],
      postrouting: ['oifgroup != 0x0000ca11 oifname "cali*" oifname != @known counter drop'],
    });
  });

  it("has a rule for each of several prefixes", () => {
    expect(rulesOf(guard("cali, tap,cali")).prerouting).toEqual([
      'iifgroup != 0x0000ca11 iifname "cali*" iifname != @known counter drop',
      'iifgroup != 0x0000ca11 iifname "tap*" iifname != @known counter drop',
      FOREIGN_SOURCE,
      FOREIGN_SOURCE.replace("cali", "tap"),
    ]);
  });

  it("knows why each interface is known", () => {
    for (const { elements } of guard("cali").sets) expect(elements.map((one) => one.origin)).toEqual([pod]);
  });

  it("says which configuration the prefix is from", () => {
    const configuration = { kind: "FelixConfiguration", name: "default" };
    const table = workloadGuard({ knownInterfaces: new Map(), sources6: [], interfacePrefix: "tap", configuration });
    expect(table.chains[0]?.rules[0]?.origin.resources).toEqual([configuration]);
  });

  it("is a table that passes its own check", () => {
    expect(() => checkTable(guard("cali"))).not.toThrow();
  });

  it.each(["", "cali,", "a/b", "a".repeat(16)])(
    "is not made for the prefix %j, which would match everything or nothing",
    (prefix) => {
      expect(() => guard(prefix)).toThrow(NftError);
    },
  );
});
