import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Story } from "@ocicat/walk";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, TestLab } from "./support/lab.ts";
import { headersOf, reasonsOf, stepsOf, walk, wayOf } from "./support/walk.ts";

function topology(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../packages/lab/topologies/${name}.yaml`, import.meta.url)), "utf8");
}

async function macOf(lab: TestLab, where: string, name: string): Promise<string> {
  const [shown] = JSON.parse(await lab.out(where, "ip", "-j", "link", "show", name)) as { address: string }[];
  return shown?.address ?? "";
}

describe("in VXLAN", () => {
  const lab = new TestLab(topology("vxlan"));
  const [from, to] = ["busybox-deployment-8c7dc8548-8bxnw", "busybox-deployment-8c7dc8548-kmxst"];
  let story: Story;

  beforeAll(async () => {
    await lab.up();
    await eventually(
      () => lab.out("controlplane", "ip", "route"),
      (text) => text.includes("vxlan.calico onlink"),
    );
    ({ story } = await walk(lab, from, to));
  });
  afterAll(async () => {
    expect(await lab.down()).toEqual([]);
  });

  it("a packet goes by the tunnel's device and by the node's own interface, at both ends", () => {
    expect(story.outcome).toBe("answered");
    expect(wayOf(story.request)).toEqual([
      `${from} eth0 out`,
      "controlplane cali… in",
      "controlplane vxlan.calico out",
      "controlplane ens3 out",
      "node01 ens3 in",
      "node01 vxlan.calico in",
      "node01 cali… out",
      `${to} eth0 in`,
    ]);
    expect(story.ttl).toEqual({ request: [64, 63, 62], reply: [64, 63, 62] });
  });

  it("the block's route names the other end of the tunnel, and the agent says why", () => {
    const [route] = stepsOf(story.request, "route", "controlplane");
    expect(route).toMatchObject({ meaning: "vxlan", interface: "vxlan.calico" });
    expect(route?.route).toMatch(/^(192\.168\.\d+\.\d+)\/26 via \1 dev vxlan\.calico onlink$/);
    expect(route?.why).toContain("VXLAN");
  });

  it("the other end's MAC is set, not asked for, and the forwarding table has the node behind it", async () => {
    const step = stepsOf(story.request, "neighbour", "controlplane").find((one) => one.interface === "vxlan.calico");
    expect(step).toMatchObject({ how: "known", state: "PERMANENT", tunnelTo: "172.17.0.40" });
    expect(step?.mac).toBe(await macOf(lab, "node01", "vxlan.calico"));
  });

  it("node addresses and MACs are wrapped around it: UDP 4789, VNI 4096, both Ethernet headers, 50 bytes", async () => {
    const outside = {
      source: await macOf(lab, "controlplane", "ens3"),
      destination: await macOf(lab, "node01", "ens3"),
    };
    const inside = {
      source: await macOf(lab, "controlplane", "vxlan.calico"),
      destination: await macOf(lab, "node01", "vxlan.calico"),
    };
    const outer = { source: "172.17.0.32", destination: "172.17.0.40", protocol: 17 };
    expect(stepsOf(story.request, "encapsulate")).toMatchObject([
      {
        place: "controlplane",
        mode: "vxlan",
        interface: "vxlan.calico",
        vni: 4096,
        port: 4789,
        overhead: 50,
        outer: { ...outer, source: "172.17.0.15", ttl: 64, macs: outside },
        innerMacs: inside,
      },
    ]);
    expect(stepsOf(story.request, "decapsulate")).toMatchObject([{ place: "node01", mode: "vxlan", vni: 4096 }]);
    const [wrapped] = stepsOf(story.request, "frame", "controlplane").filter((frame) => frame.interface === "ens3");
    expect(wrapped?.headers.map(({ layer }) => layer)).toEqual([
      "ethernet",
      "ipv4",
      "udp",
      "vxlan",
      "ethernet",
      "ipv4",
      "icmp",
    ]);
    expect(headersOf(wrapped, "udp")).toMatchObject([{ destinationPort: 4789 }]);
    expect(headersOf(wrapped, "ethernet")).toMatchObject([outside, inside]);
    expect(headersOf(wrapped, "ipv4")).toMatchObject([
      { source: "172.17.0.15", destination: "172.17.0.40" },
      { source: lab.address(from), destination: lab.address(to), ttl: 63 },
    ]);
  });

  it("what does not fit with the 50 bytes is told by ICMP with what would", async () => {
    expect((await walk(lab, from, to, "--size", "1450")).story.outcome).toBe("answered");
    const { story: large } = await walk(lab, from, to, "--size", "1451", "--wait", "1");
    // The pod's interface is made for the tunnel: it is its own kernel that says so.
    expect(large.loss).toMatchObject({ last: null });
    expect(reasonsOf(large, "too-big")).toMatchObject([{ place: from, mtu: 1450 }]);
  });

  it("a forwarding entry that is gone is found to be", async () => {
    const mac = await macOf(lab, "node01", "vxlan.calico");
    // Nobody is to put it back meanwhile.
    await lab.lab.kill("agent-controlplane");
    await lab.out("controlplane", "bridge", "fdb", "del", mac, "dev", "vxlan.calico", "dst", "172.17.0.40");
    try {
      const { story: lost } = await walk(lab, from, to, "--wait", "0.3");
      expect(lost.loss?.last).toEqual({ place: "controlplane", interface: "vxlan.calico", direction: "out" });
      expect(reasonsOf(lost, "no-forwarding-entry")).toEqual([
        { reason: "no-forwarding-entry", place: "controlplane", interface: "vxlan.calico", mac },
      ]);
    } finally {
      await lab.lab.restartAgent("controlplane");
    }
    await eventually(
      () => lab.out("controlplane", "bridge", "fdb", "show", "dev", "vxlan.calico"),
      (text) => text.includes(mac),
    );
  });

  it("a firewall that drops UDP 4789 at the other node is named", async () => {
    await lab.out(
      "node01",
      "nft",
      "add table inet strict; add chain inet strict in { type filter hook input priority 0; }; add rule inet strict in udp dport 4789 drop",
    );
    try {
      const { story: lost } = await walk(lab, to, from, "--wait", "0.3");
      // There and back are two packets: the way there leaves node01 and is not touched.
      expect(lost.loss).toMatchObject({ of: "reply", last: { place: "node01", interface: "ens3", direction: "in" } });
      expect(reasonsOf(lost, "rule")).toMatchObject([
        { place: "node01", table: "inet strict", chain: "in", hook: "input", certain: true },
      ]);
    } finally {
      await lab.out("node01", "nft", "delete", "table", "inet", "strict");
    }
  });
});

describe("across a router, with CrossSubnet", () => {
  const yaml = topology("crosssubnet")
    .replace("ipipMode: CrossSubnet", "ipipMode: Never")
    .replace("vxlanMode: Never", "vxlanMode: CrossSubnet");
  const lab = new TestLab(yaml);
  beforeAll(async () => {
    await lab.up();
    await eventually(
      () => lab.out("node-a", "ip", "route"),
      (text) => text.includes("vxlan.calico onlink") && text.includes("via 192.168.100.101 dev ens33"),
    );
  });
  afterAll(async () => {
    expect(await lab.down()).toEqual([]);
  });

  it("within a subnet nothing is wrapped around the packet", async () => {
    const { story } = await walk(lab, "pod-a", "pod-b");
    expect(story.outcome).toBe("answered");
    expect(stepsOf(story.request, "encapsulate")).toEqual([]);
    expect(stepsOf(story.request, "route", "node-a")).toMatchObject([{ meaning: "block", via: "192.168.100.101" }]);
  });

  it("to the other the router sees nodes' addresses only, and forwards them", async () => {
    const { story } = await walk(lab, "pod-a", "pod-c");
    expect(story.outcome).toBe("answered");
    expect(wayOf(story.request).slice(2, 8)).toEqual([
      "node-a vxlan.calico out",
      "node-a ens33 out",
      "gateway eth0 in",
      "gateway eth1 out",
      "node-c ens33 in",
      "node-c vxlan.calico in",
    ]);
    expect(story.ttl.request).toEqual([64, 63, 62]);
    const atRouter = stepsOf(story.request, "frame", "gateway");
    expect(atRouter.map((frame) => headersOf(frame, "ipv4")[0])).toMatchObject([
      { source: "192.168.100.100", destination: "192.168.200.101", ttl: 64 },
      { source: "192.168.100.100", destination: "192.168.200.101", ttl: 63 },
    ]);
    expect(stepsOf(story.request, "forward", "gateway")).toMatchObject([{ ttl: { before: 64, after: 63 } }]);
    expect(stepsOf(story.request, "route", "gateway")).toMatchObject([
      { destination: "192.168.200.101", meaning: "connected" },
    ]);
  });
});

describe("in IPv6", () => {
  const lab = new TestLab(topology("dual-stack"));
  const address6 = (pod: string) =>
    lab.lab
      .pods()
      .find(pod)
      ?.addresses.find((address) => address.includes(":")) ?? "";
  beforeAll(async () => {
    await lab.up();
    await eventually(
      () => lab.exec("pod1", "ping", "-6", "-c", "1", "-W", "1", address6("pod2")),
      ({ code }) => code === 0,
    );
  });
  afterAll(async () => {
    expect(await lab.down()).toEqual([]);
  });

  it("a pod finds its gateway by neighbour discovery, which has that address", async () => {
    const { story } = await walk(lab, "pod1", "pod2", "-6");
    expect(story).toMatchObject({
      outcome: "answered",
      probe: { source: address6("pod1"), destination: address6("pod2") },
    });
    expect(story.ttl).toEqual({ request: [64, 63, 62], reply: [64, 63, 62] });
    expect(stepsOf(story.request, "neighbour", "pod1")).toMatchObject([
      {
        protocol: "nd",
        how: "asked",
        address: "fe80::ecee:eeff:feee:eeee",
        mac: "ee:ee:ee:ee:ee:ee",
        answeredBy: { place: "node1", hasAddress: true },
      },
    ]);
    expect(stepsOf(story.request, "route", "node1")).toMatchObject([
      { meaning: "block", protocol: "bird", interface: "ens33" },
    ]);
    expect(headersOf(stepsOf(story.request, "frame").at(-1), "ipv6")).toMatchObject([{ hopLimit: 62, protocol: 58 }]);
  });

  it("the same pods are reached by IPv4 unless told otherwise", async () => {
    expect((await walk(lab, "pod1", "pod2")).story.probe.destination).toBe(lab.lab.pods().find("pod2")?.addresses[0]);
  });

  it("what no route leads to is told by ICMPv6, TCP and UDP go as well", async () => {
    const { story } = await walk(lab, "pod1", "2001:db8:ffff::1", "--wait", "2");
    expect(story.errors).toMatchObject([{ says: "no route", place: "gateway", arrived: true }]);
    expect(reasonsOf(story, "no-route")).toMatchObject([{ place: "gateway" }]);
    expect((await walk(lab, "pod1", address6("pod2"), "--port", "81")).story.outcome).toBe("refused");
    const udp = await walk(lab, "pod1", address6("pod2"), "--port", "81", "--protocol", "udp");
    expect(udp.story).toMatchObject({ outcome: "refused", errors: [{ says: "port unreachable" }] });
  });
});
