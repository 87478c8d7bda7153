import { origin } from "@ocicat/kit";
import { parseAddress } from "@ocicat/net";
import { checkTable, renderBody, tunnelGuard } from "@ocicat/nftables";
import { describe, expect, it } from "vitest";

const node = origin("address of node node2", { kind: "Node", name: "node2" });
const nodes = new Map([
  [parseAddress("192.168.0.82"), node],
  [parseAddress("fd00::82"), node],
]);
const bodies = (ipip: boolean, vxlan4?: number, vxlan6?: number) =>
  tunnelGuard({ ipip, vxlanPort: { 4: vxlan4, 6: vxlan6 }, nodes }).flatMap(({ chains }) =>
    chains.flatMap(({ name, rules }) => rules.map(({ body }) => `${name}: ${renderBody(body)}`)),
  );

describe("the tunnels' guard", () => {
  it("is one rule a tunnel, VXLAN in IPv4 untracked besides, and no table without one", () => {
    expect(bodies(true)).toEqual(["input: meta nfproto ipv4 meta l4proto 4 ip saddr != @nodes4 counter drop"]);
    expect(bodies(false, 4789)).toEqual([
      "input: meta nfproto ipv4 meta l4proto udp th dport 4789 ip saddr != @nodes4 counter drop",
      "prerouting: meta nfproto ipv4 meta l4proto udp th dport 4789 ip saddr @nodes4 fib daddr type local notrack",
      "output: meta nfproto ipv4 meta l4proto udp th dport 4789 ip daddr @nodes4 notrack",
    ]);
    expect(bodies(false, undefined, 4790)).toEqual([
      "input: meta nfproto ipv6 meta l4proto udp th dport 4790 ip6 saddr != @nodes6 counter drop",
    ]);
    expect(bodies(false)).toEqual([]);
  });

  it("knows each node's address by its family, and why", () => {
    const [table] = tunnelGuard({ ipip: true, vxlanPort: { 4: 4789, 6: 4789 }, nodes });
    expect(table?.sets.map((set) => [set.name, set.elements.length, set.elements[0]?.origin])).toEqual([
      ["nodes4", 1, node],
      ["nodes6", 1, node],
    ]);
    expect(() => table && checkTable(table)).not.toThrow();
  });
});
