/**
 * From a pod's creation to the first ping that it answers, asked from another node: a cluster of two nodes with real kubelets and
 * containerd, with our network, and then another one with Debian's ptp and host-local, between routes made by hand.
 */
import { isObject } from "@ocicat/api";
import { ApiClient, type ApiResource, readKubeconfig } from "@ocicat/kubernetes";
import { formatAddress, ipv4, parseAddress, parsePrefix } from "@ocicat/net";
import { agnhost, TestCluster } from "../e2e/kubernetes/support/cluster.ts";
import { installReferenceNetwork } from "../e2e/kubernetes/support/reference-network.ts";
import { type Case, measured, median, percentile } from "./report.ts";

const COUNT = Number(process.env["OCICAT_BENCH_PODS"] ?? "15");
const NODE = "node01";
const FROM = "controlplane";
const PODS: ApiResource = { group: "", version: "v1", plural: "pods", namespaced: true };

interface Network {
  readonly install: (cluster: TestCluster) => Promise<void>;
  /** What the node's next pod will have: asked before there is one, so that it can be pinged from its first moment on. */
  readonly nextAddress: (cluster: TestCluster) => Promise<string>;
}

const OURS: Network = {
  install: (cluster) => cluster.install(),
  async nextAddress(cluster) {
    const { items } = await cluster.get("ipamblocks.crd.projectcalico.org");
    for (const { spec } of (Array.isArray(items) ? items : []).filter(isObject)) {
      if (!isObject(spec) || spec["affinity"] !== `host:${NODE}` || !Array.isArray(spec["unallocated"])) continue;
      return formatAddress(parsePrefix(String(spec["cidr"])).nth(Number(spec["unallocated"][0])));
    }
    throw new Error(`${NODE} has no block`);
  },
};

const REFERENCE: Network = {
  install: installReferenceNetwork,
  async nextAddress(cluster) {
    const last = await cluster.out(NODE, "cat", "/var/lib/cni/networks/reference/last_reserved_ip.0");
    const address = parseAddress(last.trim());
    if (typeof address !== "number") throw new Error(`${last} is not IPv4`);
    return formatAddress(ipv4(address + 1));
  },
};

export async function run(): Promise<Case[]> {
  const ours = await measure(OURS);
  const reference = await measure(REFERENCE);
  const peer = (value: number) => ({ name: "ptp + host-local", value });
  return [
    measured("pod created to first ping, p50", "ms", median(ours), peer(median(reference)), {
      kind: "at most",
      value: 1.2,
    }),
    measured("pod created to first ping, most", "ms", percentile(ours, 100), peer(percentile(reference, 100)), {
      kind: "none",
    }),
  ];
}

async function measure(network: Network): Promise<number[]> {
  const cluster = new TestCluster();
  const times: number[] = [];
  try {
    await cluster.up();
    await network.install(cluster);
    await cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=60s");
    const api = new ApiClient({ target: readKubeconfig(cluster.kubernetes.kubeconfig) });
    try {
      // The first one of a node takes a block, and unpacks the image.
      for (let index = 0; index <= COUNT; index++) {
        const time = await onePod(cluster, api, network, `pod-${index}`, index === 0);
        if (index > 0) times.push(time);
      }
    } finally {
      await api.close();
    }
  } finally {
    const left = await cluster.down();
    if (left.length > 0) process.stderr.write(`bench: left behind: ${left.join(", ")}\n`);
  }
  return times;
}

/** Milliseconds. Of the first nobody knows the address. */
async function onePod(cluster: TestCluster, api: ApiClient, network: Network, name: string, isFirst: boolean) {
  const expected = isFirst ? undefined : await network.nextAddress(cluster);
  const answered = expected === undefined ? undefined : firstAnswer(cluster, expected);
  const begun = Date.now();
  await api.create(PODS, "default", agnhost(name, { node: NODE, args: ["pause"] }));
  const time = answered === undefined ? 0 : (await answered) - begun;
  const place = { namespace: "default", name };
  const address = await eventually(async () => {
    const status = (await api.get(PODS, place))?.["status"];
    return isObject(status) && typeof status["podIP"] === "string" ? status["podIP"] : undefined;
  });
  if (expected !== undefined && address !== expected) throw new Error(`${name} has ${address}, not ${expected}`);
  await api.delete(PODS, place, {}, 0);
  await eventually(async () => ((await cluster.out(NODE, "ip", "route", "show", address)) === "" ? true : undefined));
  return time;
}

/** When the first ping was answered, in milliseconds since 1970: asked every 10 ms, from the other node. */
async function firstAnswer(cluster: TestCluster, address: string): Promise<number> {
  const { child, ended } = cluster.startIn(FROM, "ping", "-n", "-D", "-i", "0.01", address);
  try {
    let said = "";
    return await new Promise<number>((resolve, reject) => {
      child.stdout?.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        const seconds = /^\[([\d.]+)\] \d+ bytes from /m.exec(said)?.[1];
        if (seconds !== undefined) resolve(Number(seconds) * 1000);
      });
      child.once("error", reject);
      child.once("exit", () => reject(new Error(`ping has ended: ${said.slice(-500)}`)));
    });
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
