import { CHECKS, diagnose, type NodeFacts } from "@ocicat/doctor";
import { origin } from "@ocicat/kit";
import { parseAddress, parsePrefix } from "@ocicat/net";
import {
  ACCEPT,
  type ActualTable,
  chain,
  DROP,
  equal,
  interfacePrefix,
  jump,
  meta,
  number,
  payload,
  type Rule,
  rule,
  verdict,
} from "@ocicat/nftables";
import { describe, expect, it } from "vitest";
import { at, clusterNode, facts, firewallTable, HOST, link, NODE, POOL, route } from "./healthy.ts";

interface Case {
  readonly what: string;
  readonly facts: NodeFacts;
  readonly where: string;
  readonly mend: string;
  /** Where it is typed: this node unless told; undefined is anywhere. */
  readonly on?: string | undefined;
}

const set = (path: string, value: string) => ({ host: { settings: new Map([...HOST.settings, [path, value]]) } });
const withLink = (...links: readonly ReturnType<typeof link>[]) => ({
  host: { links: [...HOST.links.filter(({ index }) => links.every((one) => one.index !== index)), ...links] },
});
const withRoute = (one: ReturnType<typeof route>) => ({ host: { routes: [...HOST.routes, one] } });
const withNodes = (...nodes: ReturnType<typeof clusterNode>[]) => ({ cluster: { nodes } });
const other = clusterNode("node2", "192.168.0.82/24");
const own = (more: Parameters<typeof clusterNode>[2]) => clusterNode(NODE, "192.168.0.81/24", more);

const nothing = { came: "nothing" } as const;

const none = origin("");
const named = (name: string, ...rules: readonly Rule[]) => chain({ name, origin: none, rules });
const walled = (...tables: readonly ActualTable[]) => facts({ firewall: { tables } });

/** By code: what is wrong, and what is said of it. */
const CASES: Readonly<Record<string, readonly Case[]>> = {
  AGENT_AWAY: [
    {
      what: "the agent is away",
      facts: { ...facts(), agent: { ok: false, why: "it has ended" } },
      where: "agent",
      mend: "ocicat agent",
    },
  ],
  DATASTORE_AWAY: [
    {
      what: "the datastore is away",
      facts: { ...facts(), cluster: { ok: false, why: "it did not answer" } },
      where: "datastore",
      mend: "ocicat datastore serve --help",
      on: undefined,
    },
  ],
  AGENT_NOT_READY: [
    {
      what: "the agent waits",
      facts: facts({ agent: { waitsFor: ["datastore: not in sync yet", "gateway: told elsewhere"] } }),
      where: "agent",
      mend: "curl -s --unix-socket /run/ocicat/agent.sock http://agent/readyz",
    },
  ],
  NODE_WITHOUT_ADDRESS: [
    {
      what: "no address is stored",
      facts: facts(withNodes(clusterNode(NODE, undefined), other)),
      where: "Node node1",
      mend: "echo '{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: node1}, spec: {bgp: {ipv4Address: 192.168.0.81/24}}}' | ocicat apply -f -",
      on: undefined,
    },
    {
      what: "the node is not stored",
      facts: facts(withNodes(other)),
      where: "Node node1",
      mend: "echo '{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: node1}, spec: {bgp: {ipv4Address: 192.168.0.81/24}}}' | ocicat apply -f -",
      on: undefined,
    },
  ],
  DATASTORE_LOCKED: [
    {
      what: "the datastore is locked",
      facts: facts({ cluster: { locked: true } }),
      where: "ClusterInformation default",
      mend: "ocicat datastore migrate unlock",
      on: undefined,
    },
  ],
  VALUE_UNREADABLE: [
    {
      what: "a resource cannot be read",
      facts: facts({ cluster: { unreadable: [{ key: "/k", resource: "ippool broken", reason: "no JSON" }] } }),
      where: "/k",
      mend: "ocicat delete ippool broken",
      on: undefined,
    },
    {
      what: "another value cannot be read",
      facts: facts({ cluster: { unreadable: [{ key: "/k", resource: undefined, reason: "no JSON" }] } }),
      where: "/k",
      mend: "ETCDCTL_API=3 etcdctl del /k",
      on: undefined,
    },
  ],
  ROUTE_PENDING: [
    {
      what: "an interface is down",
      facts: facts({ agent: { pendingRoutes: [{ destination: "10.244.1.1/32", reason: "interface cali1 is down" }] } }),
      where: "route 10.244.1.1/32",
      mend: "ip link set cali1 up",
    },
    {
      what: "a router lies between",
      facts: facts({
        cluster: { pools: [{ ...POOL, vxlanMode: "Never" }] },
        agent: {
          pendingRoutes: [{ destination: "10.244.9.0/26", reason: "its next hop is on no subnet of this node: …" }],
        },
      }),
      where: "route 10.244.9.0/26",
      mend: "ocicat get ippool pods -o yaml | sed 's/vxlanMode: Never/vxlanMode: CrossSubnet/' | ocicat apply -f -",
      on: undefined,
    },
    {
      what: "something else is in the way",
      facts: facts({ agent: { pendingRoutes: [{ destination: "10.244.9.0/26", reason: "EINVAL" }] } }),
      where: "route 10.244.9.0/26",
      mend: "ocicat routes why 10.244.9.0/26",
    },
  ],
  RULES_REFUSED: [
    {
      what: "the kernel refuses rules",
      facts: facts({ agent: { ruleFailure: "EPERM" } }),
      where: "nftables",
      mend: "nft list tables | grep ocicat- | xargs -r -L1 nft delete",
    },
  ],
  RULES_NOT_OWNED: [
    {
      what: "a table is anybody's",
      facts: facts({ host: { ourTables: [{ name: "inet ocicat-guard", owned: false }] } }),
      where: "table inet ocicat-guard",
      mend: "nft delete table inet ocicat-guard",
    },
  ],
  BGP_SESSION_DOWN: [
    {
      what: "a session is down",
      facts: facts({
        agent: { sessions: [{ node: "node2", address: "192.168.0.82", state: "Active", info: "reset" }] },
      }),
      where: "BGP session with node2 (192.168.0.82)",
      mend: "ocicat doctor",
      on: "node2",
    },
  ],
  NODE_UNREACHABLE: [
    {
      what: "a node answers to nothing",
      facts: facts({
        peer: {
          echo: nothing,
          full: { bytes: 1500, answer: nothing, passes: 0 },
          bgp: { port: 179, state: "Active", answer: { came: "refusal", errno: "EHOSTUNREACH" } },
          tunnels: [{ name: "vxlan", answer: nothing }],
        },
      }),
      where: "node2 (192.168.0.82)",
      mend: "ocicat doctor",
      on: "node2",
    },
  ],
  BGP_BLOCKED: [
    {
      what: "the port does not answer",
      facts: facts({ peer: { bgp: { port: 179, state: "Established", answer: nothing } } }),
      where: "TCP port 179 of node2 (192.168.0.82)",
      mend: "ocicat doctor",
      on: "node2",
    },
    {
      what: "nothing listens",
      facts: facts({ peer: { bgp: { port: 1179, state: "Active", answer: { came: "reset" } } } }),
      where: "TCP port 1179 of node2 (192.168.0.82)",
      mend: "ocicat doctor",
      on: "node2",
    },
  ],
  TUNNEL_BLOCKED: [
    {
      what: "the tunnel is blocked, ICMP filtered, BGP answers",
      facts: facts({ peer: { echo: nothing, tunnels: [{ name: "vxlan", answer: nothing }] } }),
      where: "vxlan.calico to node2 (192.168.0.82)",
      mend: "ocicat doctor",
      on: "node2",
    },
  ],
  MTU_PATH: [
    {
      what: "a link between is smaller",
      facts: facts({ peer: { full: { bytes: 1500, answer: { came: "refusal", errno: "EMSGSIZE" }, passes: 1400 } } }),
      where: "the way to node2 (192.168.0.82)",
      mend: "ip link set ens33 mtu 1400",
    },
  ],
  ADDRESS_GONE: [
    {
      what: "the address is on no interface",
      facts: facts({
        agent: {
          addresses: [
            { address: parseAddress("192.168.0.99"), length: 24, interfaceName: "ens33", others: [], why: "" },
          ],
        },
      }),
      where: "Node node1",
      mend: "ip address add 192.168.0.99/24 dev ens33",
    },
  ],
  LINK_DOWN: [
    {
      what: "the underlay is down",
      facts: facts(withLink(link(2, "ens33", { up: false }))),
      where: "interface ens33",
      mend: "ip link set ens33 up",
    },
  ],
  ADDRESS_ON_BRIDGE: [
    {
      what: "the address is docker's",
      facts: facts({
        host: {
          links: [...HOST.links, link(9, "docker0", { kind: "bridge" })],
          addresses: [...HOST.addresses, { linkIndex: 9, address: parseAddress("172.17.0.1"), prefixLength: 16 }],
        },
        ...withNodes(clusterNode(NODE, "172.17.0.1/16"), other),
      }),
      where: "interface docker0",
      mend: "IP_AUTODETECTION_METHOD=skip-interface=docker0 ocicat agent",
    },
  ],
  ADDRESS_SHARED: [
    {
      what: "two nodes have one address",
      facts: facts(withNodes(own({}), clusterNode("old", "192.168.0.81/24"))),
      where: "Node node1",
      mend: "ocicat delete node old",
      on: undefined,
    },
  ],
  ADDRESS_DIFFERS: [
    {
      what: "agent and datastore disagree",
      facts: facts({
        agent: {
          addresses: [
            { address: parseAddress("192.168.0.99"), length: 24, interfaceName: "ens33", others: [], why: "" },
          ],
        },
      }),
      where: "Node node1",
      mend: "ocicat get node node1 -o yaml | sed 's#ipv4Address: 192.168.0.81/#ipv4Address: 192.168.0.99/#' | ocicat apply -f -",
      on: undefined,
    },
  ],
  ADDRESS_AMBIGUOUS: [
    {
      what: "another interface would have done",
      facts: facts({
        agent: {
          addresses: [
            {
              address: parseAddress("192.168.0.81"),
              length: 24,
              interfaceName: "ens33",
              others: ["ens34 10.0.0.1/24"],
              why: "first",
            },
          ],
        },
      }),
      where: "interface ens33",
      mend: "IP_AUTODETECTION_METHOD=interface=ens33 ocicat agent",
    },
  ],
  FORWARDING_OFF: [
    {
      what: "nothing is forwarded",
      facts: facts(set("net/ipv4/ip_forward", "0")),
      where: "sysctl net/ipv4/ip_forward",
      mend: "sysctl -w net/ipv4/ip_forward=1",
    },
  ],
  FORWARDING6_OFF: [
    {
      what: "IPv6 is not forwarded",
      facts: facts({ cluster: { pools: [POOL, { ...POOL, cidr: parsePrefix("fd00:10::/64"), vxlanMode: "Never" }] } }),
      where: "sysctl net/ipv6/conf/all/forwarding",
      mend: "sysctl -w net/ipv6/conf/all/forwarding=1",
    },
  ],
  FORWARDING_OFF_INTERFACE: [
    {
      what: "the underlay does not forward",
      facts: facts(set("net/ipv4/conf/ens33/forwarding", "0")),
      where: "sysctl net/ipv4/conf/ens33/forwarding",
      mend: "sysctl -w net/ipv4/conf/ens33/forwarding=1",
    },
  ],
  RP_FILTER_STRICT: [
    {
      what: "the tunnel's filter is strict",
      facts: facts(set("net/ipv4/conf/vxlan.calico/rp_filter", "1")),
      where: "sysctl net/ipv4/conf/vxlan.calico/rp_filter",
      mend: "sysctl -w net/ipv4/conf/vxlan.calico/rp_filter=2",
    },
  ],
  NO_GATEWAY_ROUTE: [
    {
      what: "there is no default route",
      facts: facts({ host: { routes: HOST.routes.slice(1) } }),
      where: "main routing table",
      mend: "ip route add 169.254.1.1/32 dev ens33",
    },
  ],
  PROXY_ARP_OFF: [
    {
      what: "ARP is not answered",
      facts: facts(set("net/ipv4/conf/cali1/proxy_arp", "0")),
      where: "sysctl net/ipv4/conf/cali1/proxy_arp",
      mend: "sysctl -w net/ipv4/conf/cali1/proxy_arp=1",
    },
  ],
  MTU_TUNNEL: [
    {
      what: "the tunnel's MTU is too large",
      facts: facts(withLink(link(3, "vxlan.calico", { kind: "vxlan", mtu: 1500 }))),
      where: "interface vxlan.calico",
      mend: "ip link set vxlan.calico mtu 1450",
    },
    {
      what: "a setting says the tunnel's MTU",
      facts: facts({
        ...withLink(link(3, "vxlan.calico", { kind: "vxlan", mtu: 1500 })),
        cluster: { tunnelMtus: [{ configuration: "default", tunnel: "vxlan", field: "vxlanMTU" }] },
      }),
      where: "interface vxlan.calico",
      mend: "ocicat get felixconfiguration default -o yaml | sed '/vxlanMTU:/d' | ocicat apply -f -",
      on: undefined,
    },
  ],
  MTU_POD: [
    {
      what: "a pod's MTU is of before",
      facts: facts(withLink(link(4, "cali1", { kind: "veth", mtu: 1500 }))),
      where: "pod default/pod1 (cali1)",
      mend: `ip -n "$(ip link show cali1 | sed -n 's/.*link-netns //p')" link set eth0 mtu 1450 && ip link set cali1 mtu 1450`,
    },
  ],
  BACKEND_WITHOUT_POOL: [
    {
      what: "the backend has no pool",
      facts: facts({
        cluster: { pools: [{ ...POOL, vxlanMode: "Never" }], nodes: [own({ backend: "vxlan" }), other] },
      }),
      where: "IPPool pods",
      mend: "ocicat get ippool pods -o yaml | sed 's/vxlanMode: Never/vxlanMode: Always/' | ocicat apply -f -",
      on: undefined,
    },
  ],
  BACKEND_NONE: [
    {
      what: "nobody routes",
      facts: facts(withNodes(own({ backend: "none" }), other)),
      where: "Node node1",
      mend: "CALICO_NETWORKING_BACKEND=bird ocicat agent",
    },
  ],
  KERNEL_WITHOUT_IPIP: [
    {
      what: "the kernel cannot",
      facts: facts({ cluster: { pools: [{ ...POOL, ipipMode: "CrossSubnet", vxlanMode: "Never" }] } }),
      where: "IPPool pods",
      mend: "ocicat get ippool pods -o yaml | sed 's/ipipMode: CrossSubnet/ipipMode: Never/; s/vxlanMode: Never/vxlanMode: CrossSubnet/' | ocicat apply -f -",
      on: undefined,
    },
    {
      what: "the module is not loaded",
      facts: facts({
        host: { ipip: "loadable" },
        cluster: { pools: [{ ...POOL, ipipMode: "Always", vxlanMode: "Never" }] },
      }),
      where: "IPPool pods",
      mend: "modprobe ipip",
    },
  ],
  VXLAN_OFFLOAD: [
    {
      what: "an old kernel computes checksums late",
      facts: facts({
        host: {
          release: "5.4.0-42-generic",
          links: [...HOST.links.slice(0, 2), link(3, "vxlan.calico", { kind: "vxlan", mtu: 1450, txChecksum: true })],
        },
      }),
      where: "interface vxlan.calico",
      mend: "ethtool -K vxlan.calico tx-checksum-ip-generic off",
    },
  ],
  TUNNEL_KEPT: [
    {
      what: "somebody still sends",
      facts: facts({
        cluster: {
          pools: [{ ...POOL, vxlanMode: "Never" }],
          nodes: [own({}), { ...other, sendsBy: ["vxlan"] }],
        },
      }),
      where: "interface vxlan.calico",
      mend: "ocicat doctor",
      on: "node2",
    },
  ],
  BLOCK_OF_NOBODY: [
    {
      what: "a block is nobody's",
      facts: facts({ cluster: { affinities: [{ node: "ghost", block: parsePrefix("10.244.9.0/26") }] } }),
      where: "block 10.244.9.0/26",
      mend: "ocicat delete node ghost --skip-not-exists",
      on: undefined,
    },
  ],
  FIREWALL_DROPS: [
    {
      what: "docker's policy",
      facts: walled(firewallTable({ family: "ip", name: "filter" }, "forward", "FORWARD", "drop")),
      where: "chain ip filter FORWARD",
      mend: "iptables -I FORWARD -i cali+ -j ACCEPT && iptables -I FORWARD -o cali+ -j ACCEPT",
    },
    {
      what: "docker's policy, with its chain for others",
      facts: walled(
        firewallTable({ family: "ip", name: "filter" }, "forward", "FORWARD", "drop", [], [named("DOCKER-USER")]),
      ),
      where: "chain ip filter FORWARD",
      mend: "iptables -I DOCKER-USER -i cali+ -j ACCEPT && iptables -I DOCKER-USER -o cali+ -j ACCEPT",
    },
    {
      what: "a rule against VXLAN",
      facts: walled(
        firewallTable({ family: "inet", name: "fw" }, "input", "in", "accept", [
          rule(none, equal(payload("th dport"), number(22)), verdict(DROP)),
          rule(none, equal(meta("l4proto"), number(17)), equal(payload("th dport"), number(4789)), verdict(DROP)),
        ]),
      ),
      where: "chain inet fw in, rule with handle 2",
      mend: "nft 'insert rule inet fw in udp dport 4789 accept'",
    },
    {
      what: "a policy against BGP, both of its directions",
      facts: walled(
        firewallTable({ family: "inet", name: "fw" }, "input", "in", "drop", [
          rule(none, equal(meta("l4proto"), number(17)), verdict(ACCEPT)),
        ]),
      ),
      where: "chain inet fw in",
      mend: "nft 'insert rule inet fw in tcp dport 179 accept' && nft 'insert rule inet fw in tcp sport 179 accept'",
    },
    {
      what: "iptables' old interface",
      facts: facts({
        firewall: { legacy: [firewallTable({ family: "ip", name: "filter" }, "forward", "FORWARD", "drop").table] },
      }),
      where: "iptables-legacy -t filter, chain FORWARD",
      mend: "iptables-legacy -I FORWARD -i cali+ -j ACCEPT && iptables-legacy -I FORWARD -o cali+ -j ACCEPT",
    },
    {
      what: "firewalld",
      facts: walled(firewallTable({ family: "inet", name: "firewalld" }, "forward", "filter_FORWARD", "drop")),
      where: "chain inet firewalld filter_FORWARD",
      mend: "firewall-cmd --permanent --zone=trusted --add-source=10.244.0.0/16 && firewall-cmd --reload",
    },
    {
      what: "ufw",
      facts: walled(
        firewallTable(
          { family: "ip", name: "filter" },
          "input",
          "INPUT",
          "accept",
          [rule(none, equal(meta("l4proto"), number(17)), verdict(jump("ufw-reject-input")))],
          [named("ufw-reject-input", rule(none, verdict(DROP)))],
        ),
      ),
      where: "chain ip filter ufw-reject-input, rule with handle 1",
      mend: "ufw allow 4789/udp",
    },
  ],
  FIREWALL_UNREAD: [
    {
      what: "iptables' old interface",
      facts: facts({ firewall: { unread: [{ family: 4, name: "filter", why: "EPERM" }] } }),
      where: "legacy table filter (IPv4)",
      mend: "iptables-legacy -t filter -S",
    },
  ],
  LEFTOVER_RULES: [
    {
      what: "Calico's chains in iptables' old interface",
      facts: facts({
        firewall: {
          legacy: [
            firewallTable({ family: "ip", name: "nat" }, "output", "OUTPUT", "accept", [], [named("cali-OUTPUT")])
              .table,
          ],
        },
      }),
      where: "1 chain cali-* in table nat of iptables-legacy",
      mend: "iptables-legacy-save -t nat | grep -v -e 'cali-' | iptables-legacy-restore -T nat",
    },
    {
      what: "Calico's tables",
      facts: walled(firewallTable({ family: "ip6", name: "calico" }, "forward", "filter-cali-FORWARD", "accept")),
      where: "table ip6 calico",
      mend: "nft delete table ip6 calico",
    },
    {
      what: "Calico's chains",
      facts: walled(
        firewallTable(
          { family: "ip", name: "filter" },
          "forward",
          "FORWARD",
          "accept",
          [],
          [named("cali-INPUT"), named("cali-OUTPUT")],
        ),
      ),
      where: "2 chains cali-* in table filter of iptables",
      mend: "iptables-save -t filter | grep -v -e 'cali-' | iptables-restore -T filter",
    },
  ],
  LEFTOVER_INTERFACE: [
    {
      what: "flannel was here",
      facts: facts(withLink(link(9, "flannel.1", { kind: "vxlan" }))),
      where: "interface flannel.1",
      mend: "ip link delete flannel.1",
    },
  ],
  LEFTOVER_CNI_FILE: [
    {
      what: "another file comes first",
      facts: facts({
        host: { cniFiles: [{ file: "/etc/cni/net.d/05-x.conf", name: "x", plugins: ["bridge"] }, ...HOST.cniFiles] },
      }),
      where: "/etc/cni/net.d/05-x.conf",
      mend: "mv /etc/cni/net.d/05-x.conf /etc/cni/net.d/05-x.conf.off",
    },
  ],
  BGP_PORT_TAKEN: [
    {
      what: "an older BIRD runs",
      facts: facts({ host: { listeners: [{ program: "bird -c /etc/bird.cfg", pid: 4711, ours: false }] } }),
      where: "process 4711 (bird -c /etc/bird.cfg)",
      mend: "kill 4711",
    },
  ],
  POOL_OVERLAPS_ROUTE: [
    {
      what: "a static route lies in a pool",
      facts: facts(
        withRoute(
          route("10.244.77.0/24", 2, { protocol: 4, nextHops: [{ via: parseAddress("192.168.0.1"), linkIndex: 2 }] }),
        ),
      ),
      where: "route 10.244.77.0/24 dev ens33",
      mend: "ip route delete 10.244.77.0/24 via 192.168.0.1 dev ens33 proto static",
    },
    {
      what: "another network left a black hole",
      facts: facts(withRoute(route("10.244.77.0/26", 0, { kind: "blackhole", protocol: 17, nextHops: [] }))),
      where: "route 10.244.77.0/26",
      mend: "ip route delete blackhole 10.244.77.0/26 proto 17",
    },
    {
      what: "an interface has an address of a pool",
      facts: facts({
        host: {
          routes: [...HOST.routes, route("10.244.77.0/24", 2)],
          addresses: [...HOST.addresses, { linkIndex: 2, address: parseAddress("10.244.77.5"), prefixLength: 24 }],
        },
      }),
      where: "route 10.244.77.0/24 dev ens33",
      mend: "ip address delete 10.244.77.5/24 dev ens33",
    },
  ],
  POOL_OVERLAPS_NODES: [
    {
      what: "a pool holds the nodes",
      facts: facts({ cluster: { pools: [POOL, { ...POOL, name: "lan", cidr: parsePrefix("192.168.0.0/20") }] } }),
      where: "IPPool lan",
      mend: "ocicat delete ippool lan",
      on: undefined,
    },
  ],
  NEIGHBOUR_TABLE_SMALL: [
    {
      what: "there are many neighbours",
      facts: facts({ host: { neighbours: 1000 } }),
      where: "sysctl net/ipv4/neigh/default/gc_thresh3",
      mend: "sysctl -w net/ipv4/neigh/default/gc_thresh3=2048",
    },
  ],
  CONNTRACK_FULL: [
    {
      what: "there are many connections",
      facts: facts({ host: { connections: { count: 950, max: 1000 } } }),
      where: "sysctl net/netfilter/nf_conntrack_max",
      mend: "sysctl -w net/netfilter/nf_conntrack_max=2000",
    },
  ],
};

describe("a healthy node", () => {
  it("has no finding, and every check has looked", () => {
    expect(diagnose(facts())).toEqual({ node: NODE, findings: [], notLooked: [] });
  });

  it.each<[string, NodeFacts]>([
    [
      "whose address is on an interface with a second one",
      facts({
        host: { addresses: [...HOST.addresses, { linkIndex: 2, address: parseAddress("10.0.0.1"), prefixLength: 8 }] },
      }),
    ],
    ["with docker beside it", facts(withLink(link(9, "docker0", { kind: "bridge" })))],
    ["with a loose filter", facts(set("net/ipv4/conf/all/rp_filter", "2"))],
    [
      "whose tunnel has a smaller MTU than it could",
      facts(withLink(link(3, "vxlan.calico", { kind: "vxlan", mtu: 1400 }))),
    ],
    ["on an old kernel with offload off", facts({ host: { release: "4.19.0" } })],
    [
      "with another network's file after ours",
      facts({
        host: { cniFiles: [...HOST.cniFiles, { file: "/etc/cni/net.d/99-x.conf", name: "x", plugins: ["bridge"] }] },
      }),
    ],
    [
      "with a disabled pool that the kernel cannot do",
      facts({
        cluster: {
          pools: [
            POOL,
            { ...POOL, cidr: parsePrefix("10.9.0.0/16"), ipipMode: "Always", vxlanMode: "Never", disabled: true },
          ],
        },
      }),
    ],
    ["whose peers filter ICMP", facts({ peer: { echo: nothing, full: { bytes: 1500, answer: nothing, passes: 0 } } })],
    ["with our own guard", walled(firewallTable({ family: "inet", name: "ocicat-guard" }, "postrouting", "c", "drop"))],
    [
      "whose firewall accepts in front of its policy",
      walled(
        firewallTable({ family: "inet", name: "fw" }, "forward", "f", "drop", [
          rule(none, equal(meta("iifname"), interfacePrefix("cali")), verdict(ACCEPT)),
          rule(none, equal(meta("oifname"), interfacePrefix("cali")), verdict(ACCEPT)),
        ]),
      ),
    ],
    [
      "whose firewall drops at no hook of ours",
      walled(
        firewallTable(
          { family: "inet", name: "fw" },
          "forward",
          "f",
          "accept",
          [],
          [named("unused", rule(none, verdict(DROP)))],
        ),
      ),
    ],
    ["whose own subnet is a host's", facts(withNodes({ ...own({}), ipv4: at("192.168.0.81/32") }, other))],
  ])("%s has none either", (_what, given) => {
    expect(diagnose(given).findings).toEqual([]);
  });
});

describe("each check", () => {
  it("has a case here", () => {
    expect(Object.keys(CASES)).toEqual(expect.arrayContaining(CHECKS.map(({ code }) => code)));
    expect(CHECKS.map(({ code }) => code)).toEqual(expect.arrayContaining(Object.keys(CASES)));
  });

  it("has a code of its own", () => {
    expect(new Set(CHECKS.map(({ code }) => code)).size).toBe(CHECKS.length);
  });

  const all = Object.entries(CASES).flatMap(([code, cases]) => cases.map((one) => ({ code, ...one })));
  it.each(all)("$code: $what", (given) => {
    // A firewall may drop several kinds of packets: the case is about one of them.
    const all = diagnose(given.facts).findings.filter(({ code }) => code === given.code);
    const found = all.length > 1 ? all.filter(({ mend }) => mend.command === given.mend) : all;
    expect(found).toMatchObject([
      { node: NODE, where: given.where, mend: { command: given.mend, node: "on" in given ? given.on : NODE } },
    ]);
    for (const { what, why } of found)
      expect([what, why].every((text) => text.length > 1 && !text.endsWith("."))).toBe(true);
  });
});

describe("facts that are not there", () => {
  it("are told with the checks that they are missing to", () => {
    const { findings, notLooked } = diagnose({
      ...facts(),
      host: { ok: false, why: "EPERM" },
      agent: { ok: false, why: "away" },
    });
    expect(findings.map(({ code }) => code)).toEqual(["AGENT_AWAY"]);
    expect(notLooked).toContainEqual({ code: "FORWARDING_OFF", why: "EPERM" });
    expect(notLooked).toContainEqual({ code: "ROUTE_PENDING", why: "away" });
  });
});
