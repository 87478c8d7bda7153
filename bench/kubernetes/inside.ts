/** What bench/kubernetes.ts runs in namespaces of its own: prints its cases as JSON. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ippool, resourceKey } from "@ocicat/api";
import { installPlugin } from "@ocicat/cni";
import { openEtcd, systemClock } from "@ocicat/datastore/etcd";
import { startServer } from "@ocicat/datastore/server";
import { silentLogger } from "@ocicat/kit";
import { type Answered, KubernetesDatastore, readKubeconfig } from "@ocicat/kubernetes";
import { resourceDefinitions } from "@ocicat/kubernetes/crd";
import { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { type Case, measured, median, percentile } from "../report.ts";
import { prepareReplay, replayPod } from "./calico-requests.ts";

const OCICAT = fileURLToPath(new URL("../../packages/cli/bin/ocicat.js", import.meta.url));
const [, , driver = ""] = process.argv;
const ROUNDS = 3;
const CALLS = 50;
/** The cluster whose agent is weighed. */
const LARGE = { nodes: 1_000, pods: 10_000 };
const PLUGINS = "/run/bench/cni";

const POOL = JSON.stringify({
  kind: "IPPool",
  apiVersion: "projectcalico.org/v3",
  metadata: { name: "pool" },
  spec: {
    cidr: "10.244.0.0/16",
    blockSize: 26,
    ipipMode: "Never",
    vxlanMode: "Never",
    natOutgoing: true,
    nodeSelector: "all()",
  },
});

function say(step: string): void {
  process.stderr.write(`bench: ${step}\n`);
}

function shell(...command: [string, ...string[]]): string {
  const [program, ...args] = command;
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

/** A machine with one address, whose /run and /var/lib/calico nobody else sees. */
async function prepareNode(): Promise<void> {
  for (const place of ["/run", "/var/lib"]) shell("mount", "-t", "tmpfs", "tmpfs", place);
  mkdirSync(PLUGINS, { recursive: true });
  mkdirSync("/run/netns");
  shell("ip", "link", "set", "lo", "up");
  // Its other end leads nowhere.
  shell("ip", "link", "add", "ens3", "type", "veth", "peer", "name", "nowhere");
  shell("ip", "link", "set", "nowhere", "up");
  shell("ip", "addr", "add", "192.168.0.81/24", "dev", "ens3");
  shell("ip", "link", "set", "ens3", "up");
  shell("ip", "route", "add", "default", "via", "192.168.0.1");
  await installPlugin({ targetDir: PLUGINS });
}

class Agent {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(env: Readonly<Record<string, string>>): Promise<Agent> {
    const log = openSync("/run/bench/agent.log", "a");
    const all = { PATH: process.env.PATH ?? "", NODENAME: "node1", OCICAT_BGP_PORT: "1179", ...env };
    const child = spawn(process.execPath, [OCICAT, "agent"], { env: all, stdio: ["ignore", log, log] });
    closeSync(log);
    const agent = new Agent(child);
    for (;;) {
      if (child.exitCode !== null)
        throw new Error(`the agent ended: ${readFileSync("/run/bench/agent.log", "utf8").slice(-2000)}`);
      const ready = await fetch("http://127.0.0.1:9099/readiness").then(
        ({ ok }) => ok,
        () => false,
      );
      if (ready) return agent;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** Mebibytes. */
  get rss(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.#child.pid}/status`, "utf8"))?.[1]) / 1024;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    await ended;
  }
}

/** Requests that are over, and bytes of them; watches are not. */
async function apiCosts(): Promise<{ readonly requests: number; readonly bytes: number }> {
  const text = await (await fetch("http://127.0.0.1:9099/metrics")).text();
  const sum = (name: string) =>
    text
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) && !line.includes('verb="watch"'))
      .reduce((total, line) => total + Number(line.split(" ").at(-1)), 0);
  const bytes = sum("ocicat_kubernetes_sent_bytes_total") + sum("ocicat_kubernetes_received_bytes_total");
  return { requests: sum("ocicat_kubernetes_requests_total"), bytes };
}

const OURS = { plugin: `${PLUGINS}/ocicat`, conf: { cniVersion: "1.0.0", name: "bench", type: "ocicat" } };
const PTP = {
  plugin: "/usr/lib/cni/ptp",
  conf: {
    cniVersion: "1.0.0",
    name: "peer",
    type: "ptp",
    ipam: { type: "host-local", subnet: "10.77.0.0/16", dataDir: "/run/bench/host-local" },
  },
};

interface Times {
  readonly add: readonly number[];
  readonly del: readonly number[];
}

interface Pods {
  readonly make: (name: string) => Promise<void>;
  readonly remove: (name: string) => Promise<void>;
}

/**
 * ADDs, then DELs of the same, so many at once. `pods`: makes those that the API is to know, and takes them away. `between`:
 * is done while all are there.
 */
async function round(
  { plugin, conf }: typeof OURS,
  prefix: string,
  atOnce: number,
  pods?: Pods,
  { calls = CALLS, between }: { readonly calls?: number; readonly between?: (name: string) => Promise<void> } = {},
): Promise<Times> {
  const names = Array.from({ length: calls }, (_, index) => `${prefix}${index}`);
  for (const name of names) shell("ip", "netns", "add", name);
  if (pods !== undefined) await Promise.all(names.map((name) => pods.make(name)));
  const call = (command: string): Promise<number[]> => {
    const child = spawn(driver, [plugin, command, prefix, `${calls}`, `${atOnce}`], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    child.stdin.end(JSON.stringify(conf));
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        if (code === 0) resolve(output.trim().split("\n").map(Number).slice(0, -1));
        else reject(new Error(`${plugin} ${command}: the driver ended with ${code}`));
      });
    });
  };
  const add = await call("ADD");
  if (between !== undefined) for (const name of names) await between(name);
  const del = await call("DEL");
  if (pods !== undefined) await Promise.all(names.map((name) => pods.remove(name)));
  for (const name of names) shell("ip", "netns", "del", name);
  return { add, del };
}

const PODS = { group: "", version: "v1", plural: "pods", namespaced: true };
const NODES = { group: "", version: "v1", plural: "nodes", namespaced: false };
const NAMESPACES = { group: "", version: "v1", plural: "namespaces", namespaced: false };

function podOn(node: string, name: string, address?: string): object {
  const container = {
    name: "main",
    image: "registry.example/some/image:1",
    ports: [{ containerPort: 80, name: "http" }],
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "bench",
      labels: { app: "some-app", "pod-template-hash": "5bb9cb4585" },
      ...(address === undefined ? {} : { annotations: { "cni.projectcalico.org/podIPs": `${address}/32` } }),
    },
    spec: { nodeName: node, containers: [container], terminationGracePeriodSeconds: 0 },
  };
}

async function inBatches(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
}

async function openCluster(cluster: PrivateControlPlane): Promise<KubernetesDatastore> {
  const store = new KubernetesDatastore({ target: readKubeconfig(cluster.kubeconfig), timeoutMs: 60_000 });
  const definitions = {
    group: "apiextensions.k8s.io",
    version: "v1",
    plural: "customresourcedefinitions",
    namespaced: false,
  };
  for (const each of resourceDefinitions("crd.projectcalico.org/v1"))
    await store.api.create(definitions, undefined, each);
  await store.api.create(NAMESPACES, undefined, { apiVersion: "v1", kind: "Namespace", metadata: { name: "bench" } });
  await store.api.create(NODES, undefined, { apiVersion: "v1", kind: "Node", metadata: { name: "node1" } });
  for (;;) {
    try {
      await store.put(resourceKey(ippool.kind, "pool"), POOL);
      return store;
    } catch {
      // Its definition is there, and not served yet.
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

interface Costs {
  readonly requests: number;
  readonly bytes: number;
}

/**
 * What Calico's plugin asks for a pod's ADD and DEL, asked: of a block that is as full as it is in our rounds on the average,
 * for it is in three answers and three requests of theirs.
 */
async function costsOfCalico(cluster: PrivateControlPlane, pods: Pods): Promise<Costs> {
  let [requests, bytes] = [0, 0];
  const onAnswer = ({ sentBytes, receivedBytes }: Answered) => {
    requests += 1;
    bytes += sentBytes + receivedBytes;
  };
  const counted = new KubernetesDatastore({ target: readKubeconfig(cluster.kubeconfig), onAnswer });
  try {
    await prepareReplay(counted.api);
    const affinities = { group: "crd.projectcalico.org", version: "v1", plural: "blockaffinities", namespaced: false };
    const block = (await counted.api.list(affinities, {})).items[0]?.metadata.name.replace(/^node1-/, "") ?? "";
    const calls = CALLS / 2;
    let before = { requests: 0, bytes: 0 };
    const between = async (name: string) => {
      if (before.requests === 0) before = { requests, bytes };
      await replayPod(counted.api, { namespace: "bench", name, node: "node1", block });
    };
    await round(OURS, "calico", 1, pods, { calls, between });
    return { requests: (requests - before.requests) / calls, bytes: (bytes - before.bytes) / calls };
  } finally {
    await counted.close();
  }
}

function compare(where: string, times: Times, ptp: Times): Case[] {
  const peer = (value: number) => ({ name: "ptp + host-local", value });
  return [
    measured(`ADD p50, ${where}`, "ms", median(times.add), peer(median(ptp.add)), { kind: "none" }),
    measured(`ADD p99, ${where}`, "ms", percentile(times.add, 99), peer(percentile(ptp.add, 99)), { kind: "none" }),
    measured(`DEL p50, ${where}`, "ms", median(times.del), peer(median(ptp.del)), { kind: "none" }),
  ];
}

async function main(): Promise<Case[]> {
  await prepareNode();
  say("a control plane");
  const cluster = await PrivateControlPlane.start({
    extra: { "kube-apiserver": ["--disable-admission-plugins=ServiceAccount"] },
  });
  const cases: Case[] = [];
  try {
    const store = await openCluster(cluster);
    const pods = {
      make: async (name: string) => void (await store.api.create(PODS, "bench", podOn("node1", name))),
      remove: (name: string) => store.api.delete(PODS, { namespace: "bench", name }, {}, 0),
    };
    const kubernetes = { DATASTORE_TYPE: "kubernetes", KUBECONFIG: cluster.kubeconfig };
    for (const atOnce of [1, 8]) {
      const found: Record<"kubernetes" | "embedded" | "ptp", { add: number[]; del: number[] }> = {
        kubernetes: { add: [], del: [] },
        embedded: { add: [], del: [] },
        ptp: { add: [], del: [] },
      };
      const take = (who: keyof typeof found, { add, del }: Times) => {
        found[who].add.push(...add);
        found[who].del.push(...del);
      };
      say(`${atOnce} at once, Kubernetes`);
      const agent = await Agent.start(kubernetes);
      await round(OURS, `w${atOnce}k`, atOnce, pods);
      let [requests, bytes] = [0, 0];
      for (let index = 0; index < ROUNDS; index++) {
        const before = await apiCosts();
        take("kubernetes", await round(OURS, `k${atOnce}r${index}x`, atOnce, pods));
        const after = await apiCosts();
        requests += after.requests - before.requests;
        bytes += after.bytes - before.bytes;
        take("ptp", await round(PTP, `p${atOnce}r${index}x`, atOnce));
      }
      const calico = atOnce === 1 ? await costsOfCalico(cluster, pods) : undefined;
      await agent.stop();
      say(`${atOnce} at once, the embedded datastore`);
      const directory = mkdtempSync("/run/bench/data-");
      const socket = join(directory, "socket");
      const server = await startServer({
        dataFile: join(directory, "data"),
        listen: [{ path: socket }],
        clock: systemClock,
        logger: silentLogger,
      });
      const etcd = openEtcd({ endpoints: [`unix://${socket}`] });
      await etcd.put(resourceKey(ippool.kind, "pool"), POOL);
      const other = await Agent.start({ ETCD_ENDPOINTS: `unix://${socket}` });
      await round(OURS, `v${atOnce}e`, atOnce);
      for (let index = 0; index < ROUNDS; index++) take("embedded", await round(OURS, `e${atOnce}r${index}x`, atOnce));
      await other.stop();
      await etcd.close();
      await server.close();
      cases.push(...compare(`Kubernetes, ${atOnce} at once`, found.kubernetes, found.ptp));
      cases.push(...compare(`embedded datastore, ${atOnce} at once`, found.embedded, found.ptp));
      if (calico === undefined) continue;
      const count = ROUNDS * CALLS;
      const peer = (value: number) => ({ name: "Calico's plugin, its requests replayed", value });
      const what = "an agent's, for a pod's ADD and DEL";
      cases.push(
        measured(`requests to the API server, ${what}`, "", requests / count, peer(calico.requests), {
          kind: "at most",
          value: 0.4,
        }),
        measured(`bytes of them, both ways, ${what}`, "B", bytes / count, peer(calico.bytes), {
          kind: "at most",
          value: 1,
        }),
      );
    }
    say(`${LARGE.nodes} nodes, ${LARGE.pods} pods`);
    await inBatches(LARGE.nodes - 1, (index) => store.api.create(NODES, undefined, stranger(index)));
    await inBatches(LARGE.pods, (index) => {
      const address = `10.${100 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
      return store.api.create(PODS, "bench", podOn(`stranger${index % (LARGE.nodes - 1)}`, `pod${index}`, address));
    });
    const large = await Agent.start(kubernetes);
    // What its start leaves behind is collected some seconds after it is ready.
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    cases.push(
      measured(`agent RSS, ${LARGE.nodes} nodes, ${LARGE.pods} pods`, "MiB", large.rss, undefined, {
        kind: "at most",
        value: 150,
      }),
    );
    const { requests, bytes } = await apiCosts();
    cases.push(measured("requests of its start", "", requests, undefined, { kind: "none" }));
    cases.push(measured("bytes of its start", "MB", bytes / 1e6, undefined, { kind: "none" }));
    await large.stop();
    await store.close();
    return cases;
  } finally {
    await cluster.stop();
  }
}

function stranger(index: number): object {
  const address = `192.168.${1 + (index >> 7)}.${1 + (index & 127)}/16`;
  const annotations = { "projectcalico.org/IPv4Address": address };
  return { apiVersion: "v1", kind: "Node", metadata: { name: `stranger${index}`, annotations, labels: { zone: "a" } } };
}

process.stdout.write(JSON.stringify(await main()));
