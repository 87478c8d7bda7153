import { projectManifest } from "@ocicat/lab/kubernetes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collect, eventually } from "../support/lab.ts";
import { agnhost, expectReach, TestCluster } from "./support/cluster.ts";
import { expectLeast, granted, used } from "./support/rights.ts";

const cluster = new TestCluster();

beforeAll(async () => {
  await cluster.up();
  await cluster.install({ config: { calico_backend: "vxlan" }, environment: { CALICO_IPV4POOL_VXLAN: "Always" } });
}, 300_000);

afterAll(async () => {
  expect(await cluster.down()).toEqual([]);
});

const AGENTS = ["pods", "-n", "kube-system", "-l", "k8s-app=ocicat-node"];

/** Granted and not used in this test: what it is for. */
const RARE: Readonly<Record<string, readonly (readonly [rights: RegExp, why: string])[]>> = {
  "ocicat-node": [
    [/^(services|endpointslices) (list|watch)$/, "a policy names a service, or services are announced"],
    [/^(blockaffinities|ipamblocks) (get|patch|delete)$/, "a block is given up, or claimed by two at once"],
    [/^ipamhandles update$/, "a second address of one pod"],
    [/^(ippools|tiers) get$/, "agents start at once, and another was faster"],
    [/^(clusterinformations|ippools|tiers) (create|update)$/, "whichever agent comes first"],
    [/^clusterinformations get$/, "an agent that comes later"],
    [/^caliconodestatuses (get|update)$/, "somebody asks for a node's state"],
  ],
  "ocicat-controllers": [
    [/^services\/status patch$/, "a service of type LoadBalancer"],
    [/^hostendpoints \w+$/, "host endpoints of their own accord"],
    [/^kubecontrollersconfigurations (get|update)$/, "somebody made one, whose status says what holds"],
    [
      /^(blockaffinities|ipamblocks|ipamhandles) \w+$/,
      "addresses are collected after a grace period, and given to services",
    ],
  ],
};

const isRare = (account: string, each: string) =>
  (RARE[account] ?? []).some(([rights]) => rights.test(each.slice(each.indexOf("/") + 1)));

describe("an upgrade", () => {
  it("goes node by node, and no ping between pods' nodes is lost", async () => {
    await cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s");
    await cluster.apply(agnhost("stays", { node: "node01" }));
    await cluster.ready("stays");
    const ping = cluster.lab.spawn(
      "controlplane",
      ["ping", "-n", "-i", "0.05", "-W", "1", await cluster.podIp("stays")],
      {
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const ended = collect(ping);
    const before = await cluster.path("{.items[*].metadata.uid}", ...AGENTS);
    // Another version's manifest has another template.
    await cluster.kubectl("-n", "kube-system", "set", "env", "daemonset/ocicat-node", "OCICAT_LOG_LEVEL=debug");
    await cluster.kubectl("-n", "kube-system", "rollout", "status", "daemonset/ocicat-node", "--timeout=120s");
    const after = await cluster.path("{.items[*].metadata.uid}", ...AGENTS);
    for (const uid of before.split(" ")) expect(after).not.toContain(uid);
    ping.kill("SIGINT");
    const { stdout } = await ended;
    const answered = new Set([...stdout.matchAll(/icmp_seq=(\d+) ttl=/g)].map((match) => Number(match[1])));
    expect(answered.size).toBeGreaterThan(20);
    expect(Math.max(...answered) - answered.size).toBe(0);
    // Each agent took its word back when it ended, and gave it again.
    const path = '{range .items[*].status.conditions[?(@.type=="NetworkUnavailable")]}{.status} {.reason};{end}';
    await eventually(
      () => cluster.path(path, "nodes"),
      (told) => told === "False OcicatIsUp;False OcicatIsUp;",
    );
  });
});

describe("what agents and controllers may do is what they do", () => {
  it("while pods come and go, policies apply, services are matched and addresses are collected", async () => {
    await cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s");
    await cluster.apply(agnhost("here", { node: "controlplane" }), agnhost("there", { node: "node01" }), {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "web", namespace: "default" },
      spec: { podSelector: { matchLabels: { app: "there" } }, ingress: [{ ports: [{ port: 80 }] }] },
    });
    await Promise.all([cluster.ready("here"), cluster.ready("there")]);
    await expectReach(cluster, "here", `${await cluster.podIp("there")}:80`, true);
    await cluster.kubectl("delete", "pod", "there", "--wait=true");
    await cluster.kubectl(
      "-n",
      "kube-system",
      "wait",
      "--for=condition=Available",
      "deployment/ocicat-controllers",
      "--timeout=90s",
    );
    await eventually(
      () => Promise.resolve([...used(cluster, "ocicat-controllers")]),
      (rights) => rights.includes("coordination.k8s.io/leases update"),
      60_000,
    );
  });

  it.each(["ocicat-node", "ocicat-controllers"])("%s", (account) => {
    expectLeast(granted(projectManifest(), account), used(cluster, account), (right) => isRare(account, right));
  });
});
