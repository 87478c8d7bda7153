import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, pingCounts, TestLab } from "./support/lab.ts";

/** One pool of a single block: whoever is second must borrow. */
const ONE_BLOCK = `
segments: [lan]
routers: [{ name: gateway, interfaces: [{ segment: lan, address: 192.168.0.1/24 }] }]
nodes:
  - { name: node1, segment: lan, address: 192.168.0.81/24, gateway: 192.168.0.1 }
  - { name: node2, segment: lan, address: 192.168.0.82/24, gateway: 192.168.0.1 }
  - { name: node3, segment: lan, address: 192.168.0.83/24, gateway: 192.168.0.1 }
datastore: node1
pools: [{ name: tiny, cidr: 10.99.0.0/26, blockSize: 26, natOutgoing: true }]
pods: [{ name: owner, node: node1 }, { name: borrower, node: node2 }]
`;

async function bird(lab: TestLab, node: string): Promise<string[]> {
  const routes = JSON.parse(await lab.out(node, "ip", "-j", "route", "show", "proto", "bird")) as {
    dst: string;
    type?: string;
    gateway?: string;
  }[];
  return routes
    .map(
      (route) =>
        `${route.type === "blackhole" ? "blackhole " : ""}${route.dst}${route.gateway === undefined ? "" : ` via ${route.gateway}`}`,
    )
    .sort();
}

describe("nodes come and go", () => {
  const lab = new TestLab();
  beforeAll(() => lab.up());
  afterAll(async () => {
    expect(await lab.down()).toEqual([]);
  });

  it("a fourth node joins the mesh, and its pods are reached from every node", async () => {
    await lab.lab.addNodeNamed("node3", { address: "192.168.0.83/24" });
    const pod = await lab.lab.run("pod4", "default", "node3");
    for (const from of ["pod0", "pod1", "pod2"]) {
      await eventually(
        () => lab.exec(from, "ping", "-c", "1", "-W", "1", pod.addresses[0] ?? ""),
        (result) => pingCounts(result.stdout).received === 1,
      );
    }
    expect((await bird(lab, "master")).filter((route) => route.endsWith("via 192.168.0.83"))).toHaveLength(1);
  });

  it("a node taken away is withdrawn everywhere", async () => {
    await lab.lab.removeNode("node3");
    for (const node of ["master", "node1", "node2"]) {
      await eventually(
        () => bird(lab, node),
        (routes) => routes.every((route) => !route.includes("192.168.0.83")),
      );
      await eventually(
        () => lab.agent(node, "/bgp") as Promise<{ peers: { address: string }[] }>,
        (status) => status.peers.every((peer) => peer.address !== "192.168.0.83"),
      );
    }
    const affinities = lab.ocicat("get", "blockaffinities", "-o", "yaml").stdout;
    expect(affinities).toContain("node: node2");
    expect(affinities).not.toContain("node3");
    expect(lab.ocicat("ipam", "show", "--show-blocks").stdout.match(/^\| Block /gm)).toHaveLength(3);
  });

  it("65 pods on one node claim a second block, announced by one UPDATE", async () => {
    const present = lab.lab
      .pods()
      .list()
      .filter((pod) => pod.node === "node2").length;
    const before = await bird(lab, "master");
    // The first 64 fill the block.
    for (let index = present; index < 64; index++) await lab.lab.run(`fill${index}`, "default", "node2");
    expect(await bird(lab, "master")).toEqual(before);
    const capture = await lab.capture("master", "ens33", "tcp port 179 and src host 192.168.0.82");
    await lab.lab.run("one-more", "default", "node2");
    const added = await eventually(
      async () => (await bird(lab, "master")).filter((route) => !before.includes(route)),
      (routes) => routes.length > 0,
    );
    expect(added).toEqual([expect.stringMatching(/^10\.244\.\d+\.\d+\/26 via 192\.168\.0\.82$/)]);
    const updates = await eventually(
      () => capture.read("bgp.type == 2", "frame.number"),
      (lines) => lines.length > 0,
    );
    await capture.stop();
    capture.forget();
    expect(updates).toHaveLength(1);
    expect(
      lab.lab
        .pods()
        .list()
        .filter((pod) => pod.node === "node2"),
    ).toHaveLength(65);
  }, 120_000);
});

describe("a pool with one block", () => {
  const lab = new TestLab(ONE_BLOCK);
  beforeAll(() => lab.up());
  afterAll(async () => {
    expect(await lab.down()).toEqual([]);
  });

  it("is borrowed from by the other nodes, announced as /32, and reached from every node", async () => {
    const borrower = lab.address("borrower");
    for (const node of ["node1", "node3"]) {
      await eventually(
        () => bird(lab, node),
        (routes) => routes.includes(`${borrower} via 192.168.0.82`),
      );
    }
    expect(await bird(lab, "node1")).toEqual([`${borrower} via 192.168.0.82`, "blackhole 10.99.0.0/26"]);
    for (const [from, to] of [
      ["owner", borrower],
      ["node3", borrower],
      ["borrower", lab.address("owner")],
    ] as const) {
      await eventually(
        () => lab.exec(from, "ping", "-c", "1", "-W", "1", to),
        (result) => pingCounts(result.stdout).received === 1,
      );
    }
    expect(lab.ocicat("routes", "why", borrower).stdout).toContain("learned by BGP from node2");
  });

  it("gives the address back when the pod goes, and withdraws the /32", async () => {
    const borrower = lab.address("borrower");
    await lab.lab.pods().remove("borrower");
    await eventually(
      () => bird(lab, "node1"),
      (routes) => !routes.some((route) => route.startsWith(borrower)),
    );
    await eventually(
      () => bird(lab, "node3"),
      (routes) => !routes.some((route) => route.startsWith(borrower)),
    );
    expect(lab.ocicat("get", "workloadendpoints", "-A").stdout).not.toContain("borrower");
  });
});
