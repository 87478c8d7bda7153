import { rebootNode } from "@ocicat/lab/kubernetes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/lab.ts";
import { agnhost, TestCluster } from "./support/cluster.ts";
import { installReferenceNetwork } from "./support/reference-network.ts";

/**
 * The cluster that the other tests rest on, by itself: the network is the reference plugins', so that what fails here is not
 * Ocicat's.
 */
describe("a cluster in a lab", () => {
  const cluster = new TestCluster();
  const nodes = ["controlplane", "node01"];

  beforeAll(() => cluster.up());
  afterAll(async () => {
    expect(await cluster.down()).toEqual([]);
  });

  const conditions = () => cluster.path('{.items[*].status.conditions[?(@.type=="Ready")].status}', "nodes");

  it("has nodes that wait for a network", async () => {
    expect(await cluster.path("{.items[*].metadata.name}", "nodes")).toBe(nodes.join(" "));
    expect(await conditions()).toBe("False False");
    // The runtime makes the directory, to watch it.
    expect(await cluster.out("node01", "ls", "/etc/cni/net.d")).toBe("");
  });

  it("runs pods as soon as there is one", async () => {
    await installReferenceNetwork(cluster);
    await cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=20s");
    await cluster.apply(agnhost("here", { node: "controlplane" }), agnhost("there", { node: "node01" }));
    await Promise.all([cluster.ready("here"), cluster.ready("there")]);
    expect(await cluster.podIp("there")).toMatch(/^10\.99\.1\./);
  });

  it("shows what a pod runs and says", async () => {
    expect((await cluster.inPod("there", ["hostname"])).stdout.trim()).toBe("there");
    expect(await cluster.kubectl("logs", "here")).toContain("Started HTTP server on port 80");
  });

  it("pulls an image that is asked for as a walk-through does", async () => {
    await cluster.kubectl("run", "seed", "--image=busybox", "--image-pull-policy=Always", "--", "sleep", "10000");
    await cluster.ready("seed");
  });

  it("has services", async () => {
    await cluster.kubectl("expose", "pod", "here", "--port=80");
    const address = await cluster.path("{.spec.clusterIP}", "service/here");
    const { stdout } = await eventually(
      () => cluster.inPod("here", ["curl", "-s", "--max-time", "2", `http://${address}/hostname`]),
      ({ code }) => code === 0,
    );
    expect(stdout).toBe("here");
  });

  it("has nodes that come back from a power cut with their pods", async () => {
    await rebootNode(cluster.kubernetes, "node01");
    await eventually(
      () => cluster.path("{.status.containerStatuses[0].restartCount}", "pod/there"),
      (count) => Number(count) > 0,
      60_000,
    );
    await cluster.ready("there");
  });

  it("leaves the machine's own settings as they were", async () => {
    const { stdout } = await cluster.exec("node01", "cat", "/proc/sys/vm/overcommit_memory");
    expect(stdout).toBe("1\n");
    const { stdout: machine } = await cluster.exec("gateway", "cat", "/proc/sys/vm/overcommit_memory");
    expect(machine).toBe("0\n");
  });
});
