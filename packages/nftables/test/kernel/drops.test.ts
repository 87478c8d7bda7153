import { parseAddress } from "@ocicat/net";
import {
  CT_STATES,
  type Drop,
  describeRule,
  dropsAt,
  type Hook,
  type PacketFacts,
  readAllTables,
  renderRule,
} from "@ocicat/nftables";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Namespace } from "../support/namespace.ts";
import { NfnetlinkSocket } from "../support/nfnetlink.ts";

let namespace: Namespace;
let kernel: NfnetlinkSocket;

beforeEach(() => {
  namespace = new Namespace("drop");
  kernel = new NfnetlinkSocket(namespace);
});

afterEach(() => {
  kernel[Symbol.dispose]();
  namespace[Symbol.dispose]();
});

/** A new TCP connection of a pod, forwarded. */
const PACKET: PacketFacts = {
  source: parseAddress("10.244.42.65"),
  destination: parseAddress("10.244.103.65"),
  protocol: 6,
  sourcePort: 40000,
  destinationPort: 80,
  incoming: "cali123",
  outgoing: "eth0",
  state: CT_STATES.new,
};

/** What could drop it by these rules, as nft loads and the kernel tells them. */
function drops(ruleset: string, hook: Hook = "forward", packet: PacketFacts = PACKET): readonly string[] {
  namespace.load(asLines(ruleset));
  const tables = readAllTables((request) => kernel.nftQuery(request)).map(({ table }) => table);
  return dropsAt(tables, hook, packet).map(sentence);
}

/** nft wants a statement a line. */
function asLines(ruleset: string): string {
  return ruleset.replaceAll(/ \} \}/g, "\n}\n}\n").replaceAll("; ", ";\n");
}

function sentence({ table, base, chain, rule, certain }: Drop): string {
  const what = rule === undefined ? "policy" : renderRule(rule);
  return `${table.family} ${table.name} ${base.name}/${chain.name}: ${what}${certain ? "" : " (may)"}`;
}

const chain = (rules: string, policy = "accept") =>
  `table ip t { chain c { type filter hook forward priority 0; policy ${policy}; ${rules} } }`;

/** What sets and asks bits of a mark that nobody knows at first, and what is said of the drop. */
const MARKED: readonly (readonly [string, readonly string[]])[] = [
  ["mark & 2 == 2 drop", ["drop (may)"]],
  ["mark set mark | 2; mark & 2 == 2 drop", ["drop"]],
  ["mark set 2; mark & 2 == 2 drop", ["drop"]],
  ["mark set 1; mark & 2 == 2 drop", []],
  ["mark set mark & 0xfffffffd; mark & 2 == 2 drop", []],
  ["mark set mark & 0xfffffffd; tcp dport 81 mark set mark | 2; mark & 2 == 2 drop", []],
  ["mark set mark & 0xfffffffd; ip ttl 3 mark set mark | 2; mark & 2 == 2 drop", ["drop (may)"]],
  ["mark set mark | 2; ip ttl 3 mark set mark | 4; mark & 2 == 2 drop", ["drop"]],
  ["ct mark set 2; mark & 2 == 2 drop", ["drop (may)"]],
];

describe("what could drop a packet", () => {
  it.each<readonly [string, string, readonly unknown[]]>([
    ["nothing", chain(""), []],
    ["a drop", chain("drop"), ["ip t c/c: drop"]],
    ["a refusal", chain("reject"), [expect.stringContaining("ip t c/c: ")]],
    ["a policy", chain("", "drop"), ["ip t c/c: policy"]],
    ...MARKED.map(
      ([rules, said]) =>
        [
          `of marks: ${rules}`,
          chain(rules),
          said.map((end) => `ip t c/c: meta mark & 0x00000002 == 0x00000002 ${end}`),
        ] as const,
    ),
    ["no policy, where it was accepted", chain("ip daddr 10.244.0.0/16 accept", "drop"), []],
    ["a port's", chain("tcp dport 80 drop"), ["ip t c/c: meta l4proto tcp th dport 80 drop"]],
    ["another port's", chain("tcp dport 81 drop"), []],
    ["one of several ports'", chain("tcp dport { 22, 80 } drop"), [expect.stringContaining("drop")]],
    ["none of several ports'", chain("tcp dport { 22, 23 } drop"), []],
    ["an interface's", chain('iifname "cali*" drop'), ['ip t c/c: iifname "cali*" drop']],
    ["another interface's", chain('oifname "cali*" drop'), []],
    ["a connection's that goes on", chain("ct state established drop"), []],
    [
      "any connection's but those that go on",
      chain("ct state established,related accept", "drop"),
      ["ip t c/c: policy"],
    ],
    ["what cannot be said", chain("ip ttl 3 drop"), [expect.stringContaining("(may)")]],
    ["a policy, where what cannot be said may accept", chain("ip ttl 3 accept", "drop"), ["ip t c/c: policy (may)"]],
    ["another hook's", "table ip t { chain c { type filter hook input priority 0; policy drop; } }", []],
    ["another family's", "table ip6 t { chain c { type filter hook forward priority 0; policy drop; } }", []],
    [
      "both families'",
      "table inet t { chain c { type filter hook forward priority 0; policy drop; } }",
      ["inet t c/c: policy"],
    ],
    [
      "a table's that is switched off",
      "table ip t { flags dormant; chain c { type filter hook forward priority 0; policy drop; } }",
      [],
    ],
  ])("%s", (_name, ruleset, expected) => {
    expect(drops(ruleset)).toEqual(expected);
  });

  it("is found in the chains that rules lead to, and not in those they return from", () => {
    const ruleset = `table ip filter {
      chain user { return; drop; }
      chain isolation { iifname "cali123" oifname != "cali123" drop; }
      chain FORWARD { type filter hook forward priority 0; policy drop; jump user; jump isolation; accept; }
    }`;
    expect(drops(ruleset)).toEqual(['ip filter FORWARD/isolation: iifname "cali123" oifname != "cali123" drop']);
  });

  it("is found although another table accepts, in the order of the kernel", () => {
    const ruleset = `
      table ip ours { chain c { type filter hook forward priority -10; policy accept; accept; } }
      table inet later { chain c { type filter hook forward priority 20; policy drop; } }
      table ip docker { chain FORWARD { type filter hook forward priority 0; ip ttl 1 drop; } }`;
    expect(drops(ruleset)).toEqual([expect.stringMatching(/^ip docker .*\(may\)$/), "inet later c/c: policy"]);
  });

  it("is found through maps of verdicts", () => {
    const ruleset = `table inet t {
      chain refuse { drop; }
      chain c { type filter hook forward priority 0; iifname vmap { "cali123" : jump refuse, "lo" : accept }; }
    }`;
    expect(drops(ruleset)).toEqual(["inet t c/refuse: drop"]);
    expect(drops("", "forward", { ...PACKET, incoming: "lo" })).toEqual([]);
    expect(drops("", "forward", { ...PACKET, incoming: undefined })).toEqual(["inet t c/refuse: drop (may)"]);
  });
});

describe("rules that iptables put there", () => {
  /** What could drop the packet after these lines of iptables. */
  function after(lines: readonly string[], packet: PacketFacts = PACKET): readonly string[] {
    for (const line of lines) namespace.run("iptables", ...line.split(" "));
    const tables = readAllTables((request) => kernel.nftQuery(request)).map(({ table }) => table);
    return dropsAt(tables, "forward", packet).map(({ rule, certain }) => {
      return `${rule === undefined ? "policy" : describeRule(rule)}${certain ? "" : " (may)"}`;
    });
  }

  it.each<[string, readonly string[], readonly string[]]>([
    ["a policy", ["-P FORWARD DROP"], ["policy"]],
    [
      "a policy behind what goes on",
      ["-P FORWARD DROP", "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"],
      ["policy"],
    ],
    ["no policy behind what accepts", ["-P FORWARD DROP", "-A FORWARD -m comment --comment x -i cali+ -j ACCEPT"], []],
    [
      "no policy behind what accepts new ones",
      ["-P FORWARD DROP", "-A FORWARD -m conntrack ! --ctstate INVALID -j ACCEPT"],
      [],
    ],
    [
      "a policy after what only logs and marks",
      ["-P FORWARD DROP", "-A FORWARD -j LOG", "-A FORWARD -j MARK --set-mark 1"],
      ["policy"],
    ],
    ["nothing for what is invalid", ["-A FORWARD -m conntrack --ctstate INVALID -j DROP"], []],
    ["a refusal", ["-A FORWARD -p tcp --dport 80 -j REJECT"], ["meta l4proto tcp th dport 80 -j REJECT"]],
    [
      "one of many ports'",
      ["-A FORWARD -p tcp -m multiport --dports 22,79:81 -j DROP"],
      ["meta l4proto tcp -m multiport drop"],
    ],
    ["none of many ports'", ["-A FORWARD -p tcp -m multiport --dports 22,81:90 -j DROP"], []],
    [
      "any but many ports'",
      ["-A FORWARD -p tcp -m multiport ! --ports 22,81:90 -j DROP"],
      ["meta l4proto tcp -m multiport drop"],
    ],
    ["nothing for another interface", ["-A FORWARD -i lo -j DROP"], []],
    ["an interface's", ["-A FORWARD -i cali123 -j DROP"], ['iifname "cali123" drop']],
    ["what cannot be said", ["-A FORWARD -m addrtype --dst-type LOCAL -j DROP"], ["-m addrtype drop (may)"]],
    [
      "a mark's, of a packet that may have one",
      ["-A FORWARD -m mark --mark 0x8000/0x8000 -j DROP"],
      [expect.stringContaining("(may)")],
    ],
  ])("%s", (_what, lines, expected) => {
    expect(after(lines)).toEqual(expected);
  });

  it("a mark's, of a packet that has none: nothing", () => {
    expect(after(["-A FORWARD -m mark --mark 0x8000/0x8000 -j DROP"], { ...PACKET, mark: 0 })).toEqual([]);
  });
});
