import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";

export const ENCAPSULATIONS = ["none", "vxlan", "ipip"] as const;
export type Encapsulation = (typeof ENCAPSULATIONS)[number];

/** What the lab's pods have, who learn it from the agent. */
export const POD_MTU: Readonly<Record<Encapsulation, number>> = { none: 1500, vxlan: 1450, ipip: 1480 };

/** Of the nodes' namespaces. */
export interface TwinOptions {
  readonly encapsulation: Encapsulation;
  /** One rule that does what natOutgoing asks for: with it the kernel tracks connections. */
  readonly masquerade?: boolean;
  /** Whether checksums are left to the VXLAN device; the kernel's default is that they are. */
  readonly checksumOffload?: boolean;
}

const POOL = "10.244.0.0/16";
const GATEWAY = "192.168.0.1";

interface TwinPod {
  readonly name: string;
  readonly address: string;
  readonly device: string;
}

interface TwinNode {
  readonly name: string;
  readonly address: string;
  readonly block: string;
  readonly tunnelAddress: string;
  readonly tunnelMac: string;
  readonly pods: readonly TwinPod[];
}

const NODES: readonly TwinNode[] = [
  {
    name: "node1",
    address: "192.168.0.81",
    block: "10.244.166.128/26",
    tunnelAddress: "10.244.166.128",
    tunnelMac: "66:2d:bf:44:a6:81",
    pods: [
      { name: "pod1", address: "10.244.166.129", device: "cali1" },
      { name: "pod3", address: "10.244.166.130", device: "cali3" },
    ],
  },
  {
    name: "node2",
    address: "192.168.0.82",
    block: "10.244.104.0/26",
    tunnelAddress: "10.244.104.0",
    tunnelMac: "66:2d:bf:44:a6:82",
    pods: [{ name: "pod2", address: "10.244.104.1", device: "cali2" }],
  },
];

/**
 * The path that the lab's agents make, made by hand with `ip` and `bridge`: the same links, MTUs, routes, tunnels and settings
 * of pods' interfaces (proxy ARP, and rp_filter, without which a pod can send with any address); no agent, and no rules but
 * the one that is asked for.
 */
export class Twin {
  readonly #prefix = `octtwin${randomBytes(3).toString("hex")}`;
  readonly #made: string[] = [];

  /** Throws what a command said, with nothing left behind. */
  constructor(options: TwinOptions) {
    try {
      this.#segment();
      for (const node of NODES) this.#node(node, options);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  namespace(part: string): string {
    return `${this.#prefix}.${part}`;
  }

  address(pod: string): string {
    const found = NODES.flatMap(({ pods }) => pods).find(({ name }) => name === pod);
    if (found === undefined) throw new Error(`the twin has no pod ${pod}`);
    return found.address;
  }

  remove(): void {
    for (const part of this.#made.splice(0)) run("ip", "netns", "del", this.namespace(part));
  }

  #add(part: string): void {
    run("ip", "netns", "add", this.namespace(part));
    this.#made.push(part);
    this.#ip(part, "link set lo up");
  }

  /** The gateway is there because nobody answers pods' ARP on a node without a default route. */
  #segment(): void {
    this.#add("lan");
    this.#ip("lan", "link add br0 type bridge", "link set br0 up");
    this.#station("gateway", "eth0", GATEWAY);
  }

  #station(part: string, device: string, address: string): void {
    this.#add(part);
    this.#ip("lan", `link add ${part} type veth peer name ${device} netns ${this.namespace(part)}`);
    this.#ip("lan", `link set ${part} master br0 up`);
    this.#ip(part, `address add ${address}/24 dev ${device}`, `link set ${device} up`);
  }

  #node(node: TwinNode, options: TwinOptions): void {
    const { name, address, block, pods } = node;
    this.#station(name, "ens33", address);
    this.#ip(name, `route add default via ${GATEWAY}`, `route add blackhole ${block}`);
    this.#sysctl(name, "net.ipv4.ip_forward=1");
    for (const pod of pods) this.#pod(node, pod, POD_MTU[options.encapsulation]);
    for (const other of NODES) if (other !== node) this.#wayTo(node, other, options);
    if (options.masquerade === true) {
      const rule = `add rule ip nat postrouting ip saddr ${POOL} ip daddr != ${POOL} masquerade fully-random`;
      const chain = "add chain ip nat postrouting { type nat hook postrouting priority srcnat; }";
      this.#in(name, "nft", `add table ip nat; ${chain}; ${rule}`);
    }
  }

  #pod({ name: node }: TwinNode, { name, address, device }: TwinPod, mtu: number): void {
    this.#add(name);
    const peer = `peer name eth0 mtu ${mtu} netns ${this.namespace(name)}`;
    this.#ip(node, `link add ${device} address ee:ee:ee:ee:ee:ee mtu ${mtu} type veth ${peer}`);
    this.#ip(
      name,
      `address add ${address}/32 dev eth0`,
      "link set eth0 up",
      "route add 169.254.1.1 dev eth0 scope link",
      "route add default via 169.254.1.1",
    );
    this.#ip(node, `link set ${device} up`, `route add ${address} dev ${device} scope link`);
    const settings = ["proxy_arp=1", "rp_filter=1"].map((setting) => `net.ipv4.conf.${device}.${setting}`);
    this.#sysctl(node, ...settings, `net.ipv4.neigh.${device}.proxy_delay=0`);
  }

  #wayTo(node: TwinNode, other: TwinNode, { encapsulation, checksumOffload = true }: TwinOptions): void {
    switch (encapsulation) {
      case "none":
        this.#ip(node.name, `route add ${other.block} via ${other.address}`);
        return;
      case "vxlan":
        this.#ip(
          node.name,
          `link add vxlan.calico address ${node.tunnelMac} mtu ${POD_MTU.vxlan} type vxlan id 4096 local ${node.address} dev ens33 dstport 4789 nolearning`,
          `address add ${node.tunnelAddress}/32 dev vxlan.calico`,
          "link set vxlan.calico up",
          `neighbour add ${other.tunnelAddress} lladdr ${other.tunnelMac} dev vxlan.calico nud permanent`,
          `route add ${other.block} via ${other.tunnelAddress} dev vxlan.calico onlink`,
        );
        this.#in(
          node.name,
          ...words(`bridge fdb add ${other.tunnelMac} dev vxlan.calico dst ${other.address} self permanent`),
        );
        if (!checksumOffload) this.#in(node.name, ...words("ethtool -K vxlan.calico tx off"));
        return;
      case "ipip":
        this.#ip(
          node.name,
          `link set tunl0 mtu ${POD_MTU.ipip} up`,
          `address add ${node.tunnelAddress}/32 dev tunl0`,
          `route add ${other.block} via ${other.address} dev tunl0 onlink`,
        );
    }
  }

  #ip(part: string, ...commands: readonly string[]): void {
    for (const command of commands) run("ip", "-n", this.namespace(part), ...words(command));
  }

  #sysctl(part: string, ...settings: readonly string[]): void {
    this.#in(part, "sysctl", "-q", "-w", ...settings);
  }

  #in(part: string, ...command: readonly string[]): void {
    run("ip", "netns", "exec", this.namespace(part), ...command);
  }
}

function words(command: string): string[] {
  return command.split(" ");
}

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"] });
}
