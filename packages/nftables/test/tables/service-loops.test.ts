import { origin } from "@ocicat/kit";
import { parsePrefix } from "@ocicat/net";
import { checkTable, renderBody, serviceLoops } from "@ocicat/nftables";
import { describe, expect, it } from "vitest";

const why = origin("a range of services", { kind: "BGPConfiguration", name: "default" });
const ranges = (...texts: string[]) => texts.map((text) => ({ prefix: parsePrefix(text), origin: why }));

const bodies = (action: "drop" | "reject", ...texts: string[]) =>
  serviceLoops({ ranges: ranges(...texts), action }).flatMap(({ chains }) =>
    chains.flatMap(({ rules }) => rules.map(({ body }) => renderBody(body))),
  );

describe("what is for services that are not there", () => {
  it("is one rule a family, and no table without a range", () => {
    expect(bodies("drop")).toEqual([]);
    expect(bodies("drop", "10.96.0.0/16")).toEqual(["meta nfproto ipv4 ip daddr @ranges4 counter drop"]);
    expect(bodies("reject", "10.96.0.0/16", "fd00:96::/112")).toEqual([
      "meta nfproto ipv4 ip daddr @ranges4 counter reject with icmpx port-unreachable",
      "meta nfproto ipv6 ip6 daddr @ranges6 counter reject with icmpx port-unreachable",
    ]);
  });

  it("may lie in ranges that overlap", () => {
    const [table] = serviceLoops({ ranges: ranges("10.96.0.0/16", "10.96.1.0/24", "10.0.0.0/16"), action: "drop" });
    expect(table?.sets.map(({ elements }) => elements.length)).toEqual([2]);
    expect(() => table && checkTable(table)).not.toThrow();
  });
});
