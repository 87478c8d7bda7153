import { isObject } from "@ocicat/api";
import { ApiClient, type ApiObject, type ApiResource, readKubeconfig } from "@ocicat/kubernetes";
import { addressesHeld, addressesUsed } from "../e2e/kubernetes/support/addresses.ts";
import { agnhost, TestCluster } from "../e2e/kubernetes/support/cluster.ts";
import { eventually } from "../e2e/support/lab.ts";
import type { SoakOptions } from "./options.ts";

const NODE = "node01";
const IN_A_ROW = 500;
const AT_ONCE = 50;
const PODS: ApiResource = { group: "", version: "v1", plural: "pods", namespaced: true };

/** Pods on one real kubelet, one after the other and many at once: each runs, and nothing of any stays. */
export async function run({ pods = IN_A_ROW, operations = AT_ONCE }: SoakOptions, say: (line: string) => void) {
  const cluster = new TestCluster();
  try {
    await cluster.up();
    await cluster.install();
    await cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=60s");
    const before = await cables(cluster);
    await inARow(cluster, pods, say);
    await atOnce(cluster, operations, say);
    say(`ADD, as the agent has it: ${latencies(await addTimes(cluster))}`);
    await eventually(
      async () => ({ held: await addressesHeld(cluster), used: await addressesUsed(cluster) }),
      ({ held, used }) => held.join() === used.join(),
      120_000,
    );
    say("no address is held for a pod that is gone");
    await eventually(
      () => cables(cluster),
      (there) => there.join() === before.join(),
    );
    say("no interface is there of a pod that is gone");
  } finally {
    const left = await cluster.down();
    if (left.length > 0) say(`left behind: ${left.join(", ")}`);
  }
}

async function cables(cluster: TestCluster): Promise<string[]> {
  return [...(await cluster.out(NODE, "ip", "-o", "link")).matchAll(/\bcali[0-9a-f]{11}/g)]
    .map(([name]) => name)
    .sort();
}

/** By the API itself: a kubectl a step would take as much of a machine as the pod. */
async function inARow(cluster: TestCluster, count: number, say: (line: string) => void): Promise<void> {
  const api = new ApiClient({ target: readKubeconfig(cluster.kubernetes.kubeconfig) });
  const times: number[] = [];
  try {
    for (let index = 0; index < count; index += 1) {
      const began = performance.now();
      const place = { namespace: "default", name: `row-${index}` };
      await api.create(PODS, place.namespace, agnhost(place.name, { node: NODE, args: ["pause"] }));
      const look = () => api.get(PODS, place);
      await eventually(look, isReady, 300_000);
      times.push(performance.now() - began);
      await api.delete(PODS, place);
      await eventually(look, (pod) => pod === undefined, 300_000);
      if ((index + 1) % 100 === 0) say(`${index + 1} pods in a row`);
    }
  } finally {
    await api.close();
  }
  say(`${count} pods in a row, from their creation to Ready: ${latencies(times)}`);
}

function isReady(pod: ApiObject | undefined): boolean {
  const status = pod?.["status"];
  const conditions: unknown[] = isObject(status) && Array.isArray(status["conditions"]) ? status["conditions"] : [];
  return conditions.some((each) => isObject(each) && each["type"] === "Ready" && each["status"] === "True");
}

async function atOnce(cluster: TestCluster, count: number, say: (line: string) => void): Promise<void> {
  const began = performance.now();
  const labels = { soak: "at-once" };
  await cluster.apply(
    ...Array.from({ length: count }, (_, index) => agnhost(`once-${index}`, { node: NODE, args: ["pause"], labels })),
  );
  await cluster.kubectl("wait", "--for=condition=Ready", "pods", "-l", "soak=at-once", "--timeout=600s");
  say(`${count} pods at once, all Ready after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  await cluster.kubectl("delete", "pods", "-l", "soak=at-once", "--wait", "--timeout=600s");
}

/** Milliseconds of each ADD that its agent has answered, from its log. */
async function addTimes(cluster: TestCluster): Promise<number[]> {
  const selector = ["-n", "kube-system", "-l", "k8s-app=ocicat-node", `--field-selector=spec.nodeName=${NODE}`];
  const agent = await cluster.path("{.items[0].metadata.name}", "pods", ...selector);
  const log = await cluster.kubectl("logs", "-n", "kube-system", agent);
  return log.split("\n").flatMap((line) => {
    const entry: unknown = line.startsWith("{") ? JSON.parse(line) : undefined;
    if (!isObject(entry) || entry["message"] !== "CNI request done" || entry["command"] !== "ADD") return [];
    return [Number(entry["milliseconds"])];
  });
}

function latencies(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(0);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms (${sorted.length})`;
}
