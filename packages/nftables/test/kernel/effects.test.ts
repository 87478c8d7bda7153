import { spawnSync } from "node:child_process";
import { origin } from "@ocicat/kit";
import { formatAddress, parseAddress, parsePrefix } from "@ocicat/net";
import {
  type BaseChain,
  baseChain,
  bits,
  type Chain,
  COUNTER,
  CT_STATUS,
  ct,
  ctCount,
  ctState,
  type Expression,
  element,
  equal,
  fib,
  limit,
  meta,
  NftReconciler,
  NOTRACK,
  notInSet,
  number,
  payload,
  prefixValue,
  reject,
  rule,
  set,
  setDscp,
  setMark,
  TCP_FLAGS,
  TCP_RESET,
  table,
  translate,
} from "@ocicat/nftables";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readActual } from "../support/canonical.ts";
import type { Namespace } from "../support/namespace.ts";
import { NfnetlinkSocket } from "../support/nfnetlink.ts";
import { ADDRESSES, Router } from "../support/router.ts";
import { Udp } from "../support/udp.ts";

/** What rules do to packets that a router forwards from a pod to the outside, as counters behind them tell. */

const REF = { family: "inet", name: "oct-effects" } as const;
const PATIENCE = 5_000;
const why = origin("because of a test");

let network: Router;
let kernel: NfnetlinkSocket;
let reconciler: NftReconciler;

beforeAll(() => {
  network = new Router();
  kernel = new NfnetlinkSocket(network.router);
  reconciler = new NftReconciler(kernel);
});

afterEach(() => {
  reconciler.setTables([REF], []);
  reconciler.apply();
});

afterAll(() => {
  kernel[Symbol.dispose]();
  network[Symbol.dispose]();
});

function on(
  hook: "prerouting" | "forward",
  priority: number,
  ...bodies: readonly (readonly Expression[])[]
): BaseChain {
  const rules = bodies.map((body) => rule(why, ...body));
  return baseChain({
    name: `${hook}${priority < 0 ? "-raw" : priority}`,
    type: "filter",
    hook,
    priority,
    policy: "accept",
    origin: why,
    rules,
  });
}

/** Packets that have come to the counter of each rule that has one, in the chains' order. */
function counted(chains: readonly Chain[], send: () => void): readonly number[] {
  const codes = set({
    name: "codes",
    key: ["icmp_type", "icmp_code"],
    origin: why,
    elements: [element(why, [number(8), number(0)])],
  });
  reconciler.setTables([REF], [table({ ...REF, origin: why, sets: [codes], chains })]);
  reconciler.apply();
  send();
  const [read] = readActual(kernel, REF);
  return chains.flatMap(({ name }) =>
    (read?.ruleStates.get(name) ?? []).flatMap(({ counters }) =>
      counters === undefined ? [] : Number(counters.packets),
    ),
  );
}

const { pod1, outside, router } = ADDRESSES;
let lastPort = 20_000;

/** A datagram of a new connection from the pod, that arrives. */
function datagram(family: "ipv4" | "ipv6" = "ipv4", answer = false): void {
  using receiver = new Udp(network.outside, outside[family], 7);
  using sender = new Udp(network.pods.pod1, pod1[family], ++lastPort);
  expect(sender.send(outside[family], 7, "hello")).toBeUndefined();
  expect(receiver.receive(PATIENCE)?.text).toBe("hello");
  if (!answer) return;
  expect(receiver.send(pod1[family], lastPort, "hello yourself")).toBeUndefined();
  expect(sender.receive(PATIENCE)?.text).toBe("hello yourself");
}

/** What ping says, of one question. */
function ping(to: string, from: Namespace = network.pods.pod1): string {
  return spawnSync("ip", ["netns", "exec", from.name, "ping", "-c", "1", "-W", "0.5", to], { encoding: "utf8" }).stdout;
}

/** What becomes of a connection to a port on which nobody listens. */
function connect(to: string): string {
  const command = `exec 3<>/dev/tcp/${to}/22`;
  const args = ["netns", "exec", network.pods.pod1.name, "timeout", "2", "bash", "-c", command];
  return spawnSync("ip", args, { encoding: "utf8" }).stderr;
}

const OUTSIDE = formatAddress(outside.ipv4);
const [ipv4, ipv6] = [equal(meta("nfproto"), number(2)), equal(meta("nfproto"), number(10))];
const l4 = (protocol: number) => equal(meta("l4proto"), number(protocol));
const PASS = 0x2_0000;
const passed = bits(meta("mark"), PASS, PASS);

describe("a mark", () => {
  it("is set and cleared bit by bit, and goes with the packet from chain to chain", () => {
    const chains = [
      on("forward", 0, [setMark("meta", 0x10001, 0xffff_ffff)], [setMark("meta", PASS, PASS)], [passed, COUNTER]),
      on(
        "forward",
        1,
        [passed, COUNTER],
        [setMark("meta", 0, PASS)],
        [passed, COUNTER],
        [equal(meta("mark"), number(0x10001)), COUNTER],
      ),
    ];
    expect(counted(chains, () => datagram())).toEqual([1, 1, 0, 1]);
  });

  it("of a connection is there for its answers", () => {
    const chains = [
      on("forward", 0, [equal(ct("direction"), number(0)), setMark("ct", 4, 4)]),
      on("forward", 1, [equal(ct("direction"), number(1)), bits(ct("mark"), 4, 4), COUNTER]),
    ];
    expect(counted(chains, () => datagram("ipv4", true))).toEqual([1]);
  });
});

describe("DSCP", () => {
  it.each(["ipv4", "ipv6"] as const)(
    "of %s is written, beside what is in the same bytes, and the packet arrives whole",
    (family) => {
      const [of, field] = family === "ipv4" ? ([ipv4, "ip dscp"] as const) : ([ipv6, "ip6 dscp"] as const);
      const chains = [
        on("forward", 0, [of, equal(payload(field), number(0)), COUNTER], [of, setDscp(field, 46)]),
        on(
          "forward",
          1,
          [of, equal(payload(field), number(46)), COUNTER],
          [of, equal(payload(field), number(0)), COUNTER],
        ),
      ];
      // Of IPv6 neighbour discovery is no concern: it is not forwarded.
      expect(counted(chains, () => datagram(family))).toEqual([1, 1, 0]);
    },
  );
});

describe("ICMP", () => {
  it("is told by type and code, and by what it is not", () => {
    const bodies = [
      [l4(1), equal(payload("icmp type"), number(8)), equal(payload("icmp code"), number(0)), COUNTER],
      [l4(1), equal(payload("icmp type"), number(0)), COUNTER],
      [l4(1), notInSet([payload("icmp type"), payload("icmp code")], "codes"), COUNTER],
    ];
    expect(counted([on("forward", 0, ...bodies)], () => expect(ping(OUTSIDE)).toContain("1 received"))).toEqual([
      1, 1, 1,
    ]);
  });

  it("of IPv6 likewise", () => {
    const bodies = [128, 129].map((type) => [l4(58), equal(payload("icmpv6 type"), number(type)), COUNTER]);
    const send = () => expect(ping(formatAddress(outside.ipv6))).toContain("1 received");
    expect(counted([on("forward", 0, ...bodies)], send)).toEqual([1, 1]);
  });
});

describe("TCP", () => {
  it("is told by its flags: the first segment, and the answer that refuses it", () => {
    const { syn, ack, rst } = TCP_FLAGS;
    const bodies = [
      [l4(6), bits(payload("tcp flags"), syn | ack | rst, syn), COUNTER],
      [l4(6), bits(payload("tcp flags"), rst, 0, true), COUNTER],
    ];
    expect(counted([on("forward", 0, ...bodies)], () => void connect(OUTSIDE))).toEqual([1, 1]);
  });
});

describe("a refusal", () => {
  it("is an answer of the packet's family", () => {
    const send = () => {
      expect(ping(OUTSIDE)).toContain("Packet filtered");
      expect(ping(formatAddress(outside.ipv6))).toContain("Administratively prohibited");
    };
    expect(counted([on("forward", 0, [COUNTER, reject("icmpx", "admin-prohibited")])], send)).toEqual([2]);
  });

  it("of TCP is a reset", () => {
    // Nobody listens outside, and would say so: the counter behind tells that he was not asked.
    const send = () => expect(connect(OUTSIDE)).toContain("refused");
    const chains = [
      on("forward", 0, [l4(6), bits(payload("tcp flags"), TCP_FLAGS.syn, 0, true), COUNTER, TCP_RESET]),
      on("forward", 1, [l4(6), COUNTER]),
    ];
    expect(counted(chains, send)).toEqual([1, 0]);
  });
});

describe("connections", () => {
  it("are counted, and those over the number met", () => {
    const body = [l4(17), equal(payload("th dport"), number(7)), ctCount(2, { over: true }), COUNTER];
    const send = () => {
      for (let count = 0; count < 5; count++) datagram();
    };
    expect(counted([on("forward", 0, body)], send)).toEqual([3]);
  });

  it("are left untracked", () => {
    const udp = [l4(17), equal(payload("th dport"), number(7))];
    const chains = [
      on("prerouting", -300, [...udp, NOTRACK]),
      on("forward", 0, [...udp, ctState("untracked"), COUNTER], [...udp, ctState("new"), COUNTER]),
    ];
    expect(counted(chains, () => datagram())).toEqual([1, 0]);
  });

  it("are led to another address, and say so", () => {
    const elsewhere = parseAddress("192.0.2.77");
    const chains = [
      baseChain({
        name: "nat",
        type: "nat",
        hook: "prerouting",
        priority: -100,
        policy: "accept",
        origin: why,
        rules: [
          rule(
            why,
            ipv4,
            equal(payload("ip daddr"), prefixValue(parsePrefix("192.0.2.77/32"))),
            COUNTER,
            translate("destination", outside.ipv4),
          ),
        ],
      }),
      on("forward", 0, [equal(ct("direction"), number(0)), bits(ct("status"), CT_STATUS.dnat, 0, true), COUNTER]),
    ];
    const send = () => {
      using receiver = new Udp(network.outside, outside.ipv4, 7);
      using sender = new Udp(network.pods.pod1, pod1.ipv4, ++lastPort);
      expect(sender.send(elsewhere, 7, "hello")).toBeUndefined();
      expect(receiver.receive(PATIENCE)?.text).toBe("hello");
    };
    expect(counted(chains, send)).toEqual([1, 1]);
  });
});

describe("routing", () => {
  it("knows who sends from where he is not", () => {
    network.pods.pod1.ip("address add 192.0.2.66/32 dev lo");
    const missing = [l4(17), equal(fib("saddr . iif oif"), number(0)), COUNTER];
    const exists = [l4(17), equal(fib("saddr . iif oif"), number(1)), COUNTER];
    const send = () => {
      datagram();
      using sender = new Udp(network.pods.pod1, parseAddress("192.0.2.66"), ++lastPort);
      expect(sender.send(outside.ipv4, 7, "forged")).toBeUndefined();
    };
    // The default route of the router leads to eth0, and not back to the pod.
    expect(counted([on("prerouting", -300, missing, exists)], send)).toEqual([1, 1]);
  });

  it("knows what is for this host", () => {
    const local = [l4(17), equal(fib("daddr type"), number(2)), COUNTER];
    const send = () => {
      datagram();
      using sender = new Udp(network.pods.pod1, pod1.ipv4, ++lastPort);
      expect(sender.send(router.ipv4, 7, "for you")).toBeUndefined();
    };
    expect(counted([on("prerouting", -300, local)], send)).toEqual([1]);
  });
});

it("a rate of bytes is kept to", () => {
  const udp = [l4(17), equal(payload("th dport"), number(7))];
  const over = limit(1n, "hour", { of: "bytes", burst: 80, over: true });
  const send = () => {
    for (let count = 0; count < 4; count++) datagram();
  };
  // Each is 33 bytes: 20 of IP, 8 of UDP, 5 of its own.
  expect(counted([on("forward", 0, [...udp, over, COUNTER])], send)).toEqual([2]);
});
