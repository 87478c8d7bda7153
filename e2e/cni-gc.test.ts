import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allocations, ipamProblems } from "./support/datastore.ts";
import { eventually, type Output, TestLab } from "./support/lab.ts";
import { type Attachment, NodeCni } from "./support/node-cni.ts";

/** The verbs that CNI 1.1.0 brought, executed as a runtime of that version does. */
const ONE_NODE = `
segments: [lan]
routers: [{ name: gateway, interfaces: [{ segment: lan, address: 192.168.0.1/24 }] }]
nodes: [{ name: node1, segment: lan, address: 192.168.0.81/24, gateway: 192.168.0.1 }]
datastore: node1
pools: [{ name: tiny, cidr: 10.99.0.0/26, blockSize: 26, natOutgoing: true }]
`;
const CONF = { cniVersion: "1.1.0", name: "ocicat", type: "ocicat", ipam: { type: "ocicat-ipam" } };

const lab = new TestLab(ONE_NODE);
const node1 = new NodeCni(lab, "node1");

beforeAll(() => lab.up());
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

/** A container of a pod, added. */
async function added(containerId: string, conf: unknown = CONF, plugin = "ocicat"): Promise<Attachment> {
  const pod = `K8S_POD_NAMESPACE=default;K8S_POD_NAME=${containerId}`;
  const attachment = {
    containerId,
    netns: await node1.namespace(),
    args: `IgnoreUnknown=1;${pod};K8S_POD_INFRA_CONTAINER_ID=${containerId}`,
  };
  const { code, stdout } = await node1.exec("ADD", attachment, conf, plugin);
  expect({ code, stdout }).toMatchObject({ code: 0 });
  return attachment;
}

const gc = (valid: readonly Attachment[], conf: object = CONF, plugin = "ocicat") =>
  node1.ofNetwork(
    "GC",
    {
      ...conf,
      "cni.dev/valid-attachments": valid.map(({ containerId }) => ({ containerID: containerId, ifname: "eth0" })),
    },
    plugin,
  );

const holders = async () => [...(await allocations(lab.store)).values()].sort();
const endpoints = async () =>
  (await lab.store.list("/calico/resources/v3/projectcalico.org/workloadendpoints/")).items.map(
    ({ value }) => (JSON.parse(value) as { spec: { containerID: string } }).spec.containerID,
  );
const done = { code: 0, stdout: "", stderr: "" };

describe("GC", () => {
  it("gives back what containers hold that the runtime does not name, with endpoint and cable, and nothing else", async () => {
    const tunnelsAndMore = await holders();
    const valid = await added("c1");
    // Its pod has gone, and its DEL never came.
    const lost = await added("c2");
    await lab.out("node1", "ip", "netns", "del", lost.netns.slice("/run/netns/".length));
    await added("c3");
    // Of another network, and of one whose name begins the same.
    await added("other1", { ...CONF, name: "other" });
    await added("dotted1", { ...CONF, name: "ocicat.two" });
    // An address alone, for another plugin's interface.
    await added("bare1", CONF, "ocicat-ipam");
    const links = (await node1.state()).links.filter((name) => name.startsWith("cali"));
    // c2's went with its namespace.
    expect(links).toHaveLength(4);

    expect(await gc([valid])).toEqual(done);
    expect(await holders()).toEqual([...tunnelsAndMore, "ocicat.c1", "ocicat.two.dotted1", "other.other1"].sort());
    expect((await endpoints()).sort()).toEqual(["c1", "dotted1", "other1"]);
    expect(await ipamProblems(lab.store)).toEqual([]);
    // The guard forgets them with the watch.
    await eventually(
      () => node1.state(),
      ({ links, known }) => links.filter((name) => name.startsWith("cali")).length === 3 && known.length === 3,
    );
    const { code } = await node1.exec("ADD", await added("c4"), CONF);
    expect(code).toBe(0);
  });

  it("a second time changes nothing; without a list it is refused whole; under the other name it does the same", async () => {
    const before = await holders();
    const valid = ["c1", "c4"].map((containerId) => ({ containerId, netns: "" }));
    expect(await gc(valid)).toEqual(done);
    expect(await holders()).toEqual(before);
    const refused = await node1.ofNetwork("GC", CONF);
    expect([refused.code, JSON.parse(refused.stdout)]).toMatchObject([1, { code: 7, cniVersion: "1.1.0" }]);
    expect(await holders()).toEqual(before);
    await added("bare2", CONF, "ocicat-ipam");
    expect(await gc(valid, CONF, "ocicat-ipam")).toEqual(done);
    expect(await holders()).toEqual(before);
  });

  it("of a network without any container gives all of it back", async () => {
    expect(await gc([], { ...CONF, name: "other" })).toEqual(done);
    expect(await gc([], { ...CONF, name: "ocicat.two" })).toEqual(done);
    expect(await gc([])).toEqual(done);
    expect(await endpoints()).toEqual([]);
    expect(await ipamProblems(lab.store)).toEqual([]);
  });
});

describe("STATUS", () => {
  const status = (conf: object = CONF) => node1.ofNetwork("STATUS", conf);
  const errorOf = ({ code, stdout }: Output) => [code, JSON.parse(stdout) as unknown];

  it("is nothing while an ADD would be served", async () => {
    expect(await status()).toEqual(done);
  });

  it("is 50 for a configuration that no pool serves, with the reason", async () => {
    const six = { ...CONF, ipam: { type: "ocicat-ipam", assign_ipv6: "true" } };
    const named = { ...CONF, ipam: { type: "ocicat-ipam", ipv4_pools: ["nowhere"] } };
    for (const [conf, why] of [
      [six, "IPv6"],
      [named, "nowhere"],
    ] as const) {
      expect(errorOf(await status(conf))).toMatchObject([
        1,
        { cniVersion: "1.1.0", code: 50, details: expect.stringContaining(why) as string },
      ]);
    }
  });

  it("is 50 while the datastore is locked, away, or the agent is, and nothing again afterwards", async () => {
    lab.ocicat("datastore", "migrate", "lock");
    expect(errorOf(await eventually(status, ({ code }) => code !== 0))).toMatchObject([1, { code: 50 }]);
    lab.ocicat("datastore", "migrate", "unlock");
    await eventually(status, ({ code }) => code === 0);

    await lab.lab.kill("datastore");
    expect(errorOf(await status())).toMatchObject([
      1,
      { code: 50, details: expect.stringContaining("the datastore does not answer") as string },
    ]);
    await lab.lab.restartDatastore();
    await eventually(status, ({ code }) => code === 0);

    await lab.lab.kill("agent-node1");
    expect(errorOf(await status())).toMatchObject([1, { code: 50 }]);
    await lab.lab.restartAgent("node1");
    expect(await status()).toEqual(done);
  });
});
