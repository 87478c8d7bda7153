import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, TestLab } from "./lab.ts";

/** Two nodes in one subnet, a third across a router that knows nothing of pods. */
const TOPOLOGY = `
segments: [rack1, rack2, outside]
routers:
  - name: gateway
    interfaces:
      - { segment: rack1, address: 192.168.100.1/24 }
      - { segment: rack2, address: 192.168.200.1/24 }
      - { segment: outside, address: 203.0.113.1/24 }
hosts:
  - { name: internet, segment: outside, address: 203.0.113.10/24, gateway: 203.0.113.1 }
nodes:
  - { name: node1, segment: rack1, address: 192.168.100.100/24, gateway: 192.168.100.1 }
  - { name: node2, segment: rack1, address: 192.168.100.101/24, gateway: 192.168.100.1 }
  - { name: node3, segment: rack2, address: 192.168.200.101/24, gateway: 192.168.200.1 }
datastore: node1
pools:
  - { name: default-ipv4-ippool, cidr: 10.244.0.0/16, ipipMode: IPIP, vxlanMode: VXLAN, natOutgoing: true }
pods:
  - { name: pod1, node: node1 }
  - { name: pod2, node: node2 }
  - { name: pod3, node: node3 }
  - { name: pod4, node: node1 }
`;

export const MODES = {
  never: { ipip: "Never", vxlan: "Never" },
  "ipip-always": { ipip: "Always", vxlan: "Never" },
  "ipip-cross": { ipip: "CrossSubnet", vxlan: "Never" },
  "vxlan-always": { ipip: "Never", vxlan: "Always" },
  "vxlan-cross": { ipip: "Never", vxlan: "CrossSubnet" },
} as const;

export type Mode = keyof typeof MODES;

export const NODES = ["node1", "node2", "node3"] as const;
export type NodeName = (typeof NODES)[number];

const ADDRESS: Readonly<Record<NodeName, string>> = {
  node1: "192.168.100.100",
  node2: "192.168.100.101",
  node3: "192.168.200.101",
};

interface NodeResource {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly bgp?: { readonly ipv4IPIPTunnelAddr?: string };
    readonly ipv4VXLANTunnelAddr?: string;
    readonly vxlanTunnelMACAddr?: string;
  };
}

/** A lab whose one pool is switched between modes as an operator does it. */
export class ModeLab extends TestLab {
  constructor(mode: Mode, backend?: string) {
    const { ipip, vxlan } = MODES[mode];
    const yaml = TOPOLOGY.replace("IPIP", ipip).replace("VXLAN", vxlan);
    super(backend === undefined ? yaml : `backend: ${backend}\n${yaml}`);
  }

  /** calicoctl get -o yaml into a file, an edit, calicoctl apply: what it said. */
  apply(mode: Mode): string {
    const file = join(tmpdir(), `${this.name}-ippool.yaml`);
    writeFileSync(file, this.ocicat("get", "ippool", "default-ipv4-ippool", "-o", "yaml").stdout);
    const { ipip, vxlan } = MODES[mode];
    const text = readFileSync(file, "utf8")
      .replace(/ipipMode: \w+/, `ipipMode: ${ipip}`)
      .replace(/vxlanMode: \w+/, `vxlanMode: ${vxlan}`);
    writeFileSync(file, text);
    const { stdout } = this.ocicat("apply", "-f", file);
    rmSync(file);
    return stdout;
  }

  /** As many distributions have it: a packet that comes in where the way back does not lead out is dropped. */
  async filterStrictly(): Promise<void> {
    for (const name of NODES) await this.out(name, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1");
  }

  /** Restarts the agents with another interval of full comparison. */
  async refreshing(seconds: number): Promise<void> {
    const file = join(tmpdir(), `${this.name}-felix.yaml`);
    const spec = { routeRefreshInterval: `${seconds}s`, nftablesRefreshInterval: `${seconds}s` };
    const resource = {
      apiVersion: "projectcalico.org/v3",
      kind: "FelixConfiguration",
      metadata: { name: "default" },
      spec,
    };
    writeFileSync(file, JSON.stringify(resource));
    const { code, stderr } = this.ocicat("apply", "-f", file);
    rmSync(file);
    if (code !== 0) throw new Error(stderr);
    for (const name of NODES) {
      await this.lab.kill(`agent-${name}`);
      await this.lab.restartAgent(name);
    }
  }

  node(name: string): NodeResource {
    return JSON.parse(this.ocicat("get", "node", name, "-o", "json").stdout) as NodeResource;
  }

  /** The block of each node, by its own blackhole route. */
  async blocks(): Promise<Readonly<Record<NodeName, string>>> {
    const found = await Promise.all(
      NODES.map(async (name) => {
        const block = /^blackhole (\S+)/m.exec(await this.out(name, "ip", "route"))?.[1];
        if (block === undefined) throw new Error(`${name} has no block`);
        return [name, block] as const;
      }),
    );
    return Object.fromEntries(found) as Record<NodeName, string>;
  }

  /** The route that `from` should have to the block of `to`, as `ip route` prints it; undefined: none. */
  expected(mode: Mode, from: NodeName, to: NodeName, block: string): string | undefined {
    const near = (from === "node3") === (to === "node3");
    const direct = mode.startsWith("vxlan") ? "80" : "bird";
    if (mode === "never" || (mode.endsWith("-cross") && near))
      return near ? `${block} via ${ADDRESS[to]} dev ens33 proto ${direct}` : undefined;
    if (mode.startsWith("ipip")) return `${block} via ${ADDRESS[to]} dev tunl0 proto bird onlink`;
    return `${block} via ${this.node(to).spec.ipv4VXLANTunnelAddr} dev vxlan.calico onlink`;
  }

  /** Resolves when every node's routes to every other are those of the mode. */
  async settled(mode: Mode, ms = 60_000): Promise<void> {
    const blocks = await this.blocks();
    await eventually(
      async () => {
        const wrong: string[] = [];
        for (const from of NODES) {
          const lines = (await this.out(from, "ip", "route")).split("\n").map((line) => line.trim());
          for (const to of NODES) {
            if (from === to) continue;
            const actual = lines.find((line) => line.startsWith(blocks[to]));
            const wanted = this.expected(mode, from, to, blocks[to]);
            if (actual !== wanted) wrong.push(`${from}: ${actual ?? "no route"}, not ${wanted ?? "none"}`);
          }
        }
        return wrong;
      },
      (wrong) => wrong.length === 0,
      ms,
    );
  }

  /** Resolves when no node has the device of another mode any more (a resting tunl0 counts as none). */
  async tidied(mode: Mode, ms = 60_000): Promise<void> {
    const devices = { vxlan: "vxlan.calico", ipip: "tunl0" };
    const foreign = Object.entries(devices).flatMap(([kind, device]) => (mode.startsWith(kind) ? [] : [device]));
    await eventually(
      async () => {
        const links = await Promise.all(NODES.map((name) => this.out(name, "ip", "-br", "link")));
        return links.flatMap((text) =>
          text.split("\n").filter((line) => foreign.some((device) => line.startsWith(device)) && line.includes("UP")),
        );
      },
      (left) => left.length === 0,
      ms,
    );
  }
}

/** Every ordered pair of modes once, each switch beginning where the one before ended. */
export function allSwitches(modes: readonly Mode[]): readonly Mode[] {
  const left = new Map(modes.map((mode) => [mode, modes.filter((other) => other !== mode)]));
  const circuit: Mode[] = [];
  const way: Mode[] = modes.slice(0, 1);
  for (let at = way.at(-1); at !== undefined; at = way.at(-1)) {
    const next = left.get(at)?.pop();
    if (next === undefined) circuit.push(...way.splice(-1));
    else way.push(next);
  }
  return circuit.reverse();
}
