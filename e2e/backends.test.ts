import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, pingCounts, TestLab } from "./support/lab.ts";

const NETWORK = `
segments: [lan]
routers: [{ name: gateway, interfaces: [{ segment: lan, address: 192.168.0.1/24 }] }]
nodes:
  - { name: node1, segment: lan, address: 192.168.0.81/24, gateway: 192.168.0.1 }
  - { name: node2, segment: lan, address: 192.168.0.82/24, gateway: 192.168.0.1 }
  - { name: node3, segment: lan, address: 192.168.0.83/24, gateway: 192.168.0.1 }
datastore: node1
`;

const NODES = ["node1", "node2", "node3"] as const;

const running: TestLab[] = [];
afterAll(async () => {
  for (const lab of running) expect(await lab.down()).toEqual([]);
});

async function up(yaml: string): Promise<TestLab> {
  const lab = new TestLab(NETWORK + yaml);
  running.push(lab);
  await lab.up();
  return lab;
}

async function reaches(lab: TestLab, from: string, address: string): Promise<void> {
  await eventually(
    () => lab.exec(from, "ping", "-c", "1", "-W", "1", address),
    (result) => pingCounts(result.stdout).received === 1,
  );
}

async function routes(lab: TestLab, node: string): Promise<string[]> {
  return (await lab.out(node, "ip", "route")).split("\n").map((line) => line.trim());
}

function vtep(lab: TestLab, node: string): string {
  const { spec } = JSON.parse(lab.ocicat("get", "node", node, "-o", "json").stdout) as {
    spec: { ipv4VXLANTunnelAddr: string };
  };
  return spec.ipv4VXLANTunnelAddr;
}

describe("backend vxlan", () => {
  let lab: TestLab;
  beforeAll(async () => {
    lab = await up(`
backend: vxlan
pools: [{ name: tiny, cidr: 10.99.0.0/26, blockSize: 26, vxlanMode: Always, natOutgoing: true }]
pods: [{ name: pod1, node: node1 }, { name: pod2, node: node2 }, { name: pod3, node: node3 }]
`);
  });

  it("speaks no BGP, and says which backend it is", async () => {
    expect(await lab.out("node1", "ss", "-Hltn", "sport", "=", "179")).toBe("");
    const { metadata } = JSON.parse(lab.ocicat("get", "node", "node1", "-o", "json").stdout) as {
      metadata: { annotations: Record<string, string> };
    };
    expect(metadata.annotations["ocicat.io/backend"]).toBe("vxlan");
  });

  it("routes a block and what other nodes borrowed of it, from every node", async () => {
    for (const from of ["pod1", "pod2", "pod3", "node1", "node2", "node3"]) {
      for (const to of ["pod1", "pod2", "pod3"]) await reaches(lab, from, lab.address(to));
    }
    // Whoever came first has the one block.
    const tables = await Promise.all(NODES.map((node) => routes(lab, node)));
    const owner = tables.findIndex((lines) => lines.some((line) => line.startsWith("blackhole 10.99.0.0/26")));
    for (const [index, lines] of tables.entries()) {
      for (const [other, node] of NODES.entries()) {
        if (other === index) continue;
        const destination = other === owner ? "10.99.0.0/26" : lab.address(`pod${other + 1}`);
        expect(lines).toContain(`${destination} via ${vtep(lab, node)} dev vxlan.calico onlink`);
      }
    }
  });

  it("a borrowed address that is given back is routed no more", async () => {
    const gone = lab.address("pod2");
    await lab.lab.pods().remove("pod2");
    for (const node of NODES) {
      await eventually(
        () => routes(lab, node),
        (lines) => !lines.some((line) => line.startsWith(`${gone} `)),
      );
    }
  });
});

describe("backend bird with several pools", () => {
  it("each travels in its own mode; a tunnel's address that had to be borrowed is reached as well", async () => {
    const lab = await up(`
pools:
  - { name: a-vxlan, cidr: 10.1.0.0/26, blockSize: 26, vxlanMode: Always, natOutgoing: true }
  - { name: b-plain, cidr: 10.2.0.0/16, natOutgoing: true }
pods: [{ name: pod1, node: node1 }, { name: pod2, node: node2 }, { name: pod3, node: node3 }]
`);
    const pods = ["pod1", "pod2", "pod3"].map((pod) => lab.address(pod));
    expect(pods.filter((address) => address.startsWith("10.1.0."))).toHaveLength(1);
    expect(pods.filter((address) => address.startsWith("10.2."))).toHaveLength(2);
    for (const from of ["pod1", "pod2", "pod3"]) for (const to of pods) await reaches(lab, from, to);
    const owner = pods.findIndex((address) => address.startsWith("10.1.0.")) + 1;
    const other = owner === 1 ? 2 : 1;
    const plain = (await routes(lab, `node${owner}`)).find((line) => line.startsWith("10.2.") && line.includes("via"));
    expect(plain).toMatch(/^10\.2\.\S+ via 192\.168\.0\.8\d dev ens33 proto bird$/);
    expect(await routes(lab, `node${other}`)).toContain(
      `10.1.0.0/26 via ${vtep(lab, `node${owner}`)} dev vxlan.calico onlink`,
    );
    // The node's own packets to a pod leave with its tunnel's address, taken from a block that is another node's.
    expect(vtep(lab, `node${other}`)).toMatch(/^10\.1\.0\./);
    await reaches(lab, `node${other}`, pods[owner - 1] ?? "");
  });
});

describe("backend none", () => {
  it("routes to its own pods and to nobody else's", async () => {
    const lab = await up(`
backend: none
pools: [{ name: pool, cidr: 10.3.0.0/16, vxlanMode: Always, natOutgoing: true }]
pods: [{ name: pod1, node: node1 }, { name: pod2, node: node1 }, { name: pod3, node: node2 }]
`);
    await reaches(lab, "pod1", lab.address("pod2"));
    await reaches(lab, "node1", lab.address("pod1"));
    expect((await routes(lab, "node1")).filter((line) => line.includes(" via ") && line.startsWith("10.3."))).toEqual(
      [],
    );
    expect(await lab.out("node1", "ip", "-br", "link")).not.toContain("vxlan.calico");
    expect(await lab.out("node1", "ss", "-Hltn", "sport", "=", "179")).toBe("");
  });
});
