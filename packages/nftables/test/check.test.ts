import { origin } from "@ocicat/kit";
import { type Address, parseAddress, parsePrefix } from "@ocicat/net";
import {
  ACCEPT,
  addressRange,
  baseChain,
  bits,
  type Chain,
  COUNTER,
  chain,
  checkTable,
  ct,
  DROP,
  type Expression,
  element,
  equal,
  fib,
  inSet,
  interfaceName,
  interfacePrefix,
  jump,
  limit,
  log,
  logTo,
  masquerade,
  meta,
  type NamedSet,
  NftError,
  NftReconciler,
  NOTRACK,
  notEqual,
  notInSet,
  number,
  numberRange,
  payload,
  prefixValue,
  reject,
  rule,
  set,
  setDscp,
  setMark,
  type Table,
  type TableFamily,
  TCP_RESET,
  table,
  translate,
  type Value,
  verdict,
  verdictFrom,
  verdictMap,
} from "@ocicat/nftables";
import { describe, expect, it } from "vitest";

const why = origin("because of a test");

function withChains(chains: readonly Chain[], sets: readonly NamedSet[] = [], family: TableFamily = "inet"): Table {
  return table({ family, name: "t", origin: why, chains, sets });
}

function base(hook: "prerouting" | "input" | "output" | "postrouting", ...bodies: readonly (readonly Expression[])[]) {
  const rules = bodies.map((body) => rule(why, ...body));
  return baseChain({ name: "base", type: "filter", hook, priority: 0, policy: "accept", origin: why, rules });
}

function regular(name: string, ...bodies: readonly (readonly Expression[])[]): Chain {
  return chain({ name, origin: why, rules: bodies.map((body) => rule(why, ...body)) });
}

function body(...expressions: readonly Expression[]): Table {
  return withChains([regular("c", expressions)]);
}

function holding(key: NamedSet["key"], interval: boolean, ...values: readonly Value[]): Table {
  return withChains(
    [],
    [set({ name: "s", key, interval, origin: why, elements: values.map((one) => element(why, one)) })],
  );
}

const prefix = (text: string): Value => prefixValue(parsePrefix(text));
const address = (text: string): Address => parseAddress(text);
const port = payload("th dport");
const tcp = equal(meta("l4proto"), number(6));
const mapTo = (target: string) =>
  verdictMap({ name: "m", key: "ifname", origin: why, elements: [element(why, interfaceName("a"), jump(target))] });

/** What is wrong, and a part of what is said about it. */
const REFUSED: readonly (readonly [string, Table, RegExp])[] = [
  ["a name nft could not read", table({ family: "ip", name: "a b", origin: why }), /"a b" is not a name for a table/],
  ["a name too long", table({ family: "ip", name: "a".repeat(256), origin: why }), /is not a name/],
  ["an object without a reason", table({ family: "ip", name: "t", origin: origin("") }), /does not say why/],
  [
    "a rule without a reason",
    withChains([chain({ name: "c", origin: why, rules: [rule(origin(""), COUNTER)] })]),
    /does not say why/,
  ],
  ["two chains of one name", withChains([regular("c"), regular("c")]), /the chain c is there twice/],
  ["two equal elements", holding(["mark"], false, number(1), number(1)), /element 0x00000001 is there twice/],
  ["a jump to nowhere", body(verdict(jump("gone"))), /there is no chain gone/],
  [
    "a jump to a base chain",
    withChains([base("input"), regular("c", [verdict(jump("base"))])]),
    /there is no chain base/,
  ],
  ["a jump to nowhere out of a map", withChains([], [mapTo("gone")]), /set m: there is no chain gone/],
  [
    "chains in a circle",
    withChains([regular("a", [verdict(jump("b"))]), regular("b", [verdict(jump("a"))])]),
    /a → b → a/,
  ],
  [
    "chains in a circle through a map",
    withChains([regular("a", [verdictFrom(meta("iifname"), "m")])], [mapTo("a")]),
    /a → a/,
  ],
  [
    "more levels of chains than the kernel has",
    withChains(Array.from({ length: 17 }, (_, at) => regular(`c${at}`, at < 16 ? [verdict(jump(`c${at + 1}`))] : []))),
    /more than 16 levels/,
  ],
  ["a look-up in no set", body(inSet(meta("iifname"), "gone")), /there is no set gone/],
  [
    "a look-up in a map as if it were a set",
    withChains([regular("a", [inSet(meta("iifname"), "m")]), regular("b")], [mapTo("b")]),
    /m is a verdict map/,
  ],
  [
    "a verdict out of a set",
    withChains([regular("a", [verdictFrom(meta("mark"), "s")])], holding(["mark"], false).sets),
    /s is a set/,
  ],
  [
    "a key of another type",
    withChains([regular("a", [inSet(meta("iifname"), "s")])], holding(["mark"], false).sets),
    /the key is ifname, the set's is mark/,
  ],
  [
    "an address in an inet table without its family",
    body(equal(payload("ip saddr"), prefix("10.0.0.0/8"))),
    /compare meta nfproto with ipv4 first/,
  ],
  [
    "an IPv6 address in an ip table",
    withChains([regular("c", [equal(payload("ip6 saddr"), prefix("fd00::/8"))])], [], "ip"),
    /ip6 saddr of a packet that may have none/,
  ],
  ["a port without a protocol", body(equal(port, number(80))), /compare meta l4proto first/],
  [
    "a port of a protocol without ports",
    body(equal(meta("l4proto"), number(1)), equal(port, number(80))),
    /compare meta l4proto first/,
  ],
  ["a number too large", body(tcp, equal(port, number(65_536))), /65536 is not a inet_service; use 0 to 65535/],
  ["a value of another type", body(equal(meta("iifname"), number(1))), /number where ifname is wanted/],
  [
    "an address of the other family",
    body(equal(meta("nfproto"), number(2)), equal(payload("ip saddr"), prefix("fd00::1"))),
    /IPv6 address where ipv4_addr/,
  ],
  [
    "a comparison with every address",
    withChains([regular("c", [equal(payload("ip saddr"), prefix("0.0.0.0/0"))])], [], "ip"),
    /holds every address/,
  ],
  ["a range backwards", body(tcp, equal(port, numberRange(2, 1))), /ends before it begins/],
  ["a range of marks", body(equal(meta("mark"), numberRange(1, 2))), /mark has no ranges/],
  [
    "a range of addresses in a comparison",
    withChains(
      [regular("c", [equal(payload("ip saddr"), addressRange(address("10.0.0.1"), address("10.0.0.4")))])],
      [],
      "ip",
    ),
    /more than one value/,
  ],
  [
    "an interface name too long",
    body(equal(meta("iifname"), interfaceName("a".repeat(16)))),
    /is not the name of an interface/,
  ],
  [
    "an interface name that would read as a wildcard",
    body(equal(meta("iifname"), interfaceName("cali*"))),
    /is not the name/,
  ],
  [
    "a wildcard in a set",
    holding(["ifname"], false, interfacePrefix("cali")),
    /a set cannot hold the wildcard "cali\*"/,
  ],
  ["a block in a hash set", holding(["ipv4_addr"], false, prefix("10.0.0.0/8")), /use a set with interval: true/],
  ["intervals of interfaces", holding(["ifname"], true), /ifname has no intervals/],
  ["intervals of several fields", holding(["ipv4_addr", "inet_service"], true), /intervals of a concatenated key/],
  [
    "intervals that overlap",
    holding(["ipv4_addr"], true, prefix("10.0.0.0/8"), prefix("10.1.0.0/16")),
    /10.0.0.0\/8 and 10.1.0.0\/16 overlap/,
  ],
  [
    "intervals that overlap at the very end",
    holding(["ipv4_addr"], true, prefix("255.0.0.0/8"), prefix("255.255.255.255")),
    /overlap/,
  ],
  [
    "a timeout in a set whose elements stay",
    withChains(
      [],
      [set({ name: "s", key: "mark", origin: why, elements: [element(why, number(1), undefined, { timeout: 9 })] })],
    ),
    /a timeout in a set whose elements stay/,
  ],
  [
    "a timeout of half a second",
    withChains(
      [],
      [
        set({
          name: "s",
          key: "mark",
          timeout: true,
          origin: why,
          elements: [element(why, number(1), undefined, { timeout: 0.5 })],
        }),
      ],
    ),
    /use whole seconds, 1 to/,
  ],
  [
    "intervals that go by themselves",
    withChains([], [set({ name: "s", key: "ipv4_addr", interval: true, timeout: true, origin: why })]),
    /intervals with timeouts is not supported/,
  ],
  [
    "a map that forgets by itself",
    withChains([], [verdictMap({ name: "s", key: "mark", timeout: true, origin: why })]),
    /a map with timeouts is not supported/,
  ],
  ["flags of no TCP", body(bits(payload("tcp flags"), 2, 2)), /tcp flags of a packet that may have none/],
  [
    "ICMP's type of ICMPv6",
    body(equal(meta("l4proto"), number(58)), equal(payload("icmp type"), number(8))),
    /icmp type of a packet that may have none/,
  ],
  [
    "a DSCP of seven bits",
    body(equal(meta("nfproto"), number(2)), setDscp("ip dscp", 64)),
    /64 is not a dscp; use 0 to 63/,
  ],
  [
    "a DSCP of the other family",
    body(equal(meta("nfproto"), number(10)), setDscp("ip dscp", 1)),
    /ip dscp of a packet/,
  ],
  ["a mark that changes nothing", body(setMark("meta", 0, 0)), /changes no bit of the mark/],
  ["a prefix for the log that is too long", body(log("x".repeat(128))), /use up to 127 printable/],
  ["a prefix for the log that nft could not read", body(log('say "no"')), /is not a prefix for the log/],
  ["a log group too large", body(logTo(65_536, "x")), /65536 is not an NFLOG group/],
  ["a reset of what may not be TCP", body(TCP_RESET), /a TCP reset for any packet/],
  ["an answer of IPv4 to any packet", body(reject("icmp", "host-unreachable")), /an answer of icmp for any packet/],
  [
    "an answer that there is not",
    body(reject("icmpx", "gone-fishing")),
    /icmpx has no code gone-fishing; use no-route,/,
  ],
  [
    "an answer that tables of one family do not give",
    withChains([regular("c", [reject("icmpx", "no-route")])], [], "ip"),
    /an answer of icmpx in family ip/,
  ],
  ["something behind a refusal", body(reject("icmpx", "no-route"), COUNTER), /what follows a reject never runs/],
  ["a refusal too late", withChains([base("postrouting", [reject("icmpx", "no-route")])]), /reject in postrouting/],
  [
    "an address of the other family to go to",
    body(translate("destination", address("10.0.0.1"))),
    /an address of ipv4/,
  ],
  [
    "a translation where there is none",
    withChains([
      base("prerouting", [equal(meta("nfproto"), number(2)), translate("destination", address("10.0.0.1"))]),
    ]),
    /translating the destination in prerouting .*; do it in chains of type nat at prerouting or output/,
  ],
  [
    "leaving untracked what is tracked",
    withChains([base("prerouting", [NOTRACK])]),
    /notrack in prerouting .*too late/,
  ],
  [
    "the way back of what the host sends",
    withChains([base("output", [equal(fib("saddr . iif oif"), number(0))])]),
    /came by no interface in output/,
  ],
  ["not the one of two", body(notEqual(fib("saddr . iif oif"), number(0))), /compare with the other value/],
  [
    "a key with too few fields",
    holding(["ipv4_addr", "inet_service"], false, prefix("10.0.0.1")),
    /the key has 1 fields, the set's has 2/,
  ],
  [
    "a verdict in a set",
    withChains([], [set({ name: "s", key: "mark", origin: why, elements: [element(why, number(1), DROP)] })]),
    /a set holds no verdicts/,
  ],
  [
    "a map without a verdict",
    withChains([], [verdictMap({ name: "s", key: "mark", origin: why, elements: [element(why, number(1))] })]),
    /needs a verdict/,
  ],
  [
    "bits of an address",
    withChains([regular("c", [bits(payload("ip saddr"), 1, 1)])], [], "ip"),
    /has no bits to mask/,
  ],
  ["something behind a verdict", body(verdict(ACCEPT), COUNTER), /what follows a verdict never runs/],
  [
    "a rule too long for the kernel",
    body(...Array.from({ length: 65 }, () => equal(meta("mark"), number(1)))),
    /takes 130 instructions/,
  ],
  [
    "a rate that the kernel cannot count",
    body(limit(1_000_000n, "week", { of: "bytes", burst: 10_000 })),
    /out of range; use a shorter unit/,
  ],
  ["a rate of nothing", body(limit(0n, "second")), /a rate of 0 is out of range/],
  [
    "masquerade where there is no NAT",
    withChains([base("postrouting", [masquerade({ fullyRandom: true })])]),
    /masquerade in postrouting \(from base chain base\)/,
  ],
  [
    "masquerade on the way from a chain without NAT",
    withChains([base("postrouting", [verdict(jump("c"))]), regular("c", [masquerade({ fullyRandom: true })])]),
    /chain c: masquerade/,
  ],
  [
    "the interface a packet leaves by, before that is known",
    withChains([base("prerouting", [equal(meta("oifname"), interfaceName("a"))])]),
    /a packet has no oifname in prerouting/,
  ],
  [
    "the interface a packet came by, of the host's own",
    withChains([base("output", [notInSet(meta("iifname"), "s")])], holding(["ifname"], false).sets),
    /a packet has no iifname in output/,
  ],
  [
    "a hook the family does not have",
    withChains([base("prerouting")], [], "arp"),
    /a filter chain of family arp has no hook prerouting/,
  ],
  [
    "NAT before connection tracking",
    withChains([baseChain({ ...base("postrouting"), type: "nat", priority: -300 })]),
    /before connection tracking/,
  ],
  [
    "rerouting elsewhere than at output",
    withChains([baseChain({ ...base("input"), type: "route" })]),
    /a route chain .* has no hook input/,
  ],
  [
    "a priority that is no integer",
    withChains([baseChain({ ...base("input"), priority: 0.5 })]),
    /0.5 is not a priority/,
  ],
];

describe("refused before a byte is sent:", () => {
  it.each(REFUSED)("%s", (_what, wrong, said) => {
    const refusal = expect.objectContaining({
      code: "NFT_INVALID",
      where: expect.any(String),
      message: expect.stringMatching(said),
    });
    expect(() => checkTable(wrong)).toThrow(refusal);
    const silent = new NftReconciler({
      nftCommit: () => expect.unreachable("something was sent"),
      nftQuery: () => expect.unreachable("something was asked"),
    });
    expect(() => silent.setTables([wrong], [wrong])).toThrow(NftError);
  });
});

describe("taken:", () => {
  it.each<readonly [string, Table]>([
    [
      "ports beside their protocol in one key",
      withChains(
        [regular("c", [inSet([meta("l4proto"), port], "s")])],
        holding(["inet_proto", "inet_service"], false).sets,
      ),
    ],
    [
      "adjacent intervals",
      holding(["ipv4_addr"], true, prefix("10.0.0.0/9"), prefix("10.128.0.0/9"), prefix("255.0.0.0/8")),
    ],
    [
      "sixteen levels of chains",
      withChains(
        Array.from({ length: 16 }, (_, at) => regular(`c${at}`, at < 15 ? [verdict(jump(`c${at + 1}`))] : [])),
      ),
    ],
    [
      "many ways to one chain",
      withChains([
        regular("a", [verdict(jump("b"))], [verdict(jump("c"))]),
        regular("b", [verdict(jump("c"))]),
        regular("c"),
      ]),
    ],
    ["connection marks", body(bits(ct("mark"), 0xffff_0000, 0x1_0000), verdict(DROP))],
  ])("%s", (_what, right) => {
    expect(() => checkTable(right)).not.toThrow();
  });
});

describe("elements one by one", () => {
  const kernel = { nftCommit: () => {}, nftQuery: () => [] };
  const at = { table: { family: "inet", name: "t" }, set: "s" } as const;
  const reconcilerWith = (tables: Table) => {
    const reconciler = new NftReconciler(kernel);
    reconciler.setTables([tables], [tables]);
    return reconciler;
  };

  it("are checked as those of a table are", () => {
    const reconciler = reconcilerWith(holding(["ifname"], false));
    expect(() => reconciler.putElement(at, element(why, interfaceName("x/y")))).toThrow(/"x\/y" is not the name/);
    expect(() => reconciler.putElement(at, element(why, interfaceName("x"), DROP))).toThrow(/holds no verdicts/);
    expect(() => reconciler.putElement(at, element(origin(""), interfaceName("x")))).toThrow(/does not say why/);
  });

  it("need a set that is wanted", () => {
    const reconciler = reconcilerWith(holding(["ipv4_addr"], true));
    expect(() => reconciler.deleteElement({ ...at, set: "none" }, prefix("10.0.0.0/8"))).toThrow(
      /set none: is not wanted; give it to putSet/,
    );
  });

  it("of a map need a chain to go to", () => {
    const reconciler = reconcilerWith(withChains([regular("b")], [mapTo("b")]));
    reconciler.putElement({ ...at, set: "m" }, element(why, interfaceName("x"), jump("gone")));
    expect(() => reconciler.apply()).toThrow(/set m: there is no chain gone/);
  });
});
