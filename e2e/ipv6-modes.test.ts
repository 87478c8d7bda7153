import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, pingCounts, TestLab } from "./support/lab.ts";
import { allSwitches } from "./support/modes.ts";
import { underPings } from "./support/switch-under-traffic.ts";

/** Two nodes in one subnet, a third across a router that knows nothing of pods. Pods have IPv6 alone. */
const TOPOLOGY = `
segments: [rack1, rack2]
routers:
  - name: gateway
    interfaces:
      - { segment: rack1, address: 192.168.100.1/24, address6: "fd00:100::1/64" }
      - { segment: rack2, address: 192.168.200.1/24, address6: "fd00:200::1/64" }
nodes:
  - { name: node1, segment: rack1, address: 192.168.100.100/24, gateway: 192.168.100.1,
      address6: "fd00:100::100/64", gateway6: "fd00:100::1" }
  - { name: node2, segment: rack1, address: 192.168.100.101/24, gateway: 192.168.100.1,
      address6: "fd00:100::101/64", gateway6: "fd00:100::1" }
  - { name: node3, segment: rack2, address: 192.168.200.101/24, gateway: 192.168.200.1,
      address6: "fd00:200::101/64", gateway6: "fd00:200::1" }
datastore: node1
pools:
  - { name: six, cidr: "fd00:10:244::/64", blockSize: 122, vxlanMode: Never, natOutgoing: true }
pods:
  - { name: pod1, node: node1 }
  - { name: pod2, node: node2 }
  - { name: pod3, node: node3 }
`;

const NODES = { node1: "fd00:100::100", node2: "fd00:100::101", node3: "fd00:200::101" } as const;
type NodeName = keyof typeof NODES;
const NAMES = Object.keys(NODES) as NodeName[];

/** Of the pool's vxlanMode. */
const MODES = { never: "Never", "vxlan-always": "Always", "vxlan-cross": "CrossSubnet" } as const;
type Mode = keyof typeof MODES;

const lab = new TestLab(TOPOLOGY);
beforeAll(() => lab.up());
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

async function routes(node: string): Promise<readonly string[]> {
  const text = await lab.out(node, "ip", "-6", "route");
  return text.split("\n").map((line) => line.replace(/ pref medium\s*$/, "").trim());
}

async function blocks(): Promise<ReadonlyMap<NodeName, string>> {
  const own = await Promise.all(
    NAMES.map(async (name) => {
      const line = (await routes(name)).find((route) => route.startsWith("blackhole"));
      return [name, line?.split(" ")[1] ?? ""] as const;
    }),
  );
  return new Map(own);
}

/** The seeds' way: get, edit, apply. */
function apply(mode: Mode): void {
  const file = join(tmpdir(), `${lab.name}-ippool.yaml`);
  writeFileSync(file, lab.ocicat("get", "ippool", "six", "-o", "yaml").stdout);
  writeFileSync(file, readFileSync(file, "utf8").replace(/vxlanMode: \w+/, `vxlanMode: ${MODES[mode]}`));
  const { stdout, stderr } = lab.ocicat("apply", "-f", file);
  rmSync(file);
  expect(stdout, stderr).toBe("Successfully applied 1 'IPPool' resource(s)\n");
}

/** The address of a node's VXLAN device, from its own kernel. */
async function tunnelAddress(node: NodeName): Promise<string> {
  const shown = await lab.exec(node, "ip", "-6", "-o", "address", "show", "dev", "vxlan-v6.calico", "scope", "global");
  return /inet6 (\S+)\/128/.exec(shown.stdout)?.[1] ?? "no device";
}

async function expected(mode: Mode, from: NodeName, to: NodeName, block: string): Promise<string | undefined> {
  const near = (from === "node3") === (to === "node3");
  if (mode === "never" || (mode === "vxlan-cross" && near)) {
    const protocol = mode === "never" ? "bird" : "80";
    return near ? `${block} via ${NODES[to]} dev ens33 proto ${protocol} metric 1024` : undefined;
  }
  return `${block} via ${await tunnelAddress(to)} dev vxlan-v6.calico metric 1024 onlink`;
}

/** Resolves when every node's routes to every other are those of the mode. */
async function settled(mode: Mode): Promise<void> {
  const own = await blocks();
  const look = async () => {
    const wrong: string[] = [];
    for (const from of NAMES) {
      const present = await routes(from);
      for (const [to, block] of own) {
        if (from === to) continue;
        const actual = present.find((line) => line.startsWith(`${block} `));
        const wanted = await expected(mode, from, to, block);
        if (actual !== wanted) wrong.push(`${from}: ${actual ?? "no route"}, not ${wanted ?? "none"}`);
      }
    }
    return wrong;
  };
  await eventually(look, (wrong) => wrong.length === 0, 40_000);
}

describe("a pod of IPv6 alone", () => {
  it("has one address, no route of IPv4, and reaches the others of its subnet", async () => {
    await settled("never");
    expect(lab.lab.pods().find("pod1")?.addresses).toEqual([expect.stringMatching(/^fd00:10:244:/)]);
    expect((await lab.out("pod1", "ip", "-4", "route")).trim()).toBe("");
    const ping = await lab.out("pod1", "ping", "-n", "-c", "1", "-W", "2", lab.address("pod2"));
    expect(pingCounts(ping)).toEqual({ sent: 1, received: 1 });
    const far = await lab.exec("pod1", "ping", "-n", "-c", "1", "-W", "1", lab.address("pod3"));
    expect(pingCounts(far.stdout).received).toBe(0);
  });
});

describe("an IPv6 pool's mode, changed while packets flow", () => {
  const switches = allSwitches(["never", "vxlan-always", "vxlan-cross"]) as readonly Mode[];

  it.each(switches.slice(1).map((to, index) => [switches[index] ?? to, to] as const))(
    "%s → %s loses no ping, at one a millisecond, in either direction",
    (from, to) =>
      underPings(lab, from, to, async () => {
        apply(to);
        await settled(to);
      }),
    60_000,
  );

  it("leaves neither device nor address behind once it is Never", async () => {
    apply("never");
    await settled("never");
    await eventually(
      async () => {
        const links = await Promise.all(NAMES.map((name) => lab.out(name, "ip", "-br", "link")));
        const present = await Promise.all(NAMES.map(routes));
        return [...links, ...present.flat()].filter((text) => text.includes("vxlan-v6.calico"));
      },
      (left) => left.length === 0,
      40_000,
    );
    expect(lab.ocicat("get", "nodes", "-o", "yaml").stdout).not.toMatch(/ipv6VXLANTunnelAddr: \S*fd00/);
  });
});

describe("on the wire", () => {
  it("VXLAN over IPv6 has UDP port 4789 and VNI 4096 between the nodes, and the pods' packets within", async () => {
    apply("vxlan-always");
    await settled("vxlan-always");
    const capture = await lab.capture("node2", "ens33", "ip6 and udp port 4789");
    const ping = await lab.out("pod1", "ping", "-n", "-c", "2", "-i", "0.2", "-W", "2", lab.address("pod2"));
    expect(pingCounts(ping)).toEqual({ sent: 2, received: 2 });
    await capture.stop();
    const requests = await capture.read("icmpv6.type == 128", "ipv6.src", "ipv6.dst", "udp.dstport", "vxlan.vni");
    const addresses = [`${NODES.node1},${lab.address("pod1")}`, `${NODES.node2},${lab.address("pod2")}`];
    expect(new Set(requests)).toEqual(new Set([[...addresses, "4789", "4096"].join("\t")]));
    capture.forget();
  });

  it("CrossSubnet encapsulates across the router, and not inside a subnet", async () => {
    apply("vxlan-cross");
    await settled("vxlan-cross");
    const capture = await lab.capture("node1", "ens33", "ip6 and (udp port 4789 or icmp6)");
    for (const to of ["pod2", "pod3"]) {
      const ping = await lab.out("pod1", "ping", "-n", "-c", "2", "-i", "0.2", "-W", "2", lab.address(to));
      expect(pingCounts(ping)).toEqual({ sent: 2, received: 2 });
    }
    await capture.stop();
    expect(await capture.read(`icmpv6.type == 128 && !vxlan`, "ipv6.dst")).toEqual([
      lab.address("pod2"),
      lab.address("pod2"),
    ]);
    expect(await capture.read(`icmpv6.type == 128 && vxlan`, "ipv6.dst")).toEqual([
      `${NODES.node3},${lab.address("pod3")}`,
      `${NODES.node3},${lab.address("pod3")}`,
    ]);
    capture.forget();
  });
});
