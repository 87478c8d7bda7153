import { origin } from "@ocicat/kit";
import { type Ipv6, parseAddress, parsePrefix } from "@ocicat/net";
import {
  type BaseChain,
  baseChain,
  bits,
  COUNTER,
  CT_STATUS,
  chain,
  ct,
  ctCount,
  DROP,
  type Expression,
  element,
  encodeBatch,
  equal,
  fib,
  GUARD_TABLE,
  jump,
  limit,
  log,
  logTo,
  meta,
  NAT_TABLES,
  NftReconciler,
  NOTRACK,
  natOutgoing,
  notEqual,
  number,
  opaque,
  payload,
  plan,
  prefixValue,
  reject,
  renderTable,
  rule,
  set,
  setDscp,
  setMark,
  type Table,
  TCP_RESET,
  table,
  translate,
  verdict,
  workloadGuard,
} from "@ocicat/nftables";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canonical, readActual, readCanonical } from "../support/canonical.ts";
import { Namespace } from "../support/namespace.ts";
import { NfnetlinkSocket } from "../support/nfnetlink.ts";

let namespace: Namespace;
let kernel: NfnetlinkSocket;

beforeEach(() => {
  namespace = new Namespace("ls");
  kernel = new NfnetlinkSocket(namespace);
});

afterEach(() => {
  kernel[Symbol.dispose]();
  namespace[Symbol.dispose]();
});

/** nft's listing of a table, a line each, without hashes and indentation. */
function listing(family: string, name: string): readonly string[] {
  const lines = namespace.run("nft", "list", "table", family, name).split("\n");
  return lines
    .map((line) => line.trim().replace(/cali:[\w-]{16}/, "cali:HASH"))
    .filter((line) => line !== "" && line !== "}");
}

const pod = origin("an endpoint of this node", { kind: "WorkloadEndpoint", name: "default/pod1" });
const pool = origin("an IP pool", { kind: "IPPool", name: "default-ipv4-ippool" });

describe("nft, who knows nothing of us, lists", () => {
  it("the guard as it is meant", () => {
    const reconciler = new NftReconciler(kernel);
    const knownInterfaces = new Map([["cali1234", pod]]);
    const sources6 = [{ interfaceName: "cali1234", address: parseAddress("fd00:244::1") as Ipv6, origin: pod }];
    reconciler.setTables([GUARD_TABLE], [workloadGuard({ knownInterfaces, sources6, interfacePrefix: "cali" })]);
    reconciler.apply();
    expect(listing("inet", "ocicat-guard").slice(1)).toEqual([
      "flags owner",
      'comment "workload interfaces nobody knows get no traffic"',
      "set known {",
      "type ifname",
      'comment "interfaces with a workload endpoint"',
      'elements = { "cali1234" comment "an endpoint of this node [WorkloadEndpoint default/pod1]" }',
      "set sources6 {",
      "type ifname . ipv6_addr",
      'comment "IPv6 addresses of workload endpoints"',
      'elements = { "cali1234" . fd00:244::1 comment "an endpoint of this node [WorkloadEndpoint default/pod1]" }',
      "chain prerouting {",
      'comment "from a workload interface"',
      "type filter hook prerouting priority raw; policy accept;",
      'iifgroup != 51729 iifname "cali*" iifname != @known counter packets 0 bytes 0 drop comment "cali:HASH from a workload interface without an endpoint"',
      'iifname "cali*" ip6 saddr != fe80::/10 iifname . ip6 saddr != @sources6 counter packets 0 bytes 0 drop comment "cali:HASH with an address that is not the workload\'s own"',
      "chain postrouting {",
      'comment "to a workload interface"',
      "type filter hook postrouting priority raw; policy accept;",
      'oifgroup != 51729 oifname "cali*" oifname != @known counter packets 0 bytes 0 drop comment "cali:HASH to a workload interface without an endpoint"',
    ]);
  });

  it("the NAT as it is meant, in text and in JSON", () => {
    const reconciler = new NftReconciler(kernel);
    const tables = natOutgoing({
      pools: [{ cidr: parsePrefix("10.244.0.0/16"), natOutgoing: true, origin: pool }],
      exclusions: "IPPoolsAndHostIPs",
      hostAddresses: new Map([[parseAddress("192.168.0.80"), origin("a node", { kind: "Node", name: "master" })]]),
      interfacePrefix: "cali",
    });
    reconciler.setTables(Object.values(NAT_TABLES), tables);
    reconciler.apply();
    const lines = listing("ip", "ocicat-nat");
    expect(lines).toContain("type nat hook postrouting priority srcnat; policy accept;");
    expect(lines).toContain('elements = { 10.244.0.0/16 comment "an IP pool [IPPool default-ipv4-ippool]" }');
    expect(lines).toContain('elements = { 192.168.0.80 comment "a node [Node master]" }');
    expect(lines).toContain(
      'ip saddr @nat-pools ip daddr != @pools ip daddr != @hosts oifname != "cali*" counter packets 0 bytes 0 masquerade fully-random comment "cali:HASH from a pool with natOutgoing to outside every pool and no node"',
    );
    const json: { readonly nftables: readonly { readonly rule?: { readonly expr: readonly unknown[] } }[] } =
      JSON.parse(namespace.run("nft", "-j", "list", "chain", "ip", "ocicat-nat", "postrouting"));
    expect(json.nftables.flatMap(({ rule }) => rule?.expr ?? [])).toEqual([
      { match: { op: "==", left: { payload: { protocol: "ip", field: "saddr" } }, right: "@nat-pools" } },
      { match: { op: "!=", left: { payload: { protocol: "ip", field: "daddr" } }, right: "@pools" } },
      { match: { op: "!=", left: { payload: { protocol: "ip", field: "daddr" } }, right: "@hosts" } },
      { match: { op: "!=", left: { meta: { key: "oifname" } }, right: "cali*" } },
      { counter: { packets: 0, bytes: 0 } },
      { masquerade: { flags: "fully-random" } },
    ]);
  });
});

describe("each expression of a policy", () => {
  const why = origin("x");
  const [ipv4, ipv6] = [equal(meta("nfproto"), number(2)), equal(meta("nfproto"), number(10))];
  const l4 = (protocol: number) => equal(meta("l4proto"), number(protocol));
  const net = (text: string) => prefixValue(parsePrefix(text));

  /** What rules say in nft's own words, without what says why. */
  function inWords(bodies: readonly (readonly Expression[])[], base?: Partial<BaseChain>): readonly string[] {
    const rules = bodies.map((body) => rule(why, ...body));
    const of = { name: "c", origin: why, rules } as const;
    const only =
      base === undefined
        ? chain(of)
        : baseChain({ type: "filter", hook: "prerouting", priority: -300, policy: "accept", ...base, ...of });
    const desired = table({ family: "inet", name: "words", origin: why, chains: [only] });
    kernel.nftCommit(encodeBatch(plan([desired], [], { ownership: false })).messages);
    const lines = listing("inet", "words").slice(base === undefined ? 4 : 5);
    kernel.nftCommit(encodeBatch([{ op: "table.delete", table: desired }]).messages);
    return lines.map((line) => line.replace(/ comment "cali:HASH x"$/, ""));
  }

  it("matches what it is meant to match", () => {
    expect(
      inWords([
        [l4(1), equal(payload("icmp type"), number(8)), equal(payload("icmp code"), number(0)), COUNTER],
        [l4(58), equal(payload("icmpv6 type"), number(128)), COUNTER],
        [l4(6), bits(payload("tcp flags"), 0x17, 2), COUNTER],
        [l4(132), equal(payload("th dport"), number(80)), COUNTER],
        [l4(136), equal(payload("th sport"), number(80)), COUNTER],
        [ipv4, equal(payload("ip dscp"), number(46)), COUNTER],
        [ipv6, notEqual(payload("ip6 dscp"), number(46)), COUNTER],
        [equal(ct("direction"), number(1)), bits(ct("status"), CT_STATUS.dnat, 0, true), COUNTER],
        [bits(meta("mark"), 0x2_0000, 0x2_0000), COUNTER],
        [ctCount(5, { over: true }), COUNTER],
        [limit(1000n, "second", { of: "bytes", burst: 500, over: true }), COUNTER],
      ]),
    ).toEqual([
      "icmp type echo-request icmp code net-unreachable counter packets 0 bytes 0",
      "icmpv6 type echo-request counter packets 0 bytes 0",
      "tcp flags syn / fin,syn,rst,ack counter packets 0 bytes 0",
      "sctp dport 80 counter packets 0 bytes 0",
      "udplite sport 80 counter packets 0 bytes 0",
      "ip dscp ef counter packets 0 bytes 0",
      "ip6 dscp != ef counter packets 0 bytes 0",
      "ct direction reply ct status dnat counter packets 0 bytes 0",
      "meta mark & 0x00020000 == 0x00020000 counter packets 0 bytes 0",
      "ct count over 5 counter packets 0 bytes 0",
      "limit rate over 1000 bytes/second burst 500 bytes counter packets 0 bytes 0",
    ]);
  });

  it("does what it is meant to do", () => {
    expect(
      inWords([
        [setMark("meta", 0x2_0000, 0x2_0000)],
        [setMark("meta", 0, 0x2_0000)],
        [setMark("meta", 7)],
        [setMark("ct", 0x2_0000, 0x2_0000)],
        [ipv4, setDscp("ip dscp", 46)],
        [ipv6, setDscp("ip6 dscp", 46)],
        [log("calico-packet: ", "info")],
        [logTo(1, "APE0|default.web", { snaplen: 64, queueThreshold: 8 })],
        [reject("icmpx", "admin-prohibited")],
        [ipv4, reject("icmp", "host-prohibited")],
        [l4(6), equal(payload("th dport"), number(22)), TCP_RESET],
      ]),
    ).toEqual([
      "meta mark set meta mark | 0x00020000",
      "meta mark set meta mark & 0xfffdffff",
      "meta mark set 0x00000007",
      "ct mark set ct mark | 0x00020000",
      "ip dscp set ef",
      "ip6 dscp set ef",
      'log prefix "calico-packet: " level info',
      'log prefix "APE0|default.web" group 1 snaplen 64 queue-threshold 8',
      "reject with icmpx admin-prohibited",
      "reject with icmp host-prohibited",
      "tcp dport 22 reject with tcp reset",
    ]);
  });

  it("asks routing, and leaves connections untracked, where that can be done", () => {
    expect(
      inWords(
        [
          [equal(fib("saddr . iif oif"), number(0)), verdict(DROP)],
          [equal(fib("daddr type"), number(2)), COUNTER],
          [ipv4, equal(payload("ip saddr"), net("10.0.0.0/8")), NOTRACK],
        ],
        {},
      ),
    ).toEqual([
      "fib saddr . iif oif missing drop",
      "fib daddr type local counter packets 0 bytes 0",
      "ip saddr 10.0.0.0/8 notrack",
    ]);
  });

  it("translates addresses", () => {
    const to = [
      [ipv4, equal(payload("ip daddr"), net("192.0.2.1")), translate("destination", parseAddress("10.0.0.1"))],
      [ipv6, equal(payload("ip6 daddr"), net("2001:db8::1")), translate("destination", parseAddress("fd00::1"))],
    ];
    expect(inWords(to, { type: "nat", hook: "prerouting", priority: -100 })).toEqual([
      "ip daddr 192.0.2.1 dnat ip to 10.0.0.1",
      "ip6 daddr 2001:db8::1 dnat ip6 to fd00::1",
    ]);
  });
});

describe("rules of others", () => {
  const FOREIGN = `table inet foreign {
    chain c {
      iifname "eth0" log prefix "seen" group 3 counter
      meta l4proto tcp th dport 22 tcp flags syn ct count over 5 reject with tcp reset
      meta mark set meta mark | 0x10000
      ct original ip saddr 10.0.0.1 accept
      ip saddr & 255.0.255.0 == 10.0.1.0 drop comment "no prefix"
      meta mark > 5 accept
      fib saddr . iif oif missing drop
      meta l4proto { tcp, udp } th dport 53 accept
    }
  }`;

  it("are read with what is known of them, and the rest as it came", () => {
    namespace.load(FOREIGN);
    const rules = readActual(kernel, { family: "inet", name: "foreign" })[0]?.table.chains[0]?.rules ?? [];
    expect(rules.map(({ body }) => body.map((one) => (one.kind === "opaque" ? one.name : one.kind)))).toEqual([
      ["compare", "log", "counter"],
      ["compare", "compare", "bits", "ctCount", "reject"],
      ["setMark"],
      ["ct", "cmp", "verdict"],
      ["compare", "payload", "bitwise", "cmp", "verdict"],
      ["meta", "byteorder", "cmp", "verdict"],
      ["compare", "verdict"],
      ["lookup", "compare", "verdict"],
    ]);
    expect(rules[4]?.origin).toEqual(origin("no prefix"));
  });

  it("can be written elsewhere, to the byte", () => {
    // Without the last: its set has no name of its own.
    namespace.load(FOREIGN.replace(/.*\{ tcp, udp \}.*\n/, ""));
    const ref = { family: "inet", name: "foreign" } as const;
    const read = readActual(kernel, ref)[0]?.table;
    if (read === undefined) throw new Error("nothing was read");
    const copy = table({ ...read, name: "copy" });
    kernel.nftCommit(encodeBatch(plan([copy], [], { ownership: false })).messages);
    expect(listing("inet", "copy").slice(1)).toEqual(listing("inet", "foreign").slice(1));
    const [written] = readActual(kernel, copy);
    expect(written && canonical(written.table)).toEqual(canonical(copy));
  });
});

describe("limits that are checked for are the kernel's:", () => {
  const why = origin("because of a test");
  const write = (desired: Table) => () =>
    kernel.nftCommit(encodeBatch(plan([desired], [], { ownership: false })).messages);

  const levels = (count: number) =>
    table({
      family: "ip",
      name: "levels",
      origin: why,
      chains: [
        baseChain({
          name: "c0",
          type: "filter",
          hook: "input",
          priority: 0,
          policy: "accept",
          origin: why,
          rules: [rule(why, verdict(jump("c1")))],
        }),
        ...Array.from({ length: count - 1 }, (_, index) =>
          chain({
            name: `c${index + 1}`,
            origin: why,
            rules: index + 2 < count ? [rule(why, verdict(jump(`c${index + 2}`)))] : [rule(why, COUNTER)],
          }),
        ),
      ],
    });

  it("sixteen levels of chains", () => {
    expect(write(levels(16))).not.toThrow();
    expect(write(table({ ...levels(17), name: "more" }))).toThrow(/EMLINK/);
  });

  it("128 instructions a rule", () => {
    const long = (count: number) =>
      table({
        family: "ip",
        name: `long${count}`,
        origin: why,
        chains: [
          chain({ name: "c", origin: why, rules: [rule(why, ...Array.from({ length: count }, () => COUNTER))] }),
        ],
      });
    expect(write(long(128))).not.toThrow();
    expect(write(long(129))).toThrow(/EINVAL/);
  });

  it("and what is unknown to it is refused by it", () => {
    const strange = rule(why, equal(meta("mark"), number(1)), opaque("no-such-expression", new Uint8Array()));
    expect(
      write(
        table({ family: "ip", name: "t", origin: why, chains: [chain({ name: "c", origin: why, rules: [strange] })] }),
      ),
    ).toThrow(/ENOENT/);
  });
});

it("every protocol is written as nft writes it, each by a text of its own", () => {
  const all = Array.from({ length: 256 }, (_, protocol) => element(pod, number(protocol)));
  const protocols = set({ name: "protocols", key: "inet_proto", origin: pod, elements: all });
  const desired = table({ family: "inet", name: "protocols", origin: pod, sets: [protocols] });
  namespace.load(renderTable(desired));
  expect(readCanonical(kernel, desired)).toEqual([canonical(desired)]);
});
