import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { editManifest, publishProjectImage, waitForReadyNodes } from "@ocicat/lab/kubernetes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/lab.ts";
import { agnhost, expectReach, TestCluster } from "./support/cluster.ts";
import { expectLeast, granted, used } from "./support/rights.ts";

const DEPLOY = new URL("../../deploy/", import.meta.url);
const MANIFEST = readFileSync(new URL("ocicat-fanout.yaml", DEPLOY), "utf8");
const FANOUTS = ["pods", "-n", "kube-system", "-l", "k8s-app=ocicat-fanout"] as const;

const cluster = new TestCluster();

beforeAll(async () => {
  await cluster.up();
  publishProjectImage(cluster.kubernetes);
  const certificates = execFileSync("sh", [fileURLToPath(new URL("fanout-certificates.sh", DEPLOY))], {
    encoding: "utf8",
  });
  await cluster.kubernetes.kubectl(["apply", "-f", "-"], certificates);
  const config = { calico_backend: "vxlan" };
  const environment = { CALICO_IPV4POOL_IPIP: "Never", CALICO_IPV4POOL_VXLAN: "Always" };
  // Here are two nodes, and each has the port once.
  const manifest = editManifest(MANIFEST, { config, environment }).replace("replicas: 3", "replicas: 2");
  await cluster.kubernetes.kubectl(["apply", "-f", "-"], manifest);
  await waitForReadyNodes(cluster.kubernetes);
}, 400_000);

afterAll(async () => {
  expect(await cluster.down()).toEqual([]);
});

const listed = (account: string) => [...used(cluster, account)].filter((right) => right.endsWith(" watch")).sort();

describe("a cluster whose agents read from fan-outs", () => {
  it("has pods that reach each other, policies that apply, and agents that watch nothing themselves", async () => {
    await cluster.kubectl("-n", "kube-system", "rollout", "status", "deployment/ocicat-fanout", "--timeout=120s");
    await cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s");
    await cluster.apply(agnhost("here", { node: "controlplane" }), agnhost("there", { node: "node01" }));
    await Promise.all([cluster.ready("here"), cluster.ready("there")]);
    const web = `${await cluster.podIp("there")}:80`;
    await expectReach(cluster, "here", web, true);
    await cluster.apply({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "closed", namespace: "default" },
      spec: { podSelector: {}, policyTypes: ["Ingress"] },
    });
    await expectReach(cluster, "here", web, false);
    await cluster.kubectl("delete", "networkpolicy", "closed");
    await expectReach(cluster, "here", web, true);
    expect(listed("ocicat-node")).toEqual([]);
    expect(listed("ocicat-fanout")).toContain("/pods watch");
  });

  it("goes on by the other when one is gone", async () => {
    const [gone = ""] = (await cluster.path("{.items[*].metadata.name}", ...FANOUTS)).split(" ");
    await cluster.kubectl("-n", "kube-system", "delete", "pod", gone, "--grace-period=0", "--force");
    await cluster.apply(agnhost("later", { node: "node01" }));
    await cluster.ready("later");
    await expectReach(cluster, "here", `${await cluster.podIp("later")}:80`, true);
    await eventually(
      () => cluster.path('{.items[*].status.conditions[?(@.type=="Ready")].status}', ...FANOUTS),
      (ready) => ready === "True True",
      90_000,
    );
  });

  it("lets a fan-out do what it does", () => {
    const isRare = (right: string) => /\/(services|endpointslices|ipamblocks) (list|watch)$/.test(right);
    expectLeast(granted(MANIFEST, "ocicat-fanout"), used(cluster, "ocicat-fanout"), isRare);
  });
});
