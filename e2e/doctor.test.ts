import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Diagnosis, Finding } from "@ocicat/doctor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, OCICAT, type Output, TestLab } from "./support/lab.ts";

/** Names that no other lab on this machine has: the doctor reaches all of them. */
const mark = randomBytes(3).toString("hex");
const [one, two] = [`one${mark}`, `two${mark}`];

const lab = new TestLab(`
segments: [lan]
nodes:
  - { name: ${one}, segment: lan, address: 192.168.0.80/24, gateway: 192.168.0.1 }
  - { name: ${two}, segment: lan, address: 192.168.0.81/24, gateway: 192.168.0.1 }
datastore: ${one}
pools:
  - { name: pods, cidr: 10.244.0.0/16, blockSize: 26, ipipMode: Never, vxlanMode: Never, natOutgoing: true }
pods:
  - { name: pod1, node: ${one} }
  - { name: pod2, node: ${two} }
`);
/** Where `ocicat` is found by the commands that findings print. */
const bin = mkdtempSync(join(tmpdir(), "oct-doctor-"));

beforeAll(async () => {
  symlinkSync(OCICAT, join(bin, "ocicat"));
  await lab.up();
});
afterAll(async () => {
  rmSync(bin, { recursive: true });
  expect(await lab.down()).toEqual([]);
});

/** A line as a person types it outside the lab. */
function shell(line: string): Output {
  const datastore = `unix:///proc/${lab.pid("datastore")}/root/run/ocicat/datastore.sock`;
  const { status, stdout, stderr } = spawnSync("sh", ["-c", line], {
    encoding: "utf8",
    env: { PATH: `${bin}:${process.env["PATH"] ?? ""}`, ETCD_ENDPOINTS: datastore },
  });
  return { code: status ?? 128, stdout, stderr };
}

function typed(line: string): string {
  const { code, stdout, stderr } = shell(line);
  if (code !== 0) throw new Error(`${line}: exit ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** What the doctor says of a node of the lab. */
function examined(node: string): readonly Finding[] {
  const { code, stdout, stderr } = shell(`ocicat doctor --node ${node} -o json`);
  if (stdout === "") throw new Error(`exit ${code}: ${stderr}`);
  const [diagnosis] = JSON.parse(stdout) as readonly Diagnosis[];
  const findings = diagnosis?.findings ?? [];
  expect(code).toBe(findings.length === 0 ? 0 : 1);
  return findings;
}

/** The same from the agent itself, at a tenth of the time: for waiting. */
async function heard(node: string): Promise<readonly Finding[]> {
  return ((await lab.agent(node, "/doctor")) as Diagnosis).findings;
}

/** Until nothing is found: what was provoked has consequences that take their time to pass. */
function well(node = one): Promise<readonly Finding[]> {
  return eventually(
    () => heard(node),
    (findings) => findings.length === 0,
  );
}

async function restartAgent(node: string): Promise<void> {
  await lab.lab.kill(`agent-${node}`);
  await lab.lab.restartAgent(node);
}

/** A line that is typed, or an agent that starts again. */
type Step = string | { readonly restart: string };

async function take(steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (typeof step === "string") typed(step);
    else await restartAgent(step.restart);
  }
}

interface Case {
  readonly code: string;
  /** Where it is found: the first, unless told. */
  readonly node?: string;
  /** What brings it about, typed outside the lab; `in` stands for a command inside the node. */
  readonly provoke: readonly Step[];
  readonly where: string | RegExp;
  /** What mending alone does not put back. */
  readonly after?: readonly Step[];
  /** Agents that start again after the command: they dial sessions that were ended, or take up a setting. */
  readonly restart?: readonly string[];
  /** Mends by other means: the command tells where to look on. */
  readonly instead?: readonly string[];
}

const on = (node: string, command: string) => `ocicat lab exec --name ${lab.name} ${node} -- sh -c '${command}'`;
const inside = (command: string) => on(one, command);
const stored = (key: string, value: string) =>
  inside(`ETCDCTL_API=3 etcdctl --endpoints http://192.168.0.80:2379 put ${key} "${value}"`);
const edit = (kind: string, sed: string) => `ocicat get ${kind} -o yaml | sed '${sed}' | ocicat apply -f -`;
const cali = "$(ls /sys/class/net | grep ^cali)";

/** A table of somebody else's, which accepts what it does not name. */
const DROPS =
  "nft add table inet foreign; nft add chain inet foreign input \\{ type filter hook input priority 0 \\; \\}";
const podMtu = (mtu: number) =>
  `ip -n $(ip link show ${cali} | sed -n "s/.*link-netns //p") link set eth0 mtu ${mtu} && ip link set ${cali} mtu ${mtu}`;

const CASES: readonly Case[] = [
  { code: "FORWARDING_OFF", where: "sysctl net/ipv4/ip_forward", provoke: [inside("sysctl -w net.ipv4.ip_forward=0")] },
  {
    code: "FORWARDING_OFF_INTERFACE",
    where: "sysctl net/ipv4/conf/ens33/forwarding",
    provoke: [inside("sysctl -w net/ipv4/conf/ens33/forwarding=0")],
  },
  {
    code: "FORWARDING6_OFF",
    where: "sysctl net/ipv6/conf/all/forwarding",
    provoke: [
      "echo '{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: six}, spec: {cidr: \"fd00:10::/48\"}}' | ocicat apply -f -",
      // The agent switches it on for the pool.
      inside("until grep -q 1 /proc/sys/net/ipv6/conf/all/forwarding; do sleep 0.02; done"),
      inside("sysctl -w net/ipv6/conf/all/forwarding=0"),
    ],
    after: ["ocicat delete ippool six"],
  },
  {
    code: "PROXY_ARP_OFF",
    where: /^sysctl net\/ipv4\/conf\/cali[0-9a-f]+\/proxy_arp$/,
    provoke: [inside(`sysctl -w net/ipv4/conf/${cali}/proxy_arp=0`)],
  },
  {
    code: "NO_GATEWAY_ROUTE",
    where: "main routing table",
    provoke: [inside("ip route delete default")],
    after: [inside("ip route add default via 192.168.0.1")],
  },
  {
    code: "MTU_POD",
    where: /^pod default\/pod1 \(cali[0-9a-f]+\)$/,
    provoke: [inside("ip link set ens33 mtu 1400")],
    after: [inside("ip link set ens33 mtu 1500"), inside(podMtu(1500))],
  },
  {
    code: "ROUTE_PENDING",
    where: /^route 10\.244\.\d+\.\d+\/32$/,
    provoke: [inside(`ip link set ${cali} down`)],
  },
  {
    code: "BLOCK_OF_NOBODY",
    where: "block 10.244.200.0/26",
    provoke: [stored("/calico/ipam/v2/host/ghost/ipv4/block/10.244.200.0-26", '{\\"state\\":\\"confirmed\\"}')],
  },
  {
    code: "DATASTORE_LOCKED",
    where: "ClusterInformation default",
    provoke: ["ocicat datastore migrate lock"],
  },
  {
    code: "VALUE_UNREADABLE",
    where: "/calico/resources/v3/projectcalico.org/ippools/broken",
    provoke: [stored("/calico/resources/v3/projectcalico.org/ippools/broken", "{")],
  },
  { code: "LEFTOVER_INTERFACE", where: "interface cni0", provoke: [inside("ip link add cni0 type bridge")] },
  {
    code: "LEFTOVER_CNI_FILE",
    where: "/etc/cni/net.d/05-flannel.conflist",
    provoke: [
      inside(
        'echo "{\\"name\\":\\"cbr0\\",\\"plugins\\":[{\\"type\\":\\"flannel\\"}]}" > /etc/cni/net.d/05-flannel.conflist',
      ),
    ],
  },
  {
    code: "POOL_OVERLAPS_ROUTE",
    where: "route 10.244.77.0/24 dev ens33",
    provoke: [inside("ip route add 10.244.77.0/24 via 192.168.0.1")],
  },
  {
    code: "POOL_OVERLAPS_ROUTE",
    where: "route 10.244.88.0/24 dev docker0",
    provoke: [
      inside("ip link add docker0 type bridge; ip link set docker0 up; ip address add 10.244.88.1/24 dev docker0"),
    ],
  },
  {
    code: "POOL_OVERLAPS_NODES",
    where: "IPPool lan",
    provoke: [
      "echo '{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: lan}, spec: {cidr: 192.168.0.0/25, nodeSelector: has(nothing)}}' | ocicat apply -f -",
    ],
  },
  {
    code: "ADDRESS_SHARED",
    where: `Node ${one}`,
    provoke: [
      "echo '{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: old}, spec: {bgp: {ipv4Address: 192.168.0.80/24}}}' | ocicat apply -f -",
    ],
    restart: [two],
  },
  {
    code: "NODE_WITHOUT_ADDRESS",
    where: `Node ${one}`,
    provoke: [edit(`node ${one}`, "/ipv4Address/d; s/  bgp:/  addresses: []/")],
    restart: [two],
  },
  {
    code: "BGP_BLOCKED",
    where: `TCP port 179 of ${two} (192.168.0.81)`,
    provoke: [on(two, `${DROPS}; nft add rule inet foreign input tcp dport 179 drop`)],
    instead: [on(two, "nft delete table inet foreign")],
  },
  {
    code: "FIREWALL_DROPS",
    where: "chain ip filter FORWARD",
    provoke: [
      inside("iptables -P FORWARD DROP; iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
    ],
    after: [inside("iptables -P FORWARD ACCEPT; iptables -F; nft delete table ip filter")],
  },
  {
    code: "FIREWALL_DROPS",
    where: "chain ip filter FORWARD",
    // As docker leaves it.
    provoke: [
      inside(
        "iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER; iptables -A FORWARD -o docker0 -j ACCEPT; iptables -P FORWARD DROP",
      ),
    ],
    after: [inside("iptables -P FORWARD ACCEPT; iptables -F; nft delete table ip filter")],
  },
  {
    code: "FIREWALL_DROPS",
    where: /^chain inet foreign input, rule with handle \d+$/,
    provoke: [inside(`${DROPS}; nft add rule inet foreign input tcp dport \\{ 179, 8080 \\} reject with tcp reset`)],
    after: [inside("nft delete table inet foreign")],
  },
  {
    code: "FIREWALL_DROPS",
    where: "chain inet foreign forward",
    provoke: [
      inside(
        "nft add table inet foreign; nft add chain inet foreign forward \\{ type filter hook forward priority 10 \\; policy drop \\; \\}",
      ),
    ],
    after: [inside("nft delete table inet foreign")],
  },
  {
    code: "FIREWALL_DROPS",
    where: "iptables-legacy -t filter, chain FORWARD, rule 1",
    provoke: [inside("iptables-legacy -A FORWARD -i cali+ -j REJECT")],
    after: [inside("iptables-legacy -F")],
  },
  {
    code: "LEFTOVER_RULES",
    where: "1 chain cali-* in table filter of iptables",
    provoke: [
      inside(
        "iptables -N cali-FORWARD; iptables -A FORWARD -j cali-FORWARD; iptables -A cali-FORWARD -i cali+ -j RETURN",
      ),
    ],
    after: [inside("nft delete table ip filter")],
  },
  { code: "LEFTOVER_RULES", where: "table ip calico", provoke: [inside("nft add table ip calico")] },
  {
    code: "MTU_PATH",
    where: `the way to ${two} (192.168.0.81)`,
    // The switch between is what has the smaller MTU.
    provoke: [`ip -n ${lab.name}.lan link set ${two}.ens33 mtu 1400`],
    after: [`ip -n ${lab.name}.lan link set ${two}.ens33 mtu 1500`, inside("ip link set ens33 mtu 1500")],
  },
  {
    code: "KERNEL_WITHOUT_IPIP",
    where: "IPPool pods",
    provoke: [edit("ippool pods", "s/ipipMode: Never/ipipMode: Always/")],
    after: [inside(podMtu(1450)), on(two, podMtu(1450))],
  },
  {
    code: "TUNNEL_BLOCKED",
    where: `vxlan.calico to ${two} (192.168.0.81)`,
    provoke: [on(two, `${DROPS}; nft add rule inet foreign input udp dport 4789 drop`)],
    instead: [on(two, "nft delete table inet foreign")],
  },
  {
    code: "FIREWALL_DROPS",
    where: /^chain inet foreign input, rule with handle \d+$/,
    provoke: [inside(`${DROPS}; nft add rule inet foreign input udp dport 4789 counter drop`)],
    after: [inside("nft delete table inet foreign")],
  },
  {
    code: "MTU_TUNNEL",
    where: "interface vxlan.calico",
    provoke: [
      "echo '{apiVersion: projectcalico.org/v3, kind: FelixConfiguration, metadata: {name: default}, spec: {vxlanMTU: 1450}}' | ocicat apply -f -",
      { restart: one },
      // The kernel refuses what does not fit when it is set, and not when the interface below changes later.
      inside("ip link set ens33 mtu 1400"),
    ],
    restart: [one],
    after: [inside("ip link set ens33 mtu 1500")],
  },
  {
    code: "LINK_DOWN",
    where: "interface ens33",
    provoke: [inside("ip link set ens33 down")],
    after: [inside("ip route add default via 192.168.0.1")],
    restart: [two],
  },
  {
    code: "ADDRESS_GONE",
    node: two,
    where: `Node ${two}`,
    provoke: [on(two, "ip address delete 192.168.0.81/24 dev ens33")],
    after: [on(two, "ip route add default via 192.168.0.1"), { restart: two }],
  },
  {
    code: "NODE_UNREACHABLE",
    where: `${two} (192.168.0.81)`,
    provoke: [on(two, "ip link set ens33 down")],
    instead: [on(two, "ip link set ens33 up; ip route add default via 192.168.0.1")],
    restart: [two],
  },
];

describe("a healthy lab", () => {
  it("has no finding, on any node", async () => {
    expect(await well(one)).toEqual([]);
    expect(await well(two)).toEqual([]);
  });
});

describe("firewalls that let by what must pass", () => {
  it("are no finding", async () => {
    typed(
      inside(
        "iptables -P FORWARD DROP; iptables -P INPUT DROP; iptables -A INPUT -i lo -j ACCEPT; iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; iptables -A INPUT -p icmp -j ACCEPT; iptables -A INPUT -p tcp -m multiport --dports 22,179,2379 -j ACCEPT; iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP; iptables -A FORWARD -i cali+ -j ACCEPT; iptables -A FORWARD -o cali+ -j ACCEPT",
      ),
    );
    expect(examined(one)).toEqual([]);
    typed(inside("iptables -P FORWARD ACCEPT; iptables -P INPUT ACCEPT; iptables -F; nft delete table ip filter"));
  });
});

describe("what is provoked is found, and gone after its command:", () => {
  it.each(CASES)("$code at $where", async ({ code, node = one, provoke, where, after = [], instead, restart = [] }) => {
    await take(provoke);
    const match = (findings: readonly Finding[]) =>
      findings.find(
        (finding) =>
          finding.code === code && (typeof where === "string" ? finding.where === where : where.test(finding.where)),
      );
    await eventually(
      () => heard(node),
      (findings) => match(findings) !== undefined,
      5_000,
    );
    const found = match(examined(node));
    if (found === undefined) throw new Error("nothing was found");
    for (const line of instead ?? [found.mend.command]) typed(line);
    await Promise.all(restart.map(restartAgent));
    await eventually(
      () => heard(node),
      (findings) => match(findings) === undefined,
      10_000,
    );
    await take(after);
    expect(await well(node), "nothing else is left").toEqual([]);
  });
});

describe("a node whose agent is away", () => {
  it("is looked at all the same, and who has taken the agent's port is named", async () => {
    await lab.lab.kill(`agent-${two}`);
    const bird = lab.start(
      two,
      "python3",
      "-c",
      'import socket,time; s = socket.create_server(("0.0.0.0", 179)); print("listens", flush=True); time.sleep(600)',
    );
    try {
      await new Promise<void>((resolve) => bird.child.stdout?.once("data", () => resolve()));
      // A running agent would mend the second by itself.
      typed(on(two, "sysctl -w net.ipv4.ip_forward=0 net.ipv4.conf.ens33.rp_filter=1"));
      const findings = examined(two);
      expect(findings.map(({ code }) => code).sort()).toEqual([
        "AGENT_AWAY",
        "BGP_PORT_TAKEN",
        "FORWARDING_OFF",
        "RP_FILTER_STRICT",
      ]);
      // The taken port first: an agent cannot start beside it.
      const inTurn = ["BGP_PORT_TAKEN", "FORWARDING_OFF", "RP_FILTER_STRICT", "AGENT_AWAY"];
      for (const code of inTurn) typed(findings.find((finding) => finding.code === code)?.mend.command ?? "false");
      expect(await well(two)).toEqual([]);
    } finally {
      bird.child.kill("SIGKILL");
      await bird.ended;
    }
  });

  it("and so is one whose datastore is", async () => {
    await lab.lab.kill("datastore");
    const findings = examined(two);
    expect(findings.map(({ code }) => code)).toEqual(["DATASTORE_AWAY"]);
    typed(findings[0]?.mend.command ?? "false");
    expect(await well(two)).toEqual([]);
  });
});

describe("a backend of VXLAN alone", () => {
  const alone = `alone${mark}`;
  const other = new TestLab(`
segments: [lan]
nodes:
  - { name: ${alone}, segment: lan, address: 192.168.0.80/24, gateway: 192.168.0.1 }
datastore: ${alone}
backend: vxlan
pools:
  - { name: pods, cidr: 10.244.0.0/16, blockSize: 26, ipipMode: Never, vxlanMode: Never, natOutgoing: true }
`);
  beforeAll(() => other.up());
  afterAll(async () => {
    expect(await other.down()).toEqual([]);
  });

  it("wants a VXLAN pool", async () => {
    const heardThere = async () => ((await other.agent(alone, "/doctor")) as Diagnosis).findings;
    // A node says its backend in its resource, once it runs.
    const [found, ...more] = await eventually(heardThere, (findings) => findings.length > 0);
    expect([found?.code, found?.where, more]).toEqual(["BACKEND_WITHOUT_POOL", "IPPool pods", []]);
    typed(
      `ETCD_ENDPOINTS=unix:///proc/${other.pid("datastore")}/root/run/ocicat/datastore.sock; ${found?.mend.command}`,
    );
    await eventually(heardThere, (findings) => findings.length === 0);
  });
});
