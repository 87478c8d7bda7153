import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, pingCounts } from "./lab.ts";
import { type Mode, ModeLab, NODES, type NodeName } from "./modes.ts";

const NODE_OF: Readonly<Record<string, NodeName>> = { pod1: "node1", pod2: "node2", pod3: "node3", pod4: "node1" };

/** The agents compare everything with the kernel this often, seconds: what no notification tells is mended by then. */
const REFRESH_S = 2;

/** What each mode takes of a packet, bytes, and how its tunnel is called. */
const TUNNEL = {
  never: undefined,
  "ipip-always": { device: "tunl0", overhead: 20 },
  "ipip-cross": { device: "tunl0", overhead: 20 },
  "vxlan-always": { device: "vxlan.calico", overhead: 50 },
  "vxlan-cross": { device: "vxlan.calico", overhead: 50 },
} as const;

/** Which tunnel a packet between two nodes travels by: what its outer header is to tshark. */
function outer(mode: Mode, from: NodeName, to: NodeName): "ipip" | "vxlan" | "none" {
  const near = (from === "node3") === (to === "node3");
  if (from === to || mode === "never" || (mode.endsWith("-cross") && near)) return "none";
  return mode.startsWith("ipip") ? "ipip" : "vxlan";
}

/** The facts of one mode on the kernel this runs on: routes, devices, what is on the wire, sizes, and mending. */
export function modeFacts(mode: Mode): void {
  describe(mode, () => {
    const lab = new ModeLab(mode);
    const tunnel = TUNNEL[mode];
    beforeAll(async () => {
      await lab.up();
      await lab.settled(mode);
      await lab.refreshing(REFRESH_S);
    });
    afterAll(async () => {
      expect(await lab.down()).toEqual([]);
    });

    it.each([
      ["same node", "pod1", "pod4", 63],
      ["same subnet", "pod1", "pod2", 62],
      ...(mode === "never" ? [] : ([["across a router", "pod1", "pod3", 62]] as const)),
    ] as const)(
      "%s: the packet's outer header is the mode's, and the ttl counts nodes alone",
      async (_way, from, to, ttl) => {
        const [source, target] = [NODE_OF[from] ?? "node1", NODE_OF[to] ?? "node1"];
        const capture = await lab.capture(source, "ens33", "not arp and not port 179 and not port 2379");
        try {
          const { stdout } = await lab.exec(from, "ping", "-c", "3", "-i", "0.2", "-W", "2", lab.address(to));
          expect(pingCounts(stdout), stdout).toEqual({ sent: 3, received: 3 });
          expect(stdout).toContain(`ttl=${ttl} `);
          await capture.stop();
          const echoes = `icmp.type == 8 && ip.dst == ${lab.address(to)}`;
          const plain = await capture.read(`${echoes} && !vxlan && !(ip.proto == 4)`, "ip.src", "ip.dst");
          const inVxlan = await capture.read(`${echoes} && vxlan`, "vxlan.vni", "udp.dstport", "ip.src");
          const inIpip = await capture.read(`${echoes} && ip.proto == 4`, "ip.proto", "ip.src", "ip.dst");
          const seen = { none: plain.length, vxlan: inVxlan.length, ipip: inIpip.length };
          const none = { none: 0, vxlan: 0, ipip: 0 };
          // Between pods of one node nothing is on the wire.
          expect(seen).toEqual(source === target ? none : { ...none, [outer(mode, source, target)]: 3 });
          for (const line of inVxlan) expect(line).toMatch(/^4096\t4789\t192\.168\.100\.100,/);
          for (const line of inIpip) expect(line).toMatch(/^4,1\t192\.168\.100\.100,/);
          // What a VXLAN carries is tracked, and VXLAN's own packets are not.
          if (inVxlan.length === 0) return;
          for (const node of [source, target]) {
            const tracked = await lab.out(node, "cat", "/proc/net/nf_conntrack");
            expect(tracked, node).toMatch(new RegExp(`icmp .*dst=${lab.address(to)} `));
            expect(tracked, node).not.toContain("dport=4789");
          }
        } finally {
          capture.forget();
        }
      },
    );

    if (mode === "never") {
      it("across a router that does not know the blocks nothing is programmed, and why is said", async () => {
        const blocks = await lab.blocks();
        const answers = (await lab.agent("node1", `/routes/why?target=${blocks.node3}`)) as { kernel: string }[];
        expect(answers[0]?.kernel).toMatch(/its next hop is on no subnet of this node: a router that does not know/);
        const { stdout } = await lab.exec("pod1", "ping", "-c", "1", "-W", "1", lab.address("pod3"));
        expect(pingCounts(stdout).received).toBe(0);
      });
      it("there is no tunnel device", async () => {
        await lab.tidied(mode);
      });
      return;
    }

    it("the device is up with the node's tunnel address, as its resource says, and room for the outer headers", async () => {
      for (const name of NODES) {
        const { spec } = lab.node(name);
        const address = mode.startsWith("ipip") ? spec.bgp?.ipv4IPIPTunnelAddr : spec.ipv4VXLANTunnelAddr;
        const device = tunnel?.device ?? "";
        const text = await lab.out(name, "ip", "-d", "addr", "show", "dev", device);
        expect(text).toContain(`inet ${address}/32 scope global ${device}`);
        expect(text).toContain(`mtu ${1500 - (tunnel?.overhead ?? 0)} `);
        expect(text).toMatch(/<[^>]*\bUP\b/);
        if (mode.startsWith("vxlan")) {
          expect(text).toMatch(/vxlan id 4096 local 192\.168\.\S+ dev ens33 .*dstport 4789 nolearning/);
          expect(text).toContain(`link/ether ${spec.vxlanTunnelMACAddr}`);
        } else expect(text).toContain("ipip");
      }
    });

    it("the tunnel's address is held by the node's handle, and no pod gets it", async () => {
      const kind = mode.startsWith("ipip") ? "ipip" : "vxlan";
      const { spec } = lab.node("node1");
      const address = (kind === "ipip" ? spec.bgp?.ipv4IPIPTunnelAddr : spec.ipv4VXLANTunnelAddr) ?? "";
      expect(lab.ocicat("ipam", "show", `--ip=${address}`).stdout).toContain(`${kind}-tunnel-addr-node1`);
      expect(
        lab.lab
          .pods()
          .list()
          .flatMap((pod) => pod.addresses),
      ).not.toContain(address);
    });

    it("who is no node cannot put packets into pods through the tunnel", async () => {
      const pod = lab.address("pod1");
      const remote = "192.168.100.100";
      const commands: readonly string[] = mode.startsWith("ipip")
        ? [`ip link add stray type ipip local 192.168.100.1 remote ${remote}`, "ip link set stray up"]
        : [
            `ip link add stray type vxlan id 4096 dstport 4789 local 192.168.100.1 remote ${remote}`,
            "ip link set stray up",
            `ip neigh add ${pod} lladdr ${lab.node("node1").spec.vxlanTunnelMACAddr} dev stray`,
          ];
      const capture = await lab.capture("pod1", "eth0", "icmp");
      for (const command of [...commands, "ip addr add 198.51.100.1/32 dev stray", `ip route add ${pod} dev stray`])
        await lab.out("gateway", "sh", "-c", command);
      await lab.exec("gateway", "ping", "-c", "3", "-i", "0.2", "-W", "1", "-I", "198.51.100.1", pod);
      const rules = await lab.out("node1", "nft", "list", "table", "inet", "ocicat-tunnels");
      await lab.out("gateway", "ip", "link", "del", "stray");
      await capture.stop();
      expect(rules).toMatch(/counter packets [3-9]\d* bytes \d+ drop/);
      expect(await capture.read("icmp && ip.src == 198.51.100.1", "ip.src")).toEqual([]);
      capture.forget();
    });

    it("packets of exactly the path's MTU pass with DF, one byte more is told by ICMP", async () => {
      const device = mode.endsWith("-cross") ? "pod3" : "pod2";
      // 20 bytes IPv4 and 8 ICMP inside the MTU that pods were given at ADD.
      const fits = 1500 - (tunnel?.overhead ?? 0) - 28;
      const { stdout } = await lab.exec(
        "pod1",
        "ping",
        "-c",
        "1",
        "-W",
        "2",
        "-M",
        "do",
        "-s",
        String(fits),
        lab.address(device),
      );
      expect(pingCounts(stdout), stdout).toEqual({ sent: 1, received: 1 });
      expect(await lab.out("pod1", "ip", "link", "show", "eth0")).toContain(`mtu ${fits + 28} `);
      // A pod from before the mode has a larger MTU: it is told by its node.
      await lab.out("pod1", "ip", "link", "set", "eth0", "mtu", "1500");
      await lab.out("pod1", "ip", "route", "flush", "cache");
      const more = await lab.exec(
        "pod1",
        "ping",
        "-c",
        "1",
        "-W",
        "2",
        "-M",
        "do",
        "-s",
        String(fits + 1),
        lab.address(device),
      );
      expect(more.stdout + more.stderr).toContain(`mtu = ${fits + 28}`);
      await lab.out("pod1", "ip", "link", "set", "eth0", "mtu", String(fits + 28));
    });

    it("what is mangled by hand is mended within one refresh", async () => {
      const device = tunnel?.device ?? "";
      const blocks = await lab.blocks();
      const far = lab.address("pod3");
      const works = () => lab.exec("pod1", "ping", "-c", "1", "-W", "1", far);
      const mends: (readonly [string, ...string[]])[] = [
        ["ip", "route", "del", blocks.node3],
        ["ip", "addr", "add", "198.51.100.7/32", "dev", device],
        ["ip", "link", "set", device, "down"],
        ["ip", "link", "set", device, "mtu", "1280"],
        ["ip", "addr", "flush", "dev", device],
        ["nft", "delete", "table", "ip", "ocicat-nat"],
        ...(mode.startsWith("vxlan")
          ? ([
              ["ip", "neigh", "flush", "dev", device, "nud", "permanent"],
              [
                "bridge",
                "fdb",
                "del",
                lab.node("node3").spec.vxlanTunnelMACAddr ?? "",
                "dev",
                device,
                "dst",
                "192.168.200.101",
              ],
              ["ip", "link", "del", device],
            ] as const)
          : []),
      ];
      const wanted = await lab.out("node1", "ip", "-d", "addr", "show", "dev", device);
      const shape = (text: string) =>
        text.replaceAll(/^\d+: |inet6.*\n.*\n?| valid_lft.*\n|promiscuity.*/gm, "").trim();
      for (const command of mends) {
        await lab.exec("node1", ...(command as [string, ...string[]]));
        await eventually(
          async () => ({
            after: command.join(" "),
            device: shape((await lab.exec("node1", "ip", "-d", "addr", "show", "dev", device)).stdout),
            received: pingCounts((await works()).stdout).received,
          }),
          ({ device: now, received }) => received === 1 && now === shape(wanted),
          (REFRESH_S + 10) * 1000,
        );
        await lab.settled(mode);
      }
    }, 180_000);

    it("the device follows its interface's MTU, and so do pods that come then", async () => {
      const device = tunnel?.device ?? "";
      const overhead = tunnel?.overhead ?? 0;
      for (const mtu of [1400, 1500]) {
        await lab.out("node1", "ip", "link", "set", "ens33", "mtu", String(mtu));
        await eventually(
          () => lab.out("node1", "cat", `/sys/class/net/${device}/mtu`),
          (text) => text.trim() === String(mtu - overhead),
        );
        if (mtu === 1500) continue;
        await lab.lab.run("narrow", "default", "node1");
        expect(await lab.out("narrow", "ip", "link", "show", "eth0")).toContain(`mtu ${mtu - overhead} `);
        await lab.lab.pods().remove("narrow");
      }
    });

    it("a node that starts again without its device gets the same address, and gives its pods their ways back", async () => {
      const { spec } = lab.node("node1");
      await lab.lab.kill("agent-node1");
      if (mode.startsWith("ipip")) {
        await lab.out("node1", "ip", "addr", "flush", "dev", "tunl0");
        await lab.out("node1", "ip", "link", "set", "tunl0", "down");
      } else await lab.out("node1", "ip", "link", "del", "vxlan.calico");
      await lab.lab.restartAgent("node1");
      await lab.settled(mode);
      expect(lab.node("node1").spec).toEqual(spec);
      await eventually(
        () => lab.exec("pod1", "ping", "-c", "1", "-W", "1", lab.address("pod3")),
        (result) => pingCounts(result.stdout).received === 1,
      );
    });

    it("an agent that is killed and comes back keeps device, address and routes, and loses no packet", async () => {
      const before = await lab.out("node1", "ip", "route");
      const { spec } = lab.node("node1");
      const ping = lab.exec("pod1", "ping", "-q", "-i", "0.01", "-c", "300", "-W", "1", lab.address("pod3"));
      await lab.lab.kill("agent-node1");
      await lab.lab.restartAgent("node1");
      const { stdout } = await ping;
      expect(pingCounts(stdout), stdout).toEqual({ sent: 300, received: 300 });
      expect(await lab.out("node1", "ip", "route")).toBe(before);
      expect(lab.node("node1").spec).toEqual(spec);
    });
  });
}
