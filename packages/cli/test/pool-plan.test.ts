import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEmbedded, type TestDatastore } from "./support/datastores.ts";
import { contents, loadDump } from "./support/golden.ts";
import { type Outcome, terminal } from "./support/terminal.ts";

let datastore: TestDatastore;
let directory: string;

beforeAll(async () => {
  datastore = await startEmbedded();
  directory = mkdtempSync(join(tmpdir(), "oct-plan-"));
  await loadDump(datastore.endpoint);
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await datastore.stop();
});

const ocicat = (...args: readonly string[]): Promise<Outcome> =>
  terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint } })(...args);

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const POOL = (spec: string, name = "default-ipv4-ippool") =>
  `{ apiVersion: projectcalico.org/v3, kind: IPPool, metadata: { name: ${name} }, spec: { ${spec} } }\n`;

/** Applies a Node with this in it, beside what it has. */
async function changeNode(name: string, change: (yaml: string) => string): Promise<void> {
  const { stdout } = await ocicat("get", "node", name, "-o", "yaml");
  const done = await ocicat("apply", "-f", file(`${name}.yaml`, change(stdout)));
  expect(done.stderr).toBe("");
}

describe("pool plan", () => {
  it("says what nodes do in what order, routes before and after, the MTU, and writes nothing", async () => {
    const before = await contents(datastore.endpoint);
    const { code, stdout, stderr } = await ocicat("pool", "plan", "default-ipv4-ippool", "--vxlan", "Always");
    expect(stderr).toBe("");
    expect(stdout).toBe(`IPPool default-ipv4-ippool: vxlanMode Never → Always

What nodes do, in this order, each by itself:

  1. node1, node2, node3; each when it sees the pool's change:
     makes vxlan.calico with an address of the pool, then publishes it and declares that it sends by VXLAN, in its Node
  2. node1, node2, node3; each when it sees its own declaration:
     moves its routes to vxlan.calico, each once the other node has published; until then the packets go as before

Routes:

  between nodes of one subnet (6), node1 to node2 for one:
    before  10.244.104.0/26 via 192.168.50.12 proto bird
    after   10.244.104.0/26 via 10.244.104.1 dev vxlan.calico onlink

MTU: pods made from now on get 1450 where the interface has 1500: VXLAN takes 50 bytes; pods that run keep 1500 until they are made again, and what is too large for the way is answered by ICMP (fragmentation needed), by which connections shrink their packets: ICMP must not be filtered.

Nothing was written. To do it: ocicat get ippool default-ipv4-ippool -o yaml > default-ipv4-ippool.yaml; change it there; ocicat apply -f default-ipv4-ippool.yaml
`);
    expect(code).toBe(0);
    expect(await contents(datastore.endpoint)).toEqual(before);
  });

  it("takes the pool from a file, also one that is not there yet", async () => {
    const path = file("pool.yaml", POOL("cidr: 10.98.0.0/16, ipipMode: Always", "new"));
    const { code, stdout } = await ocicat("pool", "plan", "-f", path);
    expect(stdout).toContain("IPPool new: ipipMode Always, vxlanMode Never, natOutgoing false");
    expect(stdout).toContain("before  none: the pool is not there");
    expect(stdout).toContain("after   each block of node2 via 192.168.50.12 dev tunl0 proto bird onlink");
    expect(stdout).toContain(`To do it: ocicat apply -f ${path}`);
    expect(code).toBe(0);
  });

  it("says so where nothing changes", async () => {
    const { code, stdout } = await ocicat("pool", "plan", "tiny", "--ipip", "Never", "--nat-outgoing", "false");
    expect([code, stdout]).toEqual([0, "IPPool tiny: nothing changes.\n"]);
  });

  it("is for programs with -o json", async () => {
    const { stdout } = await ocicat("pool", "plan", "default-ipv4-ippool", "--ipip", "CrossSubnet", "-o", "json");
    expect(JSON.parse(stdout)).toMatchObject({
      pool: "default-ipv4-ippool",
      changes: [{ field: "ipipMode", before: "Never", after: "CrossSubnet" }],
      routes: [{ between: "nodes of one subnet", pairs: 6, before: expect.any(String), after: expect.any(String) }],
      mtu: { overheadBefore: 0, overheadAfter: 20 },
      objections: [],
    });
  });
});

describe("pool plan refuses", () => {
  it.each([
    ["a pool that is not there", ["nosuch", "--vxlan", "Always"], "IPPool nosuch: does not exist"],
    ["a mode that is none", ["tiny", "--vxlan", "Sometimes"], '"Sometimes" is not one of Never, Always, CrossSubnet'],
    ["neither true nor false", ["tiny", "--nat-outgoing", "maybe"], '"maybe" is not true or false'],
    ["both tunnels", ["tiny", "--vxlan", "Always", "--ipip", "Always"], "a pool has one encapsulation"],
    ["a change of nothing", ["tiny"], "it is not said what to change"],
    ["a change of no pool", ["--vxlan", "Always"], "it is not said of which pool"],
    ["another format", ["tiny", "--vxlan", "Always", "-o", "wide"], '"wide" is not an output format'],
  ] as const)("%s", async (_what, args, message) => {
    const { code, stdout, stderr } = await ocicat("pool", "plan", ...args);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect([code, stdout]).toEqual([1, ""]);
  });

  it.each([
    ["another CIDR", "cidr: 10.245.0.0/16", "spec.cidr"],
    ["another block size", "cidr: 10.244.0.0/16, blockSize: 27", "spec.blockSize"],
    ["both tunnels", "cidr: 10.244.0.0/16, ipipMode: Always, vxlanMode: Always", "spec.vxlanMode"],
  ])("%s in a file, saying where", async (_what, spec, field) => {
    const path = file("bad.yaml", POOL(spec));
    const { code, stdout, stderr } = await ocicat("pool", "plan", "-f", path);
    expect(stderr).toContain(`${path}, document 1, line 1`);
    expect(stderr).toContain(field);
    expect([code, stdout]).toEqual([1, ""]);
  });

  it("IPIP for IPv6", async () => {
    const path = file("six.yaml", POOL("cidr: fd00:10:244::/48, ipipMode: Always", "six"));
    expect((await ocicat("pool", "plan", "-f", path)).stderr).toContain("IPIP carries IPv4 only");
  });

  it("a file about something else, or about more", async () => {
    const two = file("two.yaml", `${POOL("cidr: 10.98.0.0/16", "a")}---\n${POOL("cidr: 10.97.0.0/16", "b")}`);
    expect((await ocicat("pool", "plan", "-f", two)).stderr).toContain("more in");
    const one = file("one.yaml", POOL("cidr: 10.98.0.0/16", "a"));
    expect((await ocicat("pool", "plan", "tiny", "-f", one)).stderr).toContain("the file is about a");
  });
});

describe("what a pool is stored for and cannot do", () => {
  const NEVER = POOL("cidr: 10.244.0.0/16, natOutgoing: true");

  it("is nothing in one subnet", async () => {
    const { code, stdout, stderr } = await ocicat("apply", "-f", file("never.yaml", NEVER));
    expect([code, stdout, stderr]).toEqual([0, "Successfully applied 1 'IPPool' resource(s)\n", ""]);
  });

  it("is packets across subnets without a tunnel: refused by plan, and told by apply, whose standard output is Calico's", async () => {
    await changeNode("node3", (yaml) => yaml.replace("192.168.50.13/24", "192.168.51.13/24"));
    // Both peer with a router on the first subnet: node3 is told the blocks, and cannot hand it a packet.
    const told =
      "IPPool default-ipv4-ippool: the pool has neither ipipMode nor vxlanMode, and the nodes are on 2 subnets: " +
      "192.168.50.0/24, 192.168.51.0/24: a router between them that does not know the blocks drops the packets, from " +
      "node3 to node1 for one; set vxlanMode or ipipMode to CrossSubnet, or apply BGPPeers by which the router peers with " +
      "the nodes of each subnet\n";
    const path = file("never.yaml", NEVER);
    expect(await ocicat("apply", "-f", path)).toEqual({
      code: 0,
      stdout: "Successfully applied 1 'IPPool' resource(s)\n",
      stderr: `ocicat: ${told}`,
    });
    expect(await ocicat("pool", "plan", "-f", path)).toEqual({ code: 1, stdout: "", stderr: `ocicat: ${told}` });
    const json = await ocicat("pool", "plan", "-f", path, "-o", "json");
    expect(JSON.parse(json.stdout)).toMatchObject({ objections: [{ code: "NEVER_ACROSS_SUBNETS" }] });
    expect(json.code).toBe(1);
  });

  it("is a backend without BGP and a pool without VXLAN", async () => {
    const annotate = (yaml: string) =>
      yaml.replace("metadata:\n", "metadata:\n  annotations: { ocicat.io/backend: vxlan }\n");
    for (const node of ["node1", "node2", "node3"]) await changeNode(node, annotate);
    const { code, stdout, stderr } = await ocicat("apply", "-f", file("never.yaml", NEVER));
    expect([code, stdout]).toEqual([0, "Successfully applied 1 'IPPool' resource(s)\n"]);
    expect(stderr).toContain("and the backend of node1, node2, node3 is vxlan: there is no BGP with this backend");
    expect(stderr).toContain("set vxlanMode to Always or CrossSubnet");
    const mended = await ocicat("apply", "-f", file("vxlan.yaml", POOL("cidr: 10.244.0.0/16, vxlanMode: Always")));
    expect(mended.stderr).not.toContain("backend");
  });

  it("is a node without an address", async () => {
    const six = POOL("cidr: fd00:10:244::/48, vxlanMode: Always", "six");
    const { stderr } = await ocicat("create", "-f", file("six.yaml", six));
    expect(stderr).toContain("IPPool six: node1, node2, node3 have no IPv6 address");
  });
});
