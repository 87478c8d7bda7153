import { origin } from "@ocicat/kit";
import { type Address, formatAddress, type Ipv6, Prefix, parseAddress, parsePrefix } from "@ocicat/net";
import {
  baseChain,
  COUNTER,
  ctState,
  encodeBatch,
  equal,
  GUARD_TABLE,
  IPV6_SOURCES,
  interfaceName,
  ipv6Source,
  ipv6SourceKey,
  KNOWN_GROUP,
  KNOWN_INTERFACES,
  knownInterface,
  meta,
  NftReconciler,
  number,
  payload,
  plan,
  rule,
  table,
  type WiderSource,
  type WorkloadSource,
  workloadGuard,
} from "@ocicat/nftables";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readActual } from "../support/canonical.ts";
import type { Namespace } from "../support/namespace.ts";
import { NfnetlinkSocket } from "../support/nfnetlink.ts";
import { ADDRESSES, POD_INTERFACES, Router } from "../support/router.ts";
import { Udp } from "../support/udp.ts";

const PORT = 9999;
/** For what should come; it comes in microseconds. */
const PATIENCE = 5_000;

let network: Router;
let kernel: NfnetlinkSocket;
let reconciler: NftReconciler;

beforeAll(() => {
  network = new Router();
  kernel = new NfnetlinkSocket(network.router);
  kernel.nftCommit(encodeBatch(plan([WITNESS], [], { ownership: false })).messages);
});

afterAll(() => {
  kernel[Symbol.dispose]();
  network[Symbol.dispose]();
});

beforeEach(() => {
  reconciler = new NftReconciler(kernel);
  reconciler.setTables([GUARD_TABLE], []);
  reconciler.apply();
  const pod1 = origin("an endpoint of this node", { kind: "WorkloadEndpoint", name: "default/pod1" });
  const knownInterfaces = new Map([[POD_INTERFACES.pod1 as string, pod1]]);
  reconciler.setTables(
    [GUARD_TABLE],
    [workloadGuard({ knownInterfaces, sources6: [source("pod1")], interfacePrefix: "cali" })],
  );
  reconciler.apply();
});

function source(who: "pod1" | "pod2"): WorkloadSource {
  const address = ADDRESSES[who].ipv6 as Ipv6;
  return { interfaceName: POD_INTERFACES[who], address, origin: origin("an endpoint's address") };
}

const witnessed = origin("counts the packets of this test");

/**
 * Counts the test's packets in front of and behind the guard at each of its hooks: nodes also chatter about themselves.
 * Looking at the connection's state switches connection tracking on.
 */
const WITNESS = table({
  family: "inet",
  name: "oct-witness",
  origin: witnessed,
  owned: false,
  chains: (["prerouting", "postrouting"] as const).flatMap((hook) =>
    ([-310, -290] as const).map((priority) =>
      baseChain({
        name: `${hook}${priority}`,
        type: "filter",
        hook,
        priority,
        policy: "accept",
        origin: witnessed,
        rules: [
          rule(witnessed, equal(meta("l4proto"), number(17)), equal(payload("th dport"), number(PORT)), COUNTER),
          rule(witnessed, ctState("established"), COUNTER),
        ],
      }),
    ),
  ),
});

/** How many of the test's packets have gone in and not come out. */
function dropped(): { readonly from: bigint; readonly to: bigint } {
  const [witness] = readActual(kernel, WITNESS);
  const count = (chain: string) => witness?.ruleStates.get(chain)?.[0]?.counters?.packets ?? 0n;
  return {
    from: count("prerouting-310") - count("prerouting-290"),
    to: count("postrouting-310") - count("postrouting-290"),
  };
}

interface Attempt {
  readonly arrived: boolean;
  readonly error: string | undefined;
  readonly from: bigint;
  readonly to: bigint;
}

/** Sends one packet and waits for the fact: it arrives, is dropped, or is refused. */
function send(source: Namespace, from: Address, destination: Namespace, to: Address): Attempt {
  using receiver = new Udp(destination, to, PORT);
  using sender = new Udp(source, from);
  const before = dropped();
  const error = sender.send(to, PORT, "hello");
  for (const deadline = Date.now() + PATIENCE; Date.now() < deadline; ) {
    const after = dropped();
    const arrived = receiver.receive(1) !== undefined;
    const difference = { from: after.from - before.from, to: after.to - before.to };
    if (arrived || error !== undefined || difference.from + difference.to > 0n)
      return { arrived, error, ...difference };
  }
  throw new Error("the packet neither arrived nor was dropped");
}

const PASSED: Attempt = { arrived: true, error: undefined, from: 0n, to: 0n };
const DROPPED_FROM: Attempt = { arrived: false, error: undefined, from: 1n, to: 0n };
const DROPPED_TO: Attempt = { arrived: false, error: undefined, from: 0n, to: 1n };
const REFUSED_TO: Attempt = { arrived: false, error: "EPERM", from: 0n, to: 1n };

describe.each(["ipv4", "ipv6"] as const)("%s", (family) => {
  const at = (who: keyof typeof ADDRESSES) => ADDRESSES[who][family];

  it("passes from and to a known interface, forwarded and to the router itself", () => {
    const { router, outside, pods } = network;
    expect(send(pods.pod1, at("pod1"), outside, at("outside"))).toEqual(PASSED);
    expect(send(outside, at("outside"), pods.pod1, at("pod1"))).toEqual(PASSED);
    expect(send(pods.pod1, at("pod1"), router, at("router"))).toEqual(PASSED);
    expect(send(router, at("router"), pods.pod1, at("pod1"))).toEqual(PASSED);
  });

  it("is dropped from an unknown interface, forwarded and to the router itself", () => {
    const { router, outside, pods } = network;
    expect(send(pods.pod2, at("pod2"), outside, at("outside"))).toEqual(DROPPED_FROM);
    expect(send(pods.pod2, at("pod2"), pods.pod1, at("pod1"))).toEqual(DROPPED_FROM);
    expect(send(pods.pod2, at("pod2"), router, at("router"))).toEqual(DROPPED_FROM);
  });

  it("is dropped to an unknown interface, forwarded and from the router itself", () => {
    const { router, outside, pods } = network;
    expect(send(outside, at("outside"), pods.pod2, at("pod2"))).toEqual(DROPPED_TO);
    expect(send(pods.pod1, at("pod1"), pods.pod2, at("pod2"))).toEqual(DROPPED_TO);
    expect(send(router, at("router"), pods.pod2, at("pod2"))).toEqual(REFUSED_TO);
  });

  it("passes between other interfaces as before", () => {
    const { router, outside } = network;
    expect(send(router, at("router"), outside, at("outside"))).toEqual(PASSED);
    expect(send(outside, at("outside"), router, at("router"))).toEqual(PASSED);
  });

  it("passes as soon as the interface is known, and is dropped as soon as it is not", () => {
    const { outside, pods } = network;
    reconciler.putElement(KNOWN_INTERFACES, knownInterface(POD_INTERFACES.pod2, origin("it was added")));
    reconciler.putElement(IPV6_SOURCES, ipv6Source(source("pod2")));
    reconciler.apply();
    expect(send(pods.pod2, at("pod2"), outside, at("outside"))).toEqual(PASSED);
    reconciler.deleteElement(KNOWN_INTERFACES, interfaceName(POD_INTERFACES.pod2));
    reconciler.apply();
    expect(send(pods.pod2, at("pod2"), outside, at("outside"))).toEqual(DROPPED_FROM);
  });
});

describe("an interface in the group of known ones", () => {
  const putInto = (group: number) => network.router.ip(`link set ${POD_INTERFACES.pod2} group ${group}`);

  afterEach(() => putInto(0));

  it("passes without being looked up, both ways, until it is out of it", () => {
    const { outside, pods } = network;
    const from = () => send(pods.pod2, ADDRESSES.pod2.ipv4, outside, ADDRESSES.outside.ipv4);
    const to = () => send(outside, ADDRESSES.outside.ipv4, pods.pod2, ADDRESSES.pod2.ipv4);
    expect([from(), to()]).toEqual([DROPPED_FROM, DROPPED_TO]);
    putInto(KNOWN_GROUP);
    expect([from(), to()]).toEqual([PASSED, PASSED]);
    putInto(1);
    expect([from(), to()]).toEqual([DROPPED_FROM, DROPPED_TO]);
  });
});

describe("an IPv6 packet with another's address", () => {
  const { pod1, pod2, outside } = ADDRESSES;

  it("is dropped, forwarded and to the router itself, also if the address is another workload's of this node", () => {
    const { pods, router } = network;
    for (const address of [parseAddress("2001:db8::bad"), pod2.ipv6]) {
      const text = formatAddress(address);
      pods.pod1.ip(`address add ${text}/128 dev eth0 nodad`);
      try {
        expect(send(pods.pod1, address, network.outside, outside.ipv6), text).toEqual(DROPPED_FROM);
        expect(send(pods.pod1, address, router, ADDRESSES.router.ipv6), text).toEqual(DROPPED_FROM);
      } finally {
        pods.pod1.ip(`address del ${text}/128 dev eth0`);
      }
    }
    expect(send(pods.pod1, pod1.ipv6, network.outside, outside.ipv6)).toEqual(PASSED);
  });

  it("passes once the address is the workload's, and no longer once it is not", () => {
    const { pods } = network;
    const address = parseAddress("fd00:244::77") as Ipv6;
    pods.pod1.ip("address add fd00:244::77/128 dev eth0 nodad");
    try {
      const more = { ...source("pod1"), address };
      reconciler.putElement(IPV6_SOURCES, ipv6Source(more));
      reconciler.apply();
      expect(send(pods.pod1, address, network.outside, outside.ipv6)).toEqual(PASSED);
      reconciler.deleteElement(IPV6_SOURCES, ipv6SourceKey(more.interfaceName, address));
      reconciler.apply();
      expect(send(pods.pod1, address, network.outside, outside.ipv6)).toEqual(DROPPED_FROM);
    } finally {
      pods.pod1.ip("address del fd00:244::77/128 dev eth0");
    }
  });

  it("leaves neighbour discovery alone: a workload that has forgotten its gateway finds it again", () => {
    const { pods } = network;
    pods.pod1.ip("neighbour flush dev eth0");
    expect(send(pods.pod1, pod1.ipv6, network.outside, outside.ipv6)).toEqual(PASSED);
  });
});

describe("a workload that may send from more than its own addresses", () => {
  const networks = [
    ...[ADDRESSES.pod1.ipv4, ADDRESSES.pod1.ipv6].map((address) => Prefix.host(address)),
    ...["198.51.100.0/24", "fd00:99::/64"].map((text) => parsePrefix(text)),
  ];
  const guard = (wider: readonly WiderSource[]) =>
    reconciler.setTables(
      [GUARD_TABLE],
      [
        workloadGuard({
          knownInterfaces: new Map([[POD_INTERFACES.pod1 as string, origin("an endpoint")]]),
          sources6: [source("pod1")],
          wider,
          interfacePrefix: "cali",
        }),
      ],
    );

  it.each([
    ["198.51.100.7", "203.0.113.66", "ipv4"],
    ["fd00:99::7", "fd00:98::7", "ipv6"],
  ] as const)("passes with those, %s, and not with others, %s", (allowed, foreign, family) => {
    const { pods, outside } = network;
    const to = ADDRESSES.outside[family];
    const length = family === "ipv4" ? 32 : 128;
    const nodad = family === "ipv4" ? "" : "nodad";
    const from = (address: string) => send(pods.pod1, parseAddress(address), outside, to);
    for (const address of [allowed, foreign]) pods.pod1.ip(`address add ${address}/${length} dev eth0 ${nodad}`);
    try {
      guard([{ interfaceName: POD_INTERFACES.pod1, networks, origin: origin("it asks for it") }]);
      reconciler.apply();
      expect(from(allowed)).toEqual(PASSED);
      expect(send(pods.pod1, ADDRESSES.pod1[family], outside, to)).toEqual(PASSED);
      expect(from(foreign)).toEqual(DROPPED_FROM);
      guard([]);
      reconciler.apply();
      // Of IPv4 rp_filter takes care, which is not there in this network.
      if (family === "ipv6") expect(from(allowed)).toEqual(DROPPED_FROM);
    } finally {
      for (const address of [allowed, foreign]) pods.pod1.ip(`address del ${address}/${length} dev eth0`);
    }
  });

  it("still finds its gateway", () => {
    const { pods, outside } = network;
    guard([{ interfaceName: POD_INTERFACES.pod1, networks, origin: origin("it asks for it") }]);
    reconciler.apply();
    pods.pod1.ip("neighbour flush dev eth0");
    expect(send(pods.pod1, ADDRESSES.pod1.ipv6, outside, ADDRESSES.outside.ipv6)).toEqual(PASSED);
  });

  it("is as little trusted as any other while nobody knows its interface", () => {
    const { pods, outside } = network;
    guard([{ interfaceName: POD_INTERFACES.pod2, networks, origin: origin("nobody knows it") }]);
    reconciler.apply();
    expect(send(pods.pod2, ADDRESSES.pod2.ipv4, outside, ADDRESSES.outside.ipv4)).toEqual(DROPPED_FROM);
  });
});

it("leaves ARP alone: an unknown interface still finds 169.254.1.1, which leads it nowhere", () => {
  const { outside, pods } = network;
  pods.pod2.ip("neighbour flush dev eth0");
  send(pods.pod2, ADDRESSES.pod2.ipv4, outside, ADDRESSES.outside.ipv4);
  expect(pods.pod2.run("ip", "neighbour", "show", "169.254.1.1")).toMatch(/lladdr/);
});

it("comes before connection tracking: a dropped packet leaves no entry", () => {
  const { router, outside, pods } = network;
  send(pods.pod1, ADDRESSES.pod1.ipv4, outside, ADDRESSES.outside.ipv4);
  send(pods.pod3, ADDRESSES.pod3.ipv4, outside, ADDRESSES.outside.ipv4);
  const connections = router.run("cat", "/proc/net/nf_conntrack");
  expect(connections).toContain("src=10.244.0.1");
  expect(connections).not.toContain("src=10.245.0.3");
});

it("holds while nobody owns it: after the agent is gone, unknown interfaces stay shut and known ones open", () => {
  const { outside, pods } = network;
  kernel[Symbol.dispose]();
  kernel = new NfnetlinkSocket(network.router);
  expect(send(pods.pod1, ADDRESSES.pod1.ipv4, outside, ADDRESSES.outside.ipv4)).toEqual(PASSED);
  expect(send(pods.pod2, ADDRESSES.pod2.ipv4, outside, ADDRESSES.outside.ipv4)).toEqual(DROPPED_FROM);
});
