import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, type Output } from "../support/lab.ts";
import { CONF, HandNode } from "./support/hand-node.ts";

/** The verbs that containerd 1.6 calls none of, executed as a runtime of CNI 1.1 does, where the datastore is Kubernetes. */
let node: HandNode;
beforeAll(async () => {
  node = await HandNode.start();
});
afterAll(() => node?.stop());

const DONE = { code: 0, stdout: "", stderr: "" };
const errorOf = ({ code, stdout }: Output) => [code, JSON.parse(stdout) as unknown];

async function added(name: string) {
  const pod = await node.pod(name);
  const { code, stdout, stderr } = await node.plugin("ADD", pod);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return { ...pod, result: JSON.parse(stdout) as { readonly ips: readonly { readonly address: string }[] } };
}

describe("CHECK", () => {
  const check = (pod: Awaited<ReturnType<typeof added>>) =>
    node.plugin("CHECK", pod, { conf: { ...CONF, prevResult: pod.result } });

  it("says nothing of a pod that is as its ADD left it, and what is amiss of one that is not", async () => {
    const pod = await added("checked");
    const address = pod.result.ips[0]?.address ?? "";
    expect(await check(pod)).toEqual(DONE);

    const amiss = async (what: string) =>
      expect(errorOf(await check(pod))).toMatchObject([1, { code: 101, msg: expect.stringContaining(what) as string }]);
    const inPod = (...command: string[]) => node.machine.out("ip", "netns", "exec", pod.name, ...command);
    await inPod("ip", "address", "del", address, "dev", "eth0");
    await amiss(`lacks ${address.split("/")[0]}`);
    await inPod("ip", "address", "add", address, "dev", "eth0");
    await amiss("lacks the default route");
    await inPod("ip", "route", "add", "169.254.1.1", "dev", "eth0", "scope", "link");
    await inPod("ip", "route", "add", "default", "via", "169.254.1.1", "dev", "eth0");
    expect(await check(pod)).toEqual(DONE);

    expect(await node.plugin("DEL", pod)).toEqual(DONE);
    await amiss("there is no WorkloadEndpoint");
    await node.removePod(pod.name);
  });

  it("says so when the pod's address is nobody's in IPAM any more", async () => {
    const pod = await added("robbed");
    const address = pod.result.ips[0]?.address.split("/")[0] ?? "";
    for (const { key, modRevision } of (await node.store.list("/calico/ipam/v2/handle/")).items)
      await node.store.delete(key, modRevision);
    expect(errorOf(await check(pod))).toMatchObject([
      1,
      { code: 101, msg: expect.stringContaining(`${address} is not allocated to`) as string },
    ]);
    await node.removePod(pod.name);
    expect(await node.gc()).toEqual(DONE);
  });
});

describe("GC", () => {
  it("gives back what pods hold that the runtime does not name, with endpoint and cable, and nothing else", async () => {
    const nothing = await node.state();
    const kept = await added("kept");
    const one = await node.state();
    const lost = await added("lost");
    // Its pod and its namespace have gone, and its DEL never came.
    const forgotten = await added("forgotten");
    await node.removePod(forgotten.name);
    expect((await node.state())["addresses"]).toHaveLength(3);

    expect(await node.gc(kept)).toEqual(DONE);
    const links = (await node.state())["links"];
    expect(links).toEqual(one["links"]);
    // What is known of a pod without an address goes with the pod.
    await node.deletePod(lost.name);
    await node.expectState(one);
    expect(await node.plugin("CHECK", kept, { conf: { ...CONF, prevResult: kept.result } })).toEqual(DONE);
    expect(await node.gc(kept)).toEqual(DONE);
    await node.expectState(one);

    expect(await node.gc()).toEqual(DONE);
    await node.deletePod(kept.name);
    await node.expectState(nothing);
    for (const { name } of [kept, lost]) await node.deleteNamespace(name);
  });

  it("without a list is refused whole", async () => {
    const pod = await added("stays");
    const before = await node.state();
    expect(errorOf(await node.ofNetwork("GC"))).toMatchObject([1, { code: 7 }]);
    expect(await node.state()).toEqual(before);
    expect(await node.plugin("DEL", pod)).toEqual(DONE);
    await node.removePod(pod.name);
  });
});

describe("STATUS", () => {
  it("is nothing while an ADD would be served", async () => {
    expect(await node.ofNetwork("STATUS")).toEqual(DONE);
  });

  it("is 50 for a configuration that no pool serves", async () => {
    const six = { ...CONF, ipam: { type: "ocicat-ipam", assign_ipv6: "true" } };
    expect(errorOf(await node.ofNetwork("STATUS", six))).toMatchObject([1, { code: 50 }]);
  });

  it("is 50 while the API server or the agent is away, and nothing again afterwards", async () => {
    await node.cluster.plane.kill("kube-apiserver");
    expect(errorOf(await node.ofNetwork("STATUS"))).toMatchObject([
      1,
      { code: 50, details: expect.stringContaining("the datastore does not answer") as string },
    ]);
    await node.cluster.plane.restart("kube-apiserver");
    await eventually(
      () => node.ofNetwork("STATUS"),
      ({ code }) => code === 0,
      30_000,
    );
    await node.killAgent();
    expect(errorOf(await node.ofNetwork("STATUS"))).toMatchObject([1, { code: 50 }]);
    await node.startAgent();
    expect(await node.ofNetwork("STATUS")).toEqual(DONE);
  });
});
