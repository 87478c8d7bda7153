import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FrameStep, Story } from "@ocicat/walk";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, OCICAT, TestLab } from "./support/lab.ts";
import { headersOf, reasonsOf, routesOf, stepsOf, walk, wayOf } from "./support/walk.ts";

const lab = new TestLab();
const directory = mkdtempSync(join(tmpdir(), "oct-walk-"));

beforeAll(() => lab.up());
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  expect(await lab.down()).toEqual([]);
});

const GATEWAY = "169.254.1.1";
const EES = "ee:ee:ee:ee:ee:ee";
const ECHO = { layer: "icmp", type: 8, code: 0 };

/** A link's number, MAC and such, as `ip` tells them. */
async function link(where: string, name: string) {
  const [shown] = JSON.parse(await lab.out(where, "ip", "-j", "link", "show", name)) as {
    ifindex: number;
    address: string;
    link_index?: number;
    mtu: number;
  }[];
  if (shown === undefined) throw new Error(`${where} has no ${name}`);
  return shown;
}

/** The host's end of a pod's cable. */
async function hostEnd(pod: string, node: string): Promise<string> {
  const [route] = JSON.parse(await lab.out(node, "ip", "-j", "route", "show", lab.address(pod))) as { dev: string }[];
  return route?.dev ?? "";
}

function blockOf(address: string): string {
  const [a, b, c, d = "0"] = address.split(".");
  return `${a}.${b}.${c}.${Number(d) & 0xc0}/26`;
}

/** An address that no pod has, in the block of one that has. */
function unusedBeside(pod: string): string {
  const [a, b, c, d = "0"] = lab.address(pod).split(".");
  return `${a}.${b}.${c}.${(Number(d) & 0xc0) + 50}`;
}

describe("from a pod to another of the same node", () => {
  let story: Story;
  beforeAll(async () => {
    const walked = await walk(lab, "pod1", "pod3");
    expect(walked.code).toBe(0);
    ({ story } = walked);
  });

  it("is answered", () => {
    expect(story).toMatchObject({
      version: 1,
      outcome: "answered",
      from: { place: "pod1", kind: "pod", node: "node1", address: lab.address("pod1") },
      to: { place: "pod3", kind: "pod", node: "node1", address: lab.address("pod3") },
      loss: null,
      errors: [],
      partial: false,
    });
  });

  it("passes the pod, its node and the other pod, and no bridge", () => {
    expect(wayOf(story.request)).toEqual(["pod1 eth0 out", "node1 cali… in", "node1 cali… out", "pod3 eth0 in"]);
    expect(wayOf(story.reply)).toEqual(["pod3 eth0 out", "node1 cali… in", "node1 cali… out", "pod1 eth0 in"]);
  });

  it("takes two look-ups: the pod's default route, and the node's to the other pod's interface", async () => {
    const out = await hostEnd("pod3", "node1");
    expect(routesOf(story.request)).toEqual([
      { place: "pod1", meaning: "gateway", route: `default via ${GATEWAY} dev eth0` },
      { place: "node1", meaning: "pod", route: `${lab.address("pod3")} dev ${out} scope link` },
      { place: "pod3", meaning: "local", route: expect.stringContaining(`local ${lab.address("pod3")} dev eth0`) },
    ]);
    expect(stepsOf(story.request, "route", "node1")[0]?.why).toContain("default/pod3 runs here");
  });

  it(`asks for ${GATEWAY}, and the node answers with ${EES} though it has no such address`, async () => {
    const [asked] = stepsOf(story.request, "neighbour", "pod1");
    const cali = await hostEnd("pod1", "node1");
    expect(asked).toMatchObject({
      how: "asked",
      protocol: "arp",
      interface: "eth0",
      address: GATEWAY,
      mac: EES,
      answeredBy: { place: "node1", interface: cali, hasAddress: false, proxyArp: true },
    });
    expect(await lab.out("node1", "ip", "-4", "address")).not.toContain(GATEWAY);
    expect((await lab.out("node1", "cat", `/proc/sys/net/ipv4/conf/${cali}/proxy_arp`)).trim()).toBe("1");
  });

  it("sends with the pod's MAC to the gateway's, and between the same addresses all the way", async () => {
    const [first, ...others] = stepsOf(story.request, "frame");
    const [mine, theirs] = [(await link("pod1", "eth0")).address, (await link("pod3", "eth0")).address];
    expect(headersOf(first, "ethernet")).toEqual([
      { layer: "ethernet", source: mine, destination: EES, etherType: 0x0800 },
    ]);
    expect(headersOf(others.at(-1), "ethernet")).toMatchObject([{ source: EES, destination: theirs }]);
    for (const frame of [first, ...others]) {
      expect(headersOf(frame, "ipv4")).toMatchObject([
        { source: lab.address("pod1"), destination: lab.address("pod3"), protocol: 1 },
      ]);
      expect(headersOf(frame, "icmp")).toMatchObject([ECHO]);
    }
    expect(stepsOf(story.request, "translate")).toEqual([]);
  });

  it("goes through the veth pairs that `ip link` and `ethtool -S` tell by their numbers", async () => {
    const cali = await hostEnd("pod1", "node1");
    const [inner, outer] = [await link("pod1", "eth0"), await link("node1", cali)];
    expect(stepsOf(story.request, "cable")[0]).toEqual({
      step: "cable",
      from: { place: "pod1", interface: "eth0", index: inner.ifindex, peerIndex: outer.ifindex },
      to: { place: "node1", interface: cali, index: outer.ifindex, peerIndex: inner.ifindex },
    });
    expect(await lab.out("pod1", "ethtool", "-S", "eth0")).toContain(`peer_ifindex: ${outer.ifindex}`);
  });

  it("arrives with TTL 63, one less than sent", () => {
    expect(story.ttl).toEqual({ request: [64, 63], reply: [64, 63] });
    expect(stepsOf(story.request, "forward")).toMatchObject([{ place: "node1", ttl: { before: 64, after: 63 } }]);
  });
});

describe("from a pod to one of another node, un-encapsulated", () => {
  let story: Story;
  beforeAll(async () => {
    ({ story } = await walk(lab, "pod1", "pod2", "-w", directory));
  });

  it("passes both nodes by the interfaces that they have beside", () => {
    expect(story.outcome).toBe("answered");
    expect(wayOf(story.request)).toEqual([
      "pod1 eth0 out",
      "node1 cali… in",
      "node1 ens33 out",
      "node2 ens33 in",
      "node2 cali… out",
      "pod2 eth0 in",
    ]);
    expect(wayOf(story.reply)).toEqual([
      "pod2 eth0 out",
      "node2 cali… in",
      "node2 ens33 out",
      "node1 ens33 in",
      "node1 cali… out",
      "pod1 eth0 in",
    ]);
  });

  it("is routed by the block's route from BGP there, and by the pod's own at the other end", () => {
    const [there, back] = [blockOf(lab.address("pod2")), blockOf(lab.address("pod1"))];
    const atNode1 = stepsOf(story.request, "route", "node1");
    expect(atNode1).toMatchObject([
      {
        meaning: "block",
        route: `${there} via 192.168.0.82 dev ens33 proto bird`,
        matched: there,
        via: "192.168.0.82",
        protocol: "bird",
      },
    ]);
    expect(atNode1[0]?.why).toContain("learned by BGP from node2");
    expect(stepsOf(story.request, "route", "node2")).toMatchObject([{ meaning: "pod", matched: lab.address("pod2") }]);
    expect(stepsOf(story.reply, "route", "node2")).toMatchObject([
      { meaning: "block", route: `${back} via 192.168.0.81 dev ens33 proto bird` },
    ]);
  });

  it("has TTL 64, 63, 62, both ways", () => {
    expect(story.ttl).toEqual({ request: [64, 63, 62], reply: [64, 63, 62] });
  });

  it("is wrapped in nothing: one IP header in each frame, one Ethernet header, new MACs at each hop", async () => {
    const frames = [...stepsOf(story.request, "frame"), ...stepsOf(story.reply, "frame")];
    for (const frame of frames) {
      expect(frame.headers.map(({ layer }) => layer)).toEqual(["ethernet", "ipv4", "icmp"]);
    }
    expect([...stepsOf(story.request, "encapsulate"), ...stepsOf(story.request, "translate")]).toEqual([]);
    const between = {
      source: (await link("node1", "ens33")).address,
      destination: (await link("node2", "ens33")).address,
    };
    const [onTheLan] = stepsOf(story.request, "frame", "node1").filter(({ direction }) => direction === "out");
    expect(headersOf(onTheLan, "ethernet")).toMatchObject([between]);
    const pairs = frames.slice(0, 6).map((frame) => headersOf(frame, "ethernet")[0]?.destination);
    expect(new Set(pairs).size).toBe(3);
  });

  it("is written as captures that tshark reads alike, frame by frame", () => {
    const files = readdirSync(directory);
    const frames = [...stepsOf(story.request, "frame"), ...stepsOf(story.reply, "frame")];
    for (const frame of frames) {
      const name = `${frame.place}-${frame.interface}.pcap`;
      expect(files).toContain(name);
      expect(tshark(join(directory, name))).toContainEqual(fieldsOf(frame));
    }
    const arp = spawnSync(
      "tshark",
      ["-r", join(directory, "pod1-eth0.pcap"), "-Y", `arp.dst.proto_ipv4 == ${GATEWAY}`],
      { encoding: "utf8" },
    );
    expect(arp.stdout).toContain(`Who has ${GATEWAY}?`);
  });
});

/** What tshark reads of each echo in a capture. */
function tshark(file: string): readonly string[] {
  const fields = ["eth.src", "eth.dst", "ip.src", "ip.dst", "ip.ttl", "icmp.type", "icmp.ident", "frame.len"];
  const args = ["-r", file, "-Y", "icmp", "-T", "fields", ...fields.flatMap((field) => ["-e", field])];
  return spawnSync("tshark", args, { encoding: "utf8" }).stdout.trim().split("\n");
}

function fieldsOf(frame: FrameStep): string {
  const [ethernet] = headersOf(frame, "ethernet");
  const [echo] = headersOf(frame, "icmp");
  return [
    ethernet?.source,
    ethernet?.destination,
    frame.source,
    frame.destination,
    frame.ttl,
    echo?.type,
    echo?.identifier,
    frame.length,
  ].join("\t");
}

describe("from a pod to the outside", () => {
  it("gets its node's address there, by the pool's masquerade, and its own again on the way back", async () => {
    const { story } = await walk(lab, "pod1", "203.0.113.10");
    expect(story).toMatchObject({ outcome: "answered", to: { place: "internet", kind: "host" } });
    expect(stepsOf(story.request, "translate")).toEqual([
      {
        step: "translate",
        place: "node1",
        field: "source",
        before: lab.address("pod1"),
        after: "192.168.0.81",
        rule: expect.stringContaining("masquerade"),
        why: expect.stringContaining("natOutgoing"),
      },
    ]);
    expect(stepsOf(story.reply, "translate")).toMatchObject([
      { place: "node1", field: "destination", before: "192.168.0.81", after: lab.address("pod1"), rule: null },
    ]);
    expect(wayOf(story.request).slice(3)).toEqual(["gateway eth0 in", "gateway eth1 out", "internet eth0 in"]);
  });

  it("begins at the name of a node or a host as well", async () => {
    const { story } = await walk(lab, "node1", "internet");
    expect(story).toMatchObject({ outcome: "answered", from: { place: "node1", address: "192.168.0.81" } });
  });
});

describe("TCP and UDP", () => {
  it("are refused where nobody listens", async () => {
    const tcp = await walk(lab, "pod1", "pod2", "--port", "81");
    expect(tcp).toMatchObject({ code: 0, story: { outcome: "refused", probe: { protocol: "tcp", port: 81 } } });
    const udp = await walk(lab, "pod1", "pod2", "--port", "81", "--protocol", "udp");
    expect(udp.story).toMatchObject({ outcome: "refused", errors: [{ says: "port unreachable", arrived: true }] });
  });

  it("are answered, and delivered, where somebody does", async () => {
    const listener = lab.start("pod2", process.execPath, "-e", LISTENERS);
    try {
      await eventually(
        () => lab.out("pod2", "ss", "-lntu"),
        (text) => text.includes(":8081") && text.includes(":8082"),
      );
      const tcp = await walk(lab, "pod1", "pod2", "--port", "8081");
      expect(tcp.story.outcome).toBe("answered");
      const flags = stepsOf(tcp.story.reply, "frame").map((frame) => headersOf(frame, "tcp")[0]?.flags);
      expect(flags[0]).toEqual(["SYN", "ACK"]);
      expect(stepsOf(tcp.story.request, "frame")).toHaveLength(6);
      const udp = await walk(lab, "pod1", "pod2", "--port", "8082", "--protocol", "udp", "--wait", "0.3");
      expect(udp).toMatchObject({ code: 0, story: { outcome: "delivered", loss: null } });
      const echoed = await walk(lab, "pod1", "pod2", "--port", "8083", "--protocol", "udp");
      expect(echoed.story.outcome).toBe("answered");
    } finally {
      listener.child.kill("SIGKILL");
      await listener.ended;
    }
  });
});

const LISTENERS = `
  require("node:net").createServer(() => {}).listen(8081);
  require("node:dgram").createSocket("udp4").bind(8082);
  const echo = require("node:dgram").createSocket("udp4");
  echo.on("message", (_, from) => echo.send("other words", from.port, from.address)).bind(8083);
`;

describe("a packet that does not arrive", () => {
  it("to an address of a block that no pod has ends in the block's black hole, at its node", async () => {
    const { code, story } = await walk(lab, "pod1", unusedBeside("pod2"), "--wait", "0.3");
    expect(code).toBe(1);
    expect(story).toMatchObject({
      outcome: "lost",
      to: { place: null },
      loss: { of: "request", last: { place: "node2", interface: "ens33", direction: "in" } },
    });
    expect(reasonsOf(story, "dead-route")).toEqual([
      {
        reason: "dead-route",
        place: "node2",
        destination: unusedBeside("pod2"),
        kind: "blackhole",
        route: `blackhole ${blockOf(lab.address("pod2"))} proto bird`,
        why: expect.stringContaining("block"),
      },
    ]);
  });

  it("where there is no route is told by ICMP, and by whom", async () => {
    const { story } = await walk(lab, "pod1", "198.51.100.1", "--wait", "2");
    expect(story.outcome).toBe("lost");
    expect(story.errors).toMatchObject([
      { says: "network unreachable", from: "192.168.0.1", place: "gateway", arrived: true },
    ]);
    expect(reasonsOf(story, "icmp")).toHaveLength(1);
    expect(reasonsOf(story, "no-route")).toEqual([
      { reason: "no-route", place: "gateway", destination: "198.51.100.1" },
    ]);
  });

  it("at a pod that is not there any more", async () => {
    await lab.lab.run("passing", "default", "node2");
    const address = lab.address("passing");
    await lab.lab.pods().remove("passing");
    await eventually(
      () => lab.out("node2", "ip", "route", "get", address).catch((error: unknown) => String(error)),
      (text) => !text.includes("dev cali"),
    );
    const { story } = await walk(lab, "pod1", address, "--wait", "0.3");
    expect(reasonsOf(story, "dead-route")).toMatchObject([{ place: "node2", kind: "blackhole" }]);
  });

  it("at a pod whose interface is down", async () => {
    await lab.out("pod2", "ip", "link", "set", "eth0", "down");
    try {
      const cali = await hostEnd("pod2", "node2");
      const { story } = await walk(lab, "pod1", "pod2", "--wait", "0.5");
      expect(story.loss?.last).toMatchObject({ place: "node2", direction: "in" });
      const down = reasonsOf(story, "interface-down");
      expect(down.map(({ place, interface: name }) => `${place} ${name}`)).toContain(`node2 ${cali}`);
    } finally {
      await lab.out("pod2", "ip", "link", "set", "eth0", "up");
      await lab.out("pod2", "ip", "route", "add", GATEWAY, "dev", "eth0", "scope", "link");
      await lab.out("pod2", "ip", "route", "add", "default", "via", GATEWAY);
    }
  });

  it("at a pod that does not answer for its address", async () => {
    await lab.out("pod2", "ip", "link", "set", "eth0", "arp", "off");
    const cali = await hostEnd("pod2", "node2");
    await lab.exec("node2", "ip", "neigh", "flush", "dev", cali);
    try {
      const { story } = await walk(lab, "pod1", "pod2", "--wait", "0.5");
      expect(reasonsOf(story, "no-neighbour")).toMatchObject([
        { place: "node2", interface: cali, address: lab.address("pod2"), asked: true },
      ]);
    } finally {
      await lab.out("pod2", "ip", "link", "set", "eth0", "arp", "on");
    }
    expect((await walk(lab, "pod1", "pod2")).story.outcome).toBe("answered");
  });

  it("out of a pod whose gateway does not answer", async () => {
    const cali = await hostEnd("pod1", "node1");
    const setting = `/proc/sys/net/ipv4/conf/${cali}/proxy_arp`;
    await lab.out("node1", "sh", "-c", `echo 0 > ${setting}`);
    try {
      const { story } = await walk(lab, "pod1", "pod2", "--wait", "0.5");
      expect(story.loss?.last).toBeNull();
      expect(stepsOf(story.request, "neighbour")).toMatchObject([
        { place: "pod1", how: "unanswered", address: GATEWAY },
      ]);
      expect(story.loss?.reasons).toEqual([
        expect.objectContaining({ reason: "no-neighbour", place: "pod1", asked: true }),
        { reason: "no-proxy-arp", place: "node1", interface: cali },
      ]);
    } finally {
      await lab.out("node1", "sh", "-c", `echo 1 > ${setting}`);
    }
  });

  it("out of a pod that has no route", async () => {
    await lab.out("pod3", "ip", "route", "del", "default");
    try {
      const { story } = await walk(lab, "pod3", "pod2");
      expect(story.loss).toMatchObject({ last: null });
      expect(reasonsOf(story, "refused")).toEqual([{ reason: "refused", place: "pod3", errno: "ENETUNREACH" }]);
      expect(reasonsOf(story, "no-route")).toMatchObject([{ place: "pod3" }]);
    } finally {
      await lab.out("pod3", "ip", "route", "add", "default", "via", GATEWAY, "dev", "eth0");
    }
  });

  it("through a foreign table's chain names it", async () => {
    await lab.out(
      "node2",
      "nft",
      "add table ip docker; add chain ip docker FORWARD { type filter hook forward priority 0; policy drop; }; add rule ip docker FORWARD tcp dport 22 accept; add rule ip docker FORWARD tcp sport 22 accept",
    );
    try {
      const { story } = await walk(lab, "pod1", "pod2", "--wait", "0.3");
      expect(story.loss).toMatchObject({ of: "request", last: { place: "node2", interface: "ens33" } });
      expect(story.loss?.reasons).toEqual([
        {
          reason: "rule",
          place: "node2",
          table: "ip docker",
          chain: "FORWARD",
          hook: "forward",
          rule: null,
          certain: true,
        },
      ]);
      expect((await walk(lab, "pod1", "pod2", "--port", "22")).story.outcome).toBe("refused");
    } finally {
      await lab.out("node2", "nft", "delete", "table", "ip", "docker");
    }
  });

  it("from an interface that no endpoint has meets our guard", async () => {
    const held = lab.ocicat("get", "wep", "-o", "json");
    const items = (JSON.parse(held.stdout) as { items: { metadata: { name: string } }[] }).items;
    const endpoint = items.find(({ metadata }) => metadata.name.includes("pod3"));
    const cali = await hostEnd("pod3", "node1");
    expect(lab.ocicat("delete", "wep", endpoint?.metadata.name ?? "").code).toBe(0);
    await eventually(
      () => lab.out("node1", "nft", "list", "table", "inet", "ocicat-guard"),
      (rules) => !rules.includes(cali),
    );
    // The node's way back to the address is the block's black hole now: not even the gateway answers.
    const silent = await walk(lab, "pod3", "pod2", "--wait", "0.3");
    expect(silent.story.loss).toMatchObject({ last: null });
    expect(reasonsOf(silent.story, "rp-filter")).toMatchObject([
      { place: "node1", interface: cali, strict: true, route: expect.stringContaining("blackhole") },
    ]);
    await lab.out("node1", "sh", "-c", `echo 0 > /proc/sys/net/ipv4/conf/${cali}/rp_filter`);
    const { story } = await walk(lab, "pod3", "pod2", "--wait", "0.3");
    expect(story.loss?.last).toEqual({ place: "node1", interface: cali, direction: "in" });
    expect(reasonsOf(story, "guard")).toEqual([
      { reason: "guard", place: "node1", interface: cali, hook: "prerouting", rule: expect.stringContaining("@known") },
    ]);
  });

  it("too large for a link on its way is told by ICMP, with what would fit", async () => {
    await lab.out("node1", "ip", "link", "set", "ens33", "mtu", "1400");
    try {
      const { story } = await walk(lab, "pod1", "pod2", "--size", "1401", "--wait", "2");
      expect(story.errors).toMatchObject([
        { mtu: 1400, says: "fragmentation needed, mtu 1400", place: "node1", arrived: true },
      ]);
      expect(reasonsOf(story, "too-big")).toEqual([
        { reason: "too-big", place: "node1", interface: "ens33", mtu: 1400, size: 1401 },
      ]);
      expect((await walk(lab, "pod1", "pod2", "--size", "1400")).story.outcome).toBe("answered");
    } finally {
      await lab.out("node1", "ip", "link", "set", "ens33", "mtu", "1500");
    }
    const own = await walk(lab, "pod1", "pod2", "--size", "1501");
    expect(own.story.loss).toMatchObject({
      last: null,
      reasons: [
        { reason: "refused", errno: "EMSGSIZE" },
        { reason: "too-big", place: "pod1", mtu: 1500 },
      ],
    });
  });

  it("from where its sender is not by the receiver's routes meets rp_filter", async () => {
    await lab.out(
      "gateway",
      "sh",
      "-c",
      "ip route add 192.168.0.81 dev eth1; echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter",
    );
    try {
      const { story } = await walk(lab, "pod1", "internet", "--wait", "0.3");
      expect(reasonsOf(story, "rp-filter")).toEqual([
        {
          reason: "rp-filter",
          place: "gateway",
          interface: "eth0",
          strict: true,
          source: "192.168.0.81",
          route: "192.168.0.81 dev eth1 scope link",
        },
      ]);
    } finally {
      await lab.out(
        "gateway",
        "sh",
        "-c",
        "ip route del 192.168.0.81 dev eth1; echo 0 > /proc/sys/net/ipv4/conf/eth0/rp_filter",
      );
    }
  });

  it("at a router that does not forward", async () => {
    await lab.out("gateway", "sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/eth0/forwarding");
    try {
      const { story } = await walk(lab, "pod1", "internet", "--wait", "0.3");
      expect(reasonsOf(story, "no-forwarding")).toEqual([
        { reason: "no-forwarding", place: "gateway", interface: "eth0" },
      ]);
    } finally {
      await lab.out("gateway", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/forwarding");
    }
  });

  it("on its way back is told apart", async () => {
    await lab.out(
      "node1",
      "nft",
      "add table inet odd; add chain inet odd c { type filter hook forward priority 5; }; add rule inet odd c icmp type echo-reply counter drop",
    );
    try {
      const { story } = await walk(lab, "pod1", "pod2", "--wait", "0.3");
      expect(story.loss).toMatchObject({ of: "reply", last: { place: "node1", interface: "ens33", direction: "in" } });
      expect(reasonsOf(story, "rule")).toMatchObject([
        { place: "node1", table: "inet odd", chain: "c", certain: false },
      ]);
    } finally {
      await lab.out("node1", "nft", "delete", "table", "inet", "odd");
    }
  });

  it("at a destination that does not answer", async () => {
    await lab.out("pod2", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all");
    try {
      const { story } = await walk(lab, "pod1", "pod2", "--wait", "0.3");
      expect(story.loss).toMatchObject({
        of: "reply",
        last: { place: "pod2", direction: "in" },
        reasons: [{ reason: "silence", place: "pod2" }],
      });
    } finally {
      await lab.out("pod2", "sh", "-c", "echo 0 > /proc/sys/net/ipv4/icmp_echo_ignore_all");
    }
  });
});

describe("on a node, which sees its own part", () => {
  const onNode = async (node: string, ...args: string[]) => {
    const command = [process.execPath, OCICAT, "walk", ...args, "-o", "json"] as const;
    return await lab.exec(node, "env", "ETCD_ENDPOINTS=http://192.168.0.80:2379", ...command);
  };

  it("a packet to another node is followed until it leaves, and its answer from where it comes in", async () => {
    const { code, stdout } = await onNode("node1", "default/pod1", lab.address("pod2"));
    const story = JSON.parse(stdout) as Story;
    expect(code).toBe(0);
    expect(story).toMatchObject({ outcome: "answered", partial: true, from: { place: "default/pod1", node: "node1" } });
    expect(wayOf(story.request)).toEqual(["default/pod1 eth0 out", "node1 cali… in", "node1 ens33 out"]);
    expect(wayOf(story.reply)).toEqual(["node1 ens33 in", "node1 cali… out", "default/pod1 eth0 in"]);
    expect(stepsOf(story.request, "neighbour", "default/pod1")).toMatchObject([
      { answeredBy: { place: "node1", proxyArp: true } },
    ]);
    expect(stepsOf(story.request, "route", "node1")[0]?.why).toContain("learned by BGP from node2");
  });

  it("one that is lost elsewhere has gone", async () => {
    const { code, stdout } = await onNode("node1", "pod1", unusedBeside("pod2"), "--wait", "0.3");
    expect(JSON.parse(stdout)).toMatchObject({ outcome: "gone", loss: null, partial: true });
    expect(code).toBe(0);
  });

  it("one between its own pods is seen whole", async () => {
    const { stdout } = await onNode("node2", "pod2", "192.168.0.82");
    expect(JSON.parse(stdout)).toMatchObject({ outcome: "answered", to: { place: "node2" } });
  });

  it("another node's pod cannot send from here", async () => {
    const { code, stderr } = await onNode("node2", "pod1", "pod2");
    expect(code).toBe(1);
    expect(stderr).toContain("default/pod1 is on node1");
  });
});

describe("the command", () => {
  const ocicat = (...args: string[]) =>
    spawnSync(process.execPath, [OCICAT, ...args, "--name", lab.name], { encoding: "utf8" });

  it("tells the story in English and in Chinese", () => {
    const english = ocicat("walk", "pod1", "pod2").stdout;
    expect(english).toContain("proxy_arp = 1");
    expect(english).toContain("Answered. TTL there 64 → 63 → 62, back 64 → 63 → 62.");
    const chinese = ocicat("walk", "pod1", "pod2", "--lang", "zh").stdout;
    expect(chinese).toContain("去程");
    expect(chinese).toContain("代答");
    expect(chinese).toContain("TTL 64 → 63 → 62");
  });

  it("leaves nothing behind but the pod's own knowledge", async () => {
    const before = await lab.out(
      "node1",
      "sh",
      "-c",
      "cat /proc/net/packet | wc -l; nft list ruleset | grep -v counter; ip route",
    );
    expect(ocicat("walk", "pod1", "pod2").status).toBe(0);
    expect(
      await lab.out("node1", "sh", "-c", "cat /proc/net/packet | wc -l; nft list ruleset | grep -v counter; ip route"),
    ).toBe(before);
    expect(await lab.out("pod1", "ip", "neigh", "show", GATEWAY)).toContain(EES);
  });

  it.each([
    [["pod1", "nobody"], 'there is no "nobody"'],
    [["pod1", "pod2", "--protocol", "udp"], "udp needs a port"],
    [["pod1", "pod2", "--port", "0"], '"0" is not a number from 1 to 65535'],
    [["pod1", "pod2", "--size", "20"], "--size: 20 is too small"],
    [["pod1", "pod2", "--wait", "soon"], '"soon" is not a time in seconds'],
    [["pod1", "fd00::1"], "have no address of one family"],
    [["pod1", "pod2", "-w", "/etc/hostname/caps"], "/etc/hostname/caps: captures cannot be written"],
  ])("refuses %j", (args, message) => {
    const result = ocicat("walk", ...args);
    expect(result.status).toBe(1);
    expect(result.stderr).toContain(message);
    expect(result.stdout).toBe("");
  });
});
