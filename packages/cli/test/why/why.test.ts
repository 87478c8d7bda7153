import { blockKey } from "@ocicat/api/ipam";
import { parsePrefix } from "@ocicat/net";
import { beforeAll, describe, expect, it } from "vitest";
import { withStore } from "../support/golden.ts";
import { clusterForAll } from "../support/policy-cluster.ts";

const FAR = `apiVersion: projectcalico.org/v3
kind: Node
metadata: { name: node3 }
spec: { bgp: { ipv4Address: 192.168.1.83/24 }, ipv4VXLANTunnelAddr: 10.244.135.0, vxlanTunnelMACAddr: "66:00:00:00:00:03" }
---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: { name: node3-k8s-far-eth0, namespace: default }
spec: { orchestrator: k8s, node: node3, pod: far, endpoint: eth0, interfaceName: califar, ipNetworks: [10.244.135.1/32], profiles: [k8s-pod-network] }`;

const cluster = clusterForAll(FAR);
const TUNNEL = `apiVersion: projectcalico.org/v3
kind: Node
metadata: { name: node1 }
spec: { bgp: { ipv4Address: 192.168.0.81/24 }, ipv4VXLANTunnelAddr: 10.244.166.128, vxlanTunnelMACAddr: "66:00:00:00:00:01" }`;
beforeAll(async () => {
  expect(await cluster.run("apply -f -", { stdin: TUNNEL })).toMatchObject({ code: 0 });
  await withStore(cluster.endpoint, async (store) => {
    for (const [cidr, node] of [
      ["10.244.166.128/26", "node1"],
      ["10.244.104.0/26", "node2"],
      ["10.244.135.0/26", "node3"],
    ] as const) {
      const value = {
        cidr,
        affinity: `host:${node}`,
        allocations: Array(64).fill(null),
        unallocated: [],
        attributes: [],
        deleted: false,
      };
      await store.put(blockKey(parsePrefix(cidr)), JSON.stringify(value));
    }
  });
});
const why = (line: string) => cluster.run(`why ${line}`);

describe("why", () => {
  it("tells the way from pod to pod, hop by hop, with what decides at each", async () => {
    const { code, stdout, stderr } = await why("web-1 db-0 --port 5432");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(
      stdout,
    ).toBe(`default/web-1 (10.244.166.129 on node1) → default/db-0 (10.244.104.2 on node2), TCP 5432: arrives

default/web-1
  route          default via 169.254.1.1 dev eth0: a pod sends everything to its node
  neighbour      the node answers ARP for 169.254.1.1: proxy_arp on its end of the cable

node1
  route          10.244.104.0/26 via 192.168.0.82 proto 80: on node2 by IPAM, in the same subnet, un-encapsulated
  policy         egress of default/web-1: allowed
                   tier security: GlobalNetworkPolicy block-bad: no rule matches
                   tier security: passed on at its end
                   profile k8s-pod-network: spec.egress[0]: Allow everything
  nat            none: 10.244.104.2 is in IPPool default-ipv4-ippool
  neighbour      192.168.0.82 is asked for by ARP: it is on the subnet 192.168.0.0/24
  encapsulation  none: IPPool default-ipv4-ippool has vxlanMode CrossSubnet, ipipMode Never; both nodes are on 192.168.0.0/24

node2
  route          10.244.104.2 dev calidefdb0 scope link: endpoint default/node2-k8s-db--0-eth0 is here
  policy         ingress of default/db-0: allowed
                   tier default: NetworkPolicy default/db: spec.ingress[0]: Allow TCP from (projectcalico.org/namespace == "default" && app == "web") to port 5432

default/db-0
  arrival        what listens there answers
`);
  });

  it("tells the tunnel that is put around it, and taken off", async () => {
    const { code, stdout } = await why("web-1 far --port 80");
    expect(code).toBe(0);
    expect(stdout).toContain(
      "route          10.244.135.0/26 via 10.244.135.0 dev vxlan.calico onlink: on node3 by IPAM, through VXLAN\n",
    );
    expect(stdout).toContain("encapsulation  VXLAN: 192.168.0.81 → 192.168.1.83 around it, 50 bytes more");
    expect(stdout).toContain("node3\n  encapsulation  VXLAN is taken off\n");
  });

  it("ends where a policy ends it, with exit code 1", async () => {
    const { code, stdout } = await why("prod/web-1 db-0 --port 5432");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^prod\/web-1 .*: denied by policy\n/);
    expect(stdout).toMatch(
      /\nnode2\n.*\n {2}policy {9}ingress of default\/db-0: denied\n.*\n.*: denied at its end, .*\n$/,
    );
  });

  it("ends where there is no route, with the reason", async () => {
    const { code, stdout } = await why("far web-2 --port 80");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^default\/far .*: lost, for there is no route\n/);
    expect(stdout).toMatch(/node3\n {2}route {10}none to 10\.244\.104\.1: .*\n$/);
  });

  it("tells what NAT makes of a source on its way out", async () => {
    const { code, stdout } = await why("web-1 8.8.8.8");
    expect(code).toBe(0);
    expect(stdout).toContain(
      "nat            source 10.244.166.129 becomes 192.168.0.81: IPPool default-ipv4-ippool has natOutgoing, and 8.8.8.8 is in no pool\n",
    );
  });

  it("stays on a node between two pods of it, and begins and ends at nodes and outside", async () => {
    const near = (await why("web-2 db-0 --port 5432")).stdout;
    expect(near.match(/^node/gm)).toHaveLength(1);
    expect(near.match(/^ {2}policy/gm)).toHaveLength(2);
    expect((await why("node1 web-2 --port 80")).stdout).toMatch(/arrives\n\nnode1\n/);
    expect((await why("8.8.8.8 web-2")).stdout).toContain("by routes of others, to node2");
    expect((await why("web-1 node2 --port 22")).stdout).toMatch(
      /node2\n {2}arrival {8}192\.168\.0\.82 is node2's own\n$/,
    );
  });

  it("is for programs as JSON", async () => {
    const { stdout } = await why("web-1 far --port 80 -o json");
    expect(JSON.parse(stdout)).toMatchObject({
      expected: "arrives",
      allowed: true,
      hops: [
        { place: "default/web-1", kind: "pod" },
        {
          place: "node1",
          facts: [
            { about: "route" },
            { about: "policy" },
            { about: "nat" },
            { about: "neighbour" },
            { about: "encapsulation" },
          ],
        },
        { place: "node3", facts: [{ about: "encapsulation" }, { about: "route" }, { about: "policy" }] },
        { place: "default/far" },
      ],
      live: null,
    });
  });

  it("exits with 2 where it cannot answer", async () => {
    expect(await why("nosuch web-1")).toMatchObject({ code: 2, stdout: "" });
    // Refused before anything is sent.
    expect(await why("web-1 far --port 80 --proto sctp --live")).toMatchObject({ code: 2, stdout: "" });
  });
});
