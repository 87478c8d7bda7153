import { origin } from "@ocicat/kit";
import { type Address, formatAddress, parsePrefix } from "@ocicat/net";
import { NAT_TABLES, type NatOutgoingOptions, NftReconciler, natOutgoing } from "@ocicat/nftables";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Namespace } from "../support/namespace.ts";
import { NfnetlinkSocket } from "../support/nfnetlink.ts";
import { ADDRESSES, Router } from "../support/router.ts";
import { Udp } from "../support/udp.ts";

const PORT = 9998;
const PATIENCE = 5_000;

let network: Router;
let kernel: NfnetlinkSocket;
let reconciler: NftReconciler;

beforeAll(() => {
  network = new Router();
  kernel = new NfnetlinkSocket(network.router);
  reconciler = new NftReconciler(kernel);
});

afterAll(() => {
  kernel[Symbol.dispose]();
  network[Symbol.dispose]();
});

const pool = (cidr: string, natOutgoing: boolean) => ({
  cidr: parsePrefix(cidr),
  natOutgoing,
  origin: origin("an IP pool", { kind: "IPPool", name: cidr }),
});

const OPTIONS: NatOutgoingOptions = {
  pools: [
    pool("10.244.0.0/16", true),
    pool("10.245.0.0/16", false),
    pool("fd00:244::/32", true),
    pool("fd00:245::/32", false),
  ],
  exclusions: "IPPoolsOnly",
  hostAddresses: new Map(),
  interfacePrefix: "cali",
};

function program(options: Partial<NatOutgoingOptions> = {}): void {
  reconciler.setTables(Object.values(NAT_TABLES), natOutgoing({ ...OPTIONS, ...options }));
  reconciler.apply();
}

interface Seen {
  readonly from: string;
  readonly samePort: boolean;
}

/** Whom the receiver sees, of one packet of a new connection. */
function seen(source: Namespace, from: Address, destination: Namespace, to: Address): Seen {
  using receiver = new Udp(destination, to, PORT);
  using sender = new Udp(source, from, nextPort());
  expect(sender.send(to, PORT, "hello")).toBeUndefined();
  const packet = receiver.receive(PATIENCE);
  if (packet === undefined) throw new Error("no packet came");
  return { from: packet.from, samePort: packet.port === lastPort };
}

/** Below the range from which the kernel chooses, one a connection. */
let lastPort = 10_000;
function nextPort(): number {
  lastPort += 1;
  return lastPort;
}

describe.each(["ipv4", "ipv6"] as const)("%s", (family) => {
  const at = (who: keyof typeof ADDRESSES) => ADDRESSES[who][family];
  const text = (who: keyof typeof ADDRESSES) => formatAddress(at(who));

  it("goes from a pool to the outside as the router's own, from a random port", () => {
    program();
    const { outside, pods } = network;
    const connections = Array.from({ length: 8 }, () => seen(pods.pod1, at("pod1"), outside, at("outside")));
    expect(new Set(connections.map(({ from }) => from))).toEqual(new Set([text("router")]));
    expect(connections.some(({ samePort }) => !samePort)).toBe(true);
  });

  it("comes back to who sent it", () => {
    program();
    const { outside, pods } = network;
    using receiver = new Udp(outside, at("outside"), PORT);
    using sender = new Udp(pods.pod1, at("pod1"), nextPort());
    sender.send(at("outside"), PORT, "ping");
    const packet = receiver.receive(PATIENCE);
    receiver.send(at("router"), packet?.port ?? 0, "pong");
    expect(sender.receive(PATIENCE)).toEqual({ text: "pong", from: text("outside"), port: PORT });
  });

  it("goes from pod to pod as it is: on this node, and to another node's", () => {
    program();
    const { outside, pods } = network;
    expect(seen(pods.pod1, at("pod1"), pods.pod2, at("pod2"))).toEqual({ from: text("pod1"), samePort: true });
    expect(seen(pods.pod1, at("pod1"), outside, at("remotePod"))).toEqual({ from: text("pod1"), samePort: true });
    expect(seen(pods.pod1, at("pod1"), pods.pod3, at("pod3"))).toEqual({ from: text("pod1"), samePort: true });
  });

  it("goes from a pool without natOutgoing as it is", () => {
    program();
    const { outside, pods } = network;
    expect(seen(pods.pod3, at("pod3"), outside, at("outside"))).toEqual({ from: text("pod3"), samePort: true });
  });

  it("goes to a node as it is with IPPoolsAndHostIPs, and as the router's without", () => {
    const { outside, pods } = network;
    const hostAddresses = new Map([[at("outside"), origin("a node", { kind: "Node", name: "outside" })]]);
    program({ exclusions: "IPPoolsAndHostIPs", hostAddresses });
    expect(seen(pods.pod1, at("pod1"), outside, at("outside"))).toEqual({ from: text("pod1"), samePort: true });
    program({ exclusions: "IPPoolsOnly", hostAddresses });
    expect(seen(pods.pod1, at("pod1"), outside, at("outside")).from).toBe(text("router"));
  });

  it("goes to a workload interface as it is, whatever the pools", () => {
    const { pods } = network;
    program({ pools: [pool(family === "ipv4" ? "10.244.0.1/32" : "fd00:244::1/128", true)] });
    expect(seen(pods.pod1, at("pod1"), pods.pod2, at("pod2"))).toEqual({ from: text("pod1"), samePort: true });
  });
});

it("has no table, and so no NAT hook, for a family without a pool with natOutgoing", () => {
  program({ pools: [pool("10.244.0.0/16", true), pool("fd00:244::/32", false)] });
  expect(network.router.run("nft", "list", "tables")).toBe("table ip ocicat-nat\n");
  program({ pools: [] });
  expect(network.router.run("nft", "list", "tables")).toBe("");
});
