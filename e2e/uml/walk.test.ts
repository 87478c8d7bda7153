import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Story } from "@ocicat/walk";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, TestLab } from "../support/lab.ts";
import { headersOf, reasonsOf, stepsOf, walk, wayOf } from "../support/walk.ts";

function topology(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../../packages/lab/topologies/${name}.yaml`, import.meta.url)), "utf8");
}

describe("in IPIP", () => {
  const lab = new TestLab(topology("ipip"));
  const [from, to] = ["busybox-deployment-8c7dc8548-x6ljh", "busybox-deployment-8c7dc8548-btnkv"];
  let story: Story;

  beforeAll(async () => {
    await lab.up();
    for (const [node, other] of [
      ["controlplane", "172.17.0.40"],
      ["node01", "172.17.0.32"],
    ] as const) {
      await eventually(
        () => lab.out(node, "ip", "route"),
        (text) => text.includes(`via ${other} dev tunl0 proto bird onlink`),
        60_000,
      );
    }
    ({ story } = await walk(lab, from, to, "--wait", "5"));
  });
  afterAll(async () => {
    expect(await lab.down()).toEqual([]);
  });

  it("a packet goes by tunl0 and by the node's own interface, at both ends", () => {
    expect(story.outcome).toBe("answered");
    expect(wayOf(story.request)).toEqual([
      `${from} eth0 out`,
      "controlplane cali… in",
      "controlplane tunl0 out",
      "controlplane ens3 out",
      "node01 ens3 in",
      "node01 tunl0 in",
      "node01 cali… out",
      `${to} eth0 in`,
    ]);
    expect(story.ttl).toEqual({ request: [64, 63, 62], reply: [64, 63, 62] });
  });

  it("the pod's route, who answers ARP, and the block's route are those of the walk-through", () => {
    expect(stepsOf(story.request, "route", from)).toMatchObject([
      { meaning: "gateway", route: "default via 169.254.1.1 dev eth0" },
    ]);
    expect(stepsOf(story.request, "neighbour", from)).toMatchObject([
      {
        how: "asked",
        address: "169.254.1.1",
        mac: "ee:ee:ee:ee:ee:ee",
        answeredBy: { place: "controlplane", hasAddress: false, proxyArp: true },
      },
    ]);
    const [route] = stepsOf(story.request, "route", "controlplane");
    expect(route).toMatchObject({ meaning: "ipip", via: "172.17.0.40", interface: "tunl0", protocol: "bird" });
    expect(route?.route).toMatch(/^192\.168\.\d+\.\d+\/26 via 172\.17\.0\.40 dev tunl0 proto bird onlink$/);
    expect(route?.why).toContain("IPIP");
    expect(stepsOf(story.request, "route", "node01")).toMatchObject([{ meaning: "pod", matched: lab.address(to) }]);
  });

  it("on tunl0 it is a raw IP packet without MAC addresses", () => {
    const bare = stepsOf(story.request, "frame").filter((frame) => frame.interface === "tunl0");
    expect(bare.map((frame) => frame.headers.map(({ layer }) => layer))).toEqual([
      ["ipv4", "icmp"],
      ["ipv4", "icmp"],
    ]);
  });

  it("on the wire node addresses are wrapped around it, protocol 4, and no second Ethernet header", () => {
    expect(stepsOf(story.request, "encapsulate")).toMatchObject([
      {
        place: "controlplane",
        mode: "ipip",
        interface: "tunl0",
        outer: { source: "172.17.0.32", destination: "172.17.0.40", protocol: 4 },
        innerMacs: null,
        vni: null,
        overhead: 20,
      },
    ]);
    const [wrapped] = stepsOf(story.request, "frame", "controlplane").filter((frame) => frame.interface === "ens3");
    expect(wrapped?.headers.map(({ layer }) => layer)).toEqual(["ethernet", "ipv4", "ipv4", "icmp"]);
    expect(headersOf(wrapped, "ipv4")).toMatchObject([
      { source: "172.17.0.32", destination: "172.17.0.40", protocol: 4 },
      { source: lab.address(from), destination: lab.address(to), protocol: 1, ttl: 63 },
    ]);
    expect(stepsOf(story.request, "decapsulate")).toMatchObject([
      { place: "node01", mode: "ipip", interface: "tunl0" },
    ]);
  });

  it("a firewall that drops protocol 4 at the other node is named", async () => {
    await lab.out(
      "node01",
      "nft",
      "add table ip strict; add chain ip strict in { type filter hook input priority 0; }; add rule ip strict in ip protocol 4 drop",
    );
    try {
      const { story: lost } = await walk(lab, from, to, "--wait", "2");
      expect(lost.loss).toMatchObject({ of: "request", last: { place: "node01", interface: "ens3", direction: "in" } });
      expect(reasonsOf(lost, "rule")).toMatchObject([
        { place: "node01", table: "ip strict", chain: "in", hook: "input" },
      ]);
    } finally {
      await lab.out("node01", "nft", "delete", "table", "ip", "strict");
    }
  });
});

describe("across a router, with IPIP's CrossSubnet", () => {
  const lab = new TestLab(topology("crosssubnet"));
  beforeAll(async () => {
    await lab.up();
    await eventually(
      () => lab.out("node-a", "ip", "route"),
      (text) => text.includes("dev tunl0 proto bird onlink") && text.includes("dev ens33 proto bird"),
      60_000,
    );
  });
  afterAll(async () => {
    expect(await lab.down()).toEqual([]);
  });

  it("nothing is wrapped around a packet of the same subnet; one to the other goes by tunl0 through the router", async () => {
    const near = await walk(lab, "pod-a", "pod-b", "--wait", "5");
    expect(near.story.outcome).toBe("answered");
    expect(stepsOf(near.story.request, "encapsulate")).toEqual([]);
    const far = await walk(lab, "pod-a", "pod-c", "--wait", "5");
    expect(far.story.outcome).toBe("answered");
    expect(wayOf(far.story.request).slice(2, 8)).toEqual([
      "node-a tunl0 out",
      "node-a ens33 out",
      "gateway eth0 in",
      "gateway eth1 out",
      "node-c ens33 in",
      "node-c tunl0 in",
    ]);
    expect(stepsOf(far.story.request, "frame", "gateway").map((frame) => headersOf(frame, "ipv4")[0])).toMatchObject([
      { source: "192.168.100.100", destination: "192.168.200.101", protocol: 4 },
      { source: "192.168.100.100", destination: "192.168.200.101", protocol: 4 },
    ]);
  });
});

describe("in a tunnel made by hand, as the walk-through makes it", () => {
  const lab = new TestLab(topology("tunnel-by-hand"));
  beforeAll(() => lab.up());
  afterAll(async () => {
    expect(await lab.down()).toEqual([]);
  });

  it("without it the machine between routes, and TTL 63 arrives", async () => {
    const { story } = await walk(lab, "ns1", "10.10.20.1", "--wait", "5");
    expect(story.outcome).toBe("answered");
    expect(story.ttl).toEqual({ request: [64, 63], reply: [64, 63] });
    expect(wayOf(story.request)).toEqual(["ns1 v1 out", "host v1_p in", "host v2_p out", "ns2 v2 in"]);
    expect(stepsOf(story.request, "cable")).toMatchObject([
      { from: { place: "ns1", interface: "v1" }, to: { place: "host", interface: "v1_p" } },
      { from: { place: "host", interface: "v2_p" }, to: { place: "ns2", interface: "v2" } },
    ]);
  });

  it("by it the machine between sees one packet around the other, alike at both ends of a veth pair", async () => {
    const { story } = await walk(lab, "ns1", "10.10.200.20", "--wait", "5");
    expect(story).toMatchObject({
      outcome: "answered",
      probe: { source: "10.10.100.10" },
      ttl: { request: [64], reply: [64] },
    });
    expect(wayOf(story.request)).toEqual([
      "ns1 tunl1 out",
      "ns1 v1 out",
      "host v1_p in",
      "host v2_p out",
      "ns2 v2 in",
      "ns2 tunl2 in",
    ]);
    const [bare, ...others] = stepsOf(story.request, "frame");
    expect(bare?.headers.map(({ layer }) => layer)).toEqual(["ipv4", "icmp"]);
    for (const frame of others.slice(0, 4)) {
      expect(frame.headers.map(({ layer }) => layer)).toEqual(["ethernet", "ipv4", "ipv4", "icmp"]);
      expect(headersOf(frame, "ipv4")).toMatchObject([
        { source: "10.10.10.1", destination: "10.10.20.1", protocol: 4 },
        { source: "10.10.100.10", destination: "10.10.200.20", protocol: 1, ttl: 64 },
      ]);
    }
    expect(others[0]?.headers).toEqual(others[1]?.headers);
    expect(stepsOf(story.request, "encapsulate")).toMatchObject([
      { place: "ns1", interface: "tunl1", mode: "ipip", overhead: 20 },
    ]);
    expect(stepsOf(story.request, "route", "host")).toMatchObject([{ destination: "10.10.20.1", interface: "v2_p" }]);
  });
});
