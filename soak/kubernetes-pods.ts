import { isObject } from "@ocicat/api";
import { addressesHeld, addressesUsed } from "../e2e/kubernetes/support/addresses.ts";
import { agnhost, TestCluster } from "../e2e/kubernetes/support/cluster.ts";
import { eventually } from "../e2e/support/lab.ts";
import type { SoakOptions } from "./options.ts";

const NODE = "node01";
const IN_A_ROW = 500;
const AT_ONCE = 50;

/** Pods on one real kubelet, one after the other and many at once: each runs, and nothing of any stays. */
export async function run({ pods = IN_A_ROW, operations = AT_ONCE }: SoakOptions, say: (line: string) => void) {
  const cluster = new TestCluster();
  try {
    await cluster.up();
    await cluster.install();
    await cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=60s");
    await inARow(cluster, pods, say);
    await atOnce(cluster, operations, say);
    say(`ADD, as the agent has it: ${latencies(await addTimes(cluster))}`);
    await eventually(
      async () => ({ held: await addressesHeld(cluster), used: await addressesUsed(cluster) }),
      ({ held, used }) => held.join() === used.join(),
      120_000,
    );
    say("no address is held for a pod that is gone");
  } finally {
    const left = await cluster.down();
    if (left.length > 0) say(`left behind: ${left.join(", ")}`);
  }
}

async function inARow(cluster: TestCluster, count: number, say: (line: string) => void): Promise<void> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const began = performance.now();
    const name = `row-${index}`;
    await cluster.apply(agnhost(name, { node: NODE, args: ["pause"] }));
    await cluster.ready(name, "default", 300);
    times.push(performance.now() - began);
    await cluster.kubectl("delete", "pod", name, "--wait", "--timeout=300s");
    if ((index + 1) % 100 === 0) say(`${index + 1} pods in a row`);
  }
  say(`${count} pods in a row, from kubectl apply to Ready: ${latencies(times)}`);
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
