import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applyTo } from "./support/apply.ts";
import { allocations, ipamProblems } from "./support/datastore.ts";
import { eventually, pingCounts, TestLab } from "./support/lab.ts";
import { type Attachment, CONF, NodeCni } from "./support/node-cni.ts";

/** Which pool a pod's address is from: what its annotations ask for, what its namespace may, what its node may. */
const lab = new TestLab(`
segments: [lan]
routers: [{ name: gateway, interfaces: [{ segment: lan, address: 192.168.0.1/24 }] }]
nodes: [{ name: node1, segment: lan, address: 192.168.0.81/24, gateway: 192.168.0.1 }]
datastore: node1
pools: [{ name: usual, cidr: 10.91.0.0/24 }]
`);
const node1 = new NodeCni(lab, "node1");

beforeAll(() => lab.up());
afterAll(async () => {
  expect(await ipamProblems(lab.store)).toEqual([]);
  expect(await lab.down()).toEqual([]);
});

/** As containerd hands a pod's annotations over. */
const annotated = (annotations: Readonly<Record<string, readonly string[]>>) => ({
  ...CONF,
  runtimeConfig: {
    "io.kubernetes.cri.pod-annotations": Object.fromEntries(
      Object.entries(annotations).map(([name, list]) => [`cni.projectcalico.org/${name}`, JSON.stringify(list)]),
    ),
  },
});

async function attachment(pod: string, namespace = "default"): Promise<Attachment> {
  const names = `K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${pod};K8S_POD_INFRA_CONTAINER_ID=${pod}`;
  return { containerId: pod, netns: await node1.namespace(), args: `IgnoreUnknown=1;${names}` };
}

/** The addresses that it got, without their lengths. */
async function added(pod: Attachment, conf: unknown = CONF): Promise<readonly string[]> {
  const { code, stdout } = await node1.exec("ADD", pod, conf);
  expect({ code, stdout }).toMatchObject({ code: 0 });
  const { ips } = JSON.parse(stdout) as { ips: readonly { readonly address: string }[] };
  return ips.map(({ address }) => address.split("/")[0] ?? "");
}

const apply = (kind: string, name: string, spec: object) => applyTo(lab, { kind, name, spec });

async function reaches(from: Attachment, address: string): Promise<unknown> {
  const namespace = from.netns.slice("/run/netns/".length);
  const { stdout } = await lab.exec("node1", "ip", "netns", "exec", namespace, "ping", "-c", "1", "-W", "2", address);
  return pingCounts(stdout);
}

const blocks = async () =>
  (await lab.store.list("/calico/ipam/v2/assignment/")).items.map(
    ({ value }) => (JSON.parse(value) as { cidr: string }).cidr,
  );

describe("a pod's annotations", () => {
  it("ipv4pools gives it an address of that pool, one by CIDR and with Manual assignment too, and it reaches the others", async () => {
    apply("IPPool", "named", { cidr: "10.92.0.0/24", assignmentMode: "Manual" });
    const [usual, chosen] = [await attachment("usual"), await attachment("chosen")];
    const [address] = await added(usual);
    expect(address).toMatch(/^10\.91\.0\./);
    expect(await added(chosen, annotated({ ipv4pools: ["10.92.0.0/24"] }))).toEqual([
      expect.stringMatching(/^10\.92\.0\./),
    ]);
    expect(await reaches(chosen, address ?? "")).toEqual({ sent: 1, received: 1 });
  });

  it("ipAddrs gives it exactly that; who asks for it next is refused with the holder's name, and nothing is left of it", async () => {
    const conf = annotated({ ipAddrs: ["10.92.0.77"] });
    const first = await attachment("first");
    expect(await added(first, conf)).toEqual(["10.92.0.77"]);
    const before = await allocations(lab.store);
    const second = await node1.exec("ADD", await attachment("second"), conf);
    expect([second.code, second.stdout]).toEqual([1, expect.stringContaining("ocicat.first")]);
    expect(await allocations(lab.store)).toEqual(before);
  });

  it("a pool that is not there is refused by name", async () => {
    const { code, stdout } = await node1.exec("ADD", await attachment("lost"), annotated({ ipv4pools: ["nowhere"] }));
    expect([code, stdout]).toEqual([1, expect.stringContaining("nowhere")]);
  });
});

describe("a pool with a namespaceSelector", () => {
  it("serves pods of the namespaces that its selector finds, by the labels in their profiles, and no others", async () => {
    apply("Profile", "kns.blue", { labelsToApply: { "pcns.team": "blue" } });
    apply("IPPool", "team", { cidr: "10.93.0.0/24", namespaceSelector: "team == 'blue'" });
    apply("IPPool", "usual", { cidr: "10.91.0.0/24", namespaceSelector: "!has(team)" });
    expect(await added(await attachment("a", "blue"))).toEqual([expect.stringMatching(/^10\.93\.0\./)]);
    expect(await added(await attachment("b", "red"))).toEqual([expect.stringMatching(/^10\.91\.0\./)]);
  });
});

describe("a pool that turns away from a node", () => {
  it("keeps a block in use until its last address is given back, and then it is gone", async () => {
    apply("IPPool", "leaving", { cidr: "10.94.0.0/24" });
    const last = await attachment("last");
    await added(last, annotated({ ipv4pools: ["leaving"] }));
    apply("IPPool", "leaving", { cidr: "10.94.0.0/24", nodeSelector: "has(elsewhere)" });
    const conf = annotated({ ipv4pools: ["leaving"] });
    // By name the pool still serves it: selectors do not count there. So another address of it is in use for a while.
    const more = await attachment("more");
    await added(more, conf);
    await node1.del(more);
    expect(await blocks()).toContainEqual(expect.stringMatching(/^10\.94\./));
    await node1.del(last);
    await eventually(blocks, (there) => there.every((cidr) => !cidr.startsWith("10.94.")));
  });

  it("loses an empty block at once", async () => {
    apply("IPPool", "early", { cidr: "10.95.0.0/24" });
    const pod = await attachment("early");
    await added(pod, annotated({ ipv4pools: ["early"] }));
    await node1.del(pod);
    expect(await blocks()).toContainEqual(expect.stringMatching(/^10\.95\./));
    apply("IPPool", "early", { cidr: "10.95.0.0/24", nodeSelector: "has(elsewhere)" });
    await eventually(blocks, (there) => there.every((cidr) => !cidr.startsWith("10.95.")));
  });
});
