import { type NodeProgram, rebootNode, startNodeProgram, stopNodeProgram } from "@ocicat/lab/kubernetes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/lab.ts";
import { addressesHeld, addressesUsed } from "./support/addresses.ts";
import { churn } from "./support/churn.ts";
import { agnhost, TestCluster } from "./support/cluster.ts";

/**
 * Whatever ends, pods that run lose no packet, and in the end every pod has its address and no address is held for nobody. All of
 * it while pods come and go.
 */
describe("a cluster of which something ends, under churn", () => {
  const cluster = new TestCluster();

  beforeAll(async () => {
    await cluster.up();
    await cluster.install();
    await cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=20s");
    await cluster.apply(agnhost("target", { node: "node01", args: ["pause"] }));
    await cluster.ready("target");
    // In a file: a log is read by a runtime that may be away.
    const steady = `ping -i 0.1 ${await cluster.podIp("target")} >/tmp/answers 2>&1`;
    await cluster.apply(agnhost("steady", { node: "controlplane", command: ["/bin/sh", "-c", steady] }));
    await cluster.ready("steady");
  });
  afterAll(async () => {
    expect(await cluster.down()).toEqual([]);
  });

  const context = () => cluster.kubernetes.nodeContext(cluster.kubernetes.controlPlane());
  const crash = async (program: NodeProgram): Promise<void> => {
    await stopNodeProgram(context(), "node01", program);
    await startNodeProgram(context(), cluster.kubernetes.node("node01"), program);
  };
  const restart = async (part: "etcd" | "kube-apiserver"): Promise<void> => {
    await cluster.kubernetes.controlPlane().kill(part);
    await cluster.kubernetes.controlPlane().restart(part);
    await cluster.kubernetes.controlPlane().waitUntilReady();
  };
  /** Inside the node's own list of processes there is no other. */
  const killOnNode = (program: string) => cluster.out("node01", "sh", "-c", `kill -9 $(pgrep -f '${program}')`);

  /** Every pod has its address, nobody else has one, nothing was lost; and the pods that came are gone again. */
  const expectRecovered = async (): Promise<void> => {
    await cluster.kubectl("wait", "--for=condition=Ready", "pods", "-l", "churn=yes", "--timeout=150s");
    await expectNoAddressLeaked(cluster);
    expect(await lost(cluster)).toBe(0);
    await cluster.kubectl("delete", "pods", "-l", "churn=yes", "--wait", "--timeout=150s");
    await expectNoAddressLeaked(cluster);
  };

  it.each<readonly [string, () => Promise<unknown>]>([
    ["its API server", () => restart("kube-apiserver")],
    ["its etcd", () => restart("etcd")],
    ["a kubelet", () => crash("kubelet")],
    ["a containerd", () => crash("containerd")],
    ["an agent", () => killOnNode("^/usr/bin/node /usr/local/bin/ocicat agent")],
  ])("survives the end of %s", async (what, end) => {
    const pods = churn(cluster, what.replace(/^\S+ /, "").replaceAll(" ", "-").toLowerCase());
    try {
      await eventually(pods.made, (made) => made >= 4, 60_000);
      await end();
      const then = pods.made();
      await eventually(pods.made, (made) => made >= then + 4, 60_000);
    } finally {
      await pods.stop();
    }
    await expectRecovered();
  });

  it("survives plugins that are killed in the middle of what they do", async () => {
    const killer = cluster.lab.spawn("node01", ["sh", "-c", KILL_PLUGINS], { stdio: "ignore" });
    const pods = churn(cluster, "killed");
    try {
      await new Promise((resolve) => killer.once("exit", resolve));
    } finally {
      killer.kill();
      await pods.stop();
    }
    await expectRecovered();
  });

  it("has a node come back from a power cut, with its pods and without what they had", async () => {
    await rebootNode(cluster.kubernetes, "node01");
    await eventually(
      () => cluster.path("{.status.containerStatuses[0].restartCount}", "pod/target"),
      (count) => Number(count) > 0,
      150_000,
    );
    await cluster.kubectl("wait", "--for=condition=Ready", "pods", "--all", "--timeout=150s");
    await expectNoAddressLeaked(cluster);
  });
});

/** Ten of them, each as soon as it is seen: in an ADD or a DEL, wherever it is. */
const KILL_PLUGINS = `
killed=0
while [ $killed -lt 10 ]; do
  for pid in $(pgrep -x calico); do kill -9 $pid 2>/dev/null && killed=$((killed + 1)); done
done`;

async function expectNoAddressLeaked(cluster: TestCluster): Promise<void> {
  await eventually(
    async () => ({ held: await addressesHeld(cluster), used: await addressesUsed(cluster) }),
    ({ held, used }) => used.length > 0 && held.join() === used.join(),
    150_000,
  );
}

/** How many questions had no answer, of those before one that was answered from now on. */
async function lost(cluster: TestCluster): Promise<number> {
  const answers = async (): Promise<number[]> => {
    const { stdout } = await cluster.inPod("steady", ["cat", "/tmp/answers"]);
    return [...stdout.matchAll(/ seq=(\d+) /g)].map((match) => Number(match[1]));
  };
  const before = (await answers()).length;
  const answered = await eventually(answers, ({ length }) => length > before);
  return (answered.at(-1) ?? 0) + 1 - answered.length;
}
