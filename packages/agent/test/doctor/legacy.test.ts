import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { openNamespace, readLegacyTable } from "@ocicat/linux";
import { parseAddress } from "@ocicat/net";
import { CT_STATES, decodeLegacyTable, describeRule, dropsAt, type PacketFacts } from "@ocicat/nftables";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const name = `oct${randomBytes(3).toString("hex")}`;
beforeEach(() => void execFileSync("ip", ["netns", "add", name]));
afterEach(() => void execFileSync("ip", ["netns", "delete", name]));

const FOUR: PacketFacts = {
  source: parseAddress("10.244.1.1"),
  destination: parseAddress("10.244.2.1"),
  protocol: 6,
  sourcePort: 40000,
  destinationPort: 80,
  incoming: "cali1",
  outgoing: "ens33",
  state: CT_STATES.new,
  mark: 0,
};
const SIX: PacketFacts = { ...FOUR, source: parseAddress("fd00::1"), destination: parseAddress("fd00:1::1") };

/** What could drop the packet after these lines of iptables-legacy. */
function after(lines: readonly string[], packet: PacketFacts): readonly string[] {
  const family = packet === FOUR ? 4 : 6;
  const program = family === 4 ? "iptables-legacy" : "ip6tables-legacy";
  for (const line of lines) execFileSync("ip", ["netns", "exec", name, program, ...line.split(" ")]);
  using namespace = openNamespace(`/run/netns/${name}`);
  const table = decodeLegacyTable({ family, name: "filter", ...readLegacyTable(family, "filter", namespace) });
  return dropsAt([table], "forward", packet).map(({ rule, chain, certain }) => {
    return `${chain.name}: ${rule === undefined ? "policy" : describeRule(rule)}${certain ? "" : " (may)"}`;
  });
}

describe.each([
  ["IPv4", FOUR, "ip", "10.244.0.0/16", "10.0.0.0/8"],
  ["IPv6", SIX, "ip6", "fd00::/64", "fd00:2::/64"],
] as const)("rules of iptables' old interface, %s", (_family, packet, ip, own, other) => {
  it.each<[string, readonly string[], readonly string[]]>([
    ["nothing", ["-P FORWARD ACCEPT"], []],
    ["a policy", ["-P FORWARD DROP"], ["FORWARD: policy"]],
    ["no policy behind what accepts", ["-P FORWARD DROP", "-A FORWARD -i cali+ -j ACCEPT"], []],
    ["an interface's", ["-A FORWARD -i cali1 -j DROP"], ['FORWARD: iifname "cali1" drop']],
    ["not another interface's", ["-A FORWARD -i cali2 -j DROP", "-A FORWARD -o cali+ -j DROP"], []],
    ["any interface's but one", ["-A FORWARD ! -o lo -j DROP"], ['FORWARD: oifname != "lo" drop']],
    ["a network's", [`-A FORWARD -s ${own} -j DROP`], [`FORWARD: ${ip} saddr ${own} drop`]],
    [
      "not another network's",
      ["-A FORWARD -j LOG", `-A FORWARD -s ${packet === FOUR ? "172.16.0.0/12" : other} -j DROP`],
      [],
    ],
    ["a port's", ["-A FORWARD -p tcp --dport 80 -j DROP"], ["FORWARD: meta l4proto tcp -m tcp drop"]],
    ["not another port's", ["-A FORWARD -p tcp --dport 81:90 -j DROP", "-A FORWARD -p udp --dport 80 -j DROP"], []],
    ["any port's but one", ["-A FORWARD -p tcp ! --dport 81 -j DROP"], ["FORWARD: meta l4proto tcp -m tcp drop"]],
    ["a refusal", ["-A FORWARD -p tcp -j REJECT"], ["FORWARD: meta l4proto tcp -j REJECT"]],
    ["a connection's that goes on: not", ["-A FORWARD -m conntrack --ctstate ESTABLISHED -j DROP"], []],
    [
      "one in a chain that is called",
      ["-N more", "-A FORWARD -j more", "-A more -p tcp -j DROP"],
      ["more: meta l4proto tcp drop"],
    ],
    [
      "none in a chain that is not called, nor behind one that accepts",
      [
        "-N more",
        "-N never",
        "-A FORWARD -j more",
        "-A FORWARD -j DROP",
        "-A more -p tcp -j ACCEPT",
        "-A never -j DROP",
      ],
      [],
    ],
    [
      "one behind a chain that returns",
      ["-N more", "-A FORWARD -j more", "-A FORWARD -p tcp -j DROP", "-A more -j RETURN"],
      ["FORWARD: meta l4proto tcp drop"],
    ],
    ["one behind a rule that only counts", ["-A FORWARD -p tcp", "-A FORWARD -j DROP"], ["FORWARD: drop"]],
  ])("%s", (_what, lines, expected) => {
    expect(after(lines, packet)).toEqual(expected);
  });
});
