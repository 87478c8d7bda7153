import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, TestLab } from "./support/lab.ts";
import { CONF, NodeCni } from "./support/node-cni.ts";

/** What limits a pod in a lab: from its endpoint's resource to its packets, and through an agent's end. */
const lab = new TestLab();
const folder = mkdtempSync(join(tmpdir(), `${lab.name}-qos-`));
const MEGABIT = 1_000_000;

function patch(qosControls: object | null): void {
  const file = join(folder, "patch.json");
  writeFileSync(file, JSON.stringify({ spec: { qosControls } }));
  const result = lab.ocicat("patch", "wep", "node1-k8s-pod1-eth0", "-n", "default", "--patch-file", file);
  expect(result, result.stderr).toMatchObject({ code: 0 });
}

const node1 = (...command: [string, ...string[]]) => lab.exec("node1", ...command);
const qdiscs = async () => (await node1("tc", "qdisc", "show")).stdout;
const table = async () => (await node1("nft", "list", "table", "inet", "ocicat-qos")).stdout;

/** Bits a second of a TCP connection from one pod to another. */
async function throughput(from: string, to: string): Promise<number> {
  const server = lab.start(to, "iperf3", "-s", "-1", "--forceflush");
  await new Promise<void>((resolve) => {
    server.child.stdout?.on("data", (chunk) => {
      if (String(chunk).includes("listening")) resolve();
    });
  });
  const report = await lab.out(from, "iperf3", "-c", lab.address(to), "-t", "2", "-O", "1", "-J");
  await server.ended;
  return Number(JSON.parse(report).end.sum_received.bits_per_second);
}

beforeAll(() => lab.up());
afterAll(async () => {
  rmSync(folder, { recursive: true });
  expect(await lab.down()).toEqual([]);
});

describe("qosControls of an endpoint", () => {
  it("limit its bandwidth both ways, also while its agent is away, and go with what asked for them", async () => {
    patch({
      ingressBandwidth: 20 * MEGABIT,
      ingressBurst: 200_000,
      egressBandwidth: 10 * MEGABIT,
      egressBurst: 200_000,
      egressMaxConnections: 8,
    });
    await eventually(qdiscs, (text) => (text.match(/qdisc tbf ca11:/g) ?? []).length === 2);
    await eventually(table, (text) => text.includes("ct count 8"));
    expect(await lab.agent("node1", "/policy/verify")).toMatchObject({ differences: 0, text: [] });
    await lab.lab.kill("agent-node1");
    expect(await throughput("pod1", "pod2")).toBeLessThan(11 * MEGABIT);
    expect(await throughput("pod2", "pod1")).toBeLessThan(22 * MEGABIT);
    patch(null);
    await lab.lab.restartAgent("node1");
    await eventually(qdiscs, (text) => !text.includes("ca11:"));
    await eventually(table, (text) => text === "");
    expect((await node1("ip", "link", "show", "type", "ifb")).stdout).toBe("");
    expect(await throughput("pod1", "pod2")).toBeGreaterThan(50 * MEGABIT);
  });

  it("come with a pod's annotations, and leave with it", async () => {
    const cni = new NodeCni(lab, "node1");
    const annotations = {
      "qos.projectcalico.org/egressBandwidth": "5M",
      "qos.projectcalico.org/ingressPacketRate": "100",
      "cni.projectcalico.org/allowedSourcePrefixes": '["198.51.100.7"]',
    };
    const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=limited;K8S_POD_INFRA_CONTAINER_ID=limited";
    const pod = { containerId: "limited", netns: await cni.namespace(), args };
    const conf = { ...CONF, runtimeConfig: { "io.kubernetes.cri.pod-annotations": annotations } };
    const { code, stdout } = await cni.exec("ADD", pod, conf);
    expect({ code, stdout }).toMatchObject({ code: 0 });
    const stored = lab.ocicat("get", "wep", "node1-k8s-limited-eth0", "-n", "default", "-o", "json");
    expect(JSON.parse(stored.stdout).spec).toMatchObject({
      qosControls: { egressBandwidth: 5 * MEGABIT, ingressPacketRate: 100 },
      allowSpoofedSourcePrefixes: ["198.51.100.7/32"],
    });
    await eventually(qdiscs, (text) => text.includes("ca11: dev bwcali"));
    await eventually(table, (text) => text.includes("limit rate over 100/second"));
    await cni.del(pod);
    await eventually(qdiscs, (text) => !text.includes("ca11:"));
    await eventually(table, (text) => text === "");
  });
});
