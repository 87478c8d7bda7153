import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { editManifest } from "@ocicat/lab/kubernetes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { calicoRules } from "../support/calico-rules.ts";
import { collect, eventually } from "../support/lab.ts";
import { agnhost, TestCluster } from "./support/cluster.ts";

const cluster = new TestCluster();
const NODES = ["controlplane", "node01"];
const NODE = "node01";
const work = mkdtempSync(join(tmpdir(), "ocicat-migrate-"));

/** What Calico's node does that a takeover meets: it holds the port of health, and its pod is ready. */
const CALICO_NODE = {
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: { name: "calico-node", namespace: "kube-system" },
  spec: {
    selector: { matchLabels: { "k8s-app": "calico-node" } },
    template: {
      metadata: { labels: { "k8s-app": "calico-node" } },
      spec: {
        hostNetwork: true,
        terminationGracePeriodSeconds: 0,
        tolerations: [{ operator: "Exists" }],
        containers: [
          {
            name: "calico-node",
            image: "registry.k8s.io/e2e-test-images/agnhost:2.59",
            args: ["netexec", "--http-port=9099", "--udp-port=9098"],
            readinessProbe: { httpGet: { host: "127.0.0.1", path: "/hostname", port: 9099 }, periodSeconds: 1 },
          },
        ],
      },
    },
  },
};

const VXLAN = { config: { calico_backend: "vxlan" }, environment: { CALICO_IPV4POOL_VXLAN: "Always" } };

/** A cluster as Calico has it: its resources, its pods with their interfaces and routes, its rules, its plugin, its DaemonSet. */
beforeAll(async () => {
  await cluster.up();
  await cluster.install(VXLAN);
  await cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s");
  await cluster.apply(agnhost("here", { node: "controlplane" }), agnhost("there", { node: NODE }));
  await Promise.all([cluster.ready("here"), cluster.ready("there")]);
  await cluster.kubectl(
    "-n",
    "kube-system",
    "delete",
    "daemonset/ocicat-node",
    "deployment/ocicat-controllers",
    "--wait=true",
  );
  await cluster.kubectl(
    "-n",
    "kube-system",
    "wait",
    "--for=delete",
    "pod",
    "-l",
    "k8s-app=ocicat-node",
    "--timeout=60s",
  );
  for (const node of NODES) {
    const interfaces = (await cluster.out(node, "sh", "-c", "ls /sys/class/net | grep ^cali")).trim().split("\n");
    await cluster.out(node, "sh", "-ec", calicoRules(interfaces));
    await cluster.out(
      node,
      "sh",
      "-ec",
      "cd /opt/cni/bin; for name in calico calico-ipam; do rm -f $name; echo Calico >$name; done",
    );
  }
  await cluster.apply(CALICO_NODE);
  await cluster.kubectl("-n", "kube-system", "rollout", "status", "daemonset/calico-node", "--timeout=90s");
}, 400_000);

afterAll(async () => {
  rmSync(work, { recursive: true, force: true });
  expect(await cluster.down()).toEqual([]);
});

/** Which of the two runs on a node, and is ready. */
const ready = async (node: string) => {
  const running = await cluster.path(
    '{range .items[*]}{.metadata.labels.k8s-app}={.status.conditions[?(@.type=="Ready")].status} {end}',
    "pods",
    "-n",
    "kube-system",
    "--field-selector",
    `spec.nodeName=${node}`,
  );
  return running.split(" ").filter((each) => /^(calico|ocicat)-node=/.test(each));
};

const tables = (node: string) => cluster.out(node, "nft", "list", "tables");
const migrate = (...args: string[]) => cluster.ocicat("migrate", "calico", ...args);

/** Pings from a node to a pod on another until it is told to stop; which went unanswered. */
function steadyPing(to: string) {
  const child = cluster.lab.spawn("controlplane", ["ping", "-n", "-i", "0.05", "-W", "1", to], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = collect(child);
  return async () => {
    child.kill("SIGINT");
    const { stdout } = await ended;
    const answered = new Set([...stdout.matchAll(/icmp_seq=(\d+) ttl=/g)].map((match) => Number(match[1])));
    const last = Math.max(0, ...answered);
    return { answered: answered.size, missing: last - answered.size };
  };
}

async function felix(bpfEnabled: boolean): Promise<void> {
  const file = join(work, "felix.json");
  const metadata = { name: "default" };
  const document = { apiVersion: "projectcalico.org/v3", kind: "FelixConfiguration", metadata, spec: { bpfEnabled } };
  writeFileSync(file, JSON.stringify(document));
  expect(await cluster.ocicat("apply", "-f", file)).toMatchObject({ code: 0 });
}

describe("a cluster of Calico's", () => {
  it("is looked at before anything is changed: what is kept, and what stands in the way", async () => {
    await felix(true);
    const refused = await migrate("plan");
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/FelixConfiguration default: bpfEnabled/);
    const tried = await migrate("take-over", NODE);
    expect(tried).toMatchObject({ code: 1, stdout: "" });
    expect(tried.stderr).toContain("stands in the way");
    expect(await ready(NODE)).toEqual(["calico-node=True"]);

    await felix(false);
    const fine = await migrate("plan");
    expect(fine).toMatchObject({ code: 0, stderr: "" });
    expect(fine.stdout).toMatch(/IPPool +1\n/);
    expect(fine.stdout).toContain("Nothing stands in the way.");
  });

  it("is not begun without the manifest for it", async () => {
    const { code, stderr } = await migrate("take-over", NODE);
    expect(code).toBe(1);
    expect(stderr).toContain("ocicat-migrate.yaml");
  });

  it("is taken over node by node with pods running, and given back; no ping is lost", async () => {
    const manifest = readFileSync(new URL("../../deploy/ocicat-migrate.yaml", import.meta.url), "utf8");
    await cluster.kubernetes.kubectl(["apply", "-f", "-"], editManifest(manifest, { config: VXLAN.config }));
    const stop = steadyPing(await cluster.podIp("there"));

    const taken = await migrate("take-over", NODE);
    expect(taken).toMatchObject({ code: 0, stderr: "" });
    expect(taken.stdout).toContain(`${NODE}: taken over`);
    expect(await ready(NODE)).toEqual(["ocicat-node=True"]);
    expect(await ready("controlplane")).toEqual(["calico-node=True"]);
    expect(await tables(NODE)).not.toMatch(/ calico$/m);
    expect(await tables("controlplane")).toMatch(/ip calico$/m);
    // A pod that comes now comes by our plugin, and is reached from a node that is Calico's.
    await cluster.apply(agnhost("late", { node: NODE }));
    await cluster.ready("late");
    const { code } = await cluster.exec("controlplane", "ping", "-c", "1", "-W", "2", await cluster.podIp("late"));
    expect(code).toBe(0);

    const back = await migrate("back", NODE);
    expect(back).toMatchObject({ code: 0, stderr: "" });
    expect(await ready(NODE)).toEqual(["calico-node=True"]);
    await eventually(
      () => tables(NODE),
      (text) => !text.includes("ocicat"),
    );
    const report = await stop();
    expect(report.answered).toBeGreaterThan(50);
    expect(report.missing).toBe(0);
  }, 300_000);

  it("is taken over whole, says that its network is there although Calico's said at its end that it goes, and given back", async () => {
    const stop = steadyPing(await cluster.podIp("there"));
    const all = await migrate("take-over", "--all");
    expect(all).toMatchObject({ code: 0, stderr: "" });
    for (const node of NODES) {
      expect(all.stdout).toContain(`${node}: taken over`);
      expect(await ready(node)).toEqual(["ocicat-node=True"]);
      expect(await tables(node)).not.toMatch(/ calico$/m);
    }
    expect((await migrate("take-over", "--all")).stdout).toContain(`${NODE}: is so already`);
    const unavailable = '{.status.conditions[?(@.type=="NetworkUnavailable")].status}';
    const patch = {
      type: "NetworkUnavailable",
      status: "True",
      reason: "CalicoIsDown",
      message: "as calico-node says it",
    };
    await cluster.kubectl(
      "patch",
      `node/${NODE}`,
      "--subresource=status",
      "-p",
      JSON.stringify({ status: { conditions: [patch] } }),
    );
    await eventually(
      () => cluster.path(unavailable, `node/${NODE}`),
      (status) => status === "False",
      45_000,
    );
    const back = await migrate("back", "--all");
    expect(back).toMatchObject({ code: 0, stderr: "" });
    for (const node of NODES) expect(await ready(node)).toEqual(["calico-node=True"]);
    const report = await stop();
    expect(report.missing).toBe(0);
  }, 400_000);
});
