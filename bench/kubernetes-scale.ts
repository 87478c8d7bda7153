/**
 * What agents cost an API server: a real one, nodes and pods that are rows of it alone, and as many agents' tables as there
 * are nodes, each with a connection of its own, as an agent has them. Then the same behind a fan-out. Lists and watches are
 * counted by the API server, bytes on the wire from it, and a change is a label of a pod.
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { DatastoreLock, makeTables, watchCluster, watchTables } from "@ocicat/agent/tables";
import { workloadEndpointName } from "@ocicat/api";
import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { openFanout, startFanout } from "@ocicat/fanout";
import { createLogger, Scope, silentLogger } from "@ocicat/kit";
import { type ApiClient, type ApiResource, KubernetesDatastore, readKubeconfig, type Target } from "@ocicat/kubernetes";
import { resourceDefinitions } from "@ocicat/kubernetes/crd";
import { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { type Case, measured, median, percentile } from "./report.ts";

/** `OCICAT_BENCH_NODES=10,50` for others. */
const SIZES = (process.env["OCICAT_BENCH_NODES"] ?? "10,30").split(",").map(Number);
/** Agents that start side by side: all of them share two cores with the API server here. */
const AT_ONCE = 4;
const PODS_PER_NODE = 10;
const CHANGES = 40;

const core = (plural: string, namespaced: boolean): ApiResource => ({ group: "", version: "v1", plural, namespaced });
const NODES = core("nodes", false);
const PODS = core("pods", true);

export async function run(): Promise<Case[]> {
  const cases: Case[] = [];
  for (const size of SIZES) {
    const plane = await PrivateControlPlane.start({
      extra: { "kube-apiserver": ["--disable-admission-plugins=ServiceAccount"] },
    });
    try {
      const wire = await Wire.open(new URL(plane.plane.server));
      const cluster = new Cluster(plane, wire, size);
      try {
        await cluster.fill();
        const direct = await cluster.measure("direct");
        const fanned = await cluster.measure("fanned");
        cases.push(...casesOf(size, direct, fanned));
      } finally {
        await cluster.close();
        wire.close();
      }
    } finally {
      await plane.stop();
    }
  }
  return cases;
}

interface Cost {
  readonly lists: number;
  readonly watches: number;
  /** From the API server, until all agents are in sync. */
  readonly startBytes: number;
  readonly startMs: number;
  /** From the API server, for one change of one pod. */
  readonly changeBytes: number;
  /** From the change's answer until the last agent knows it. */
  readonly changeMs: readonly number[];
}

function casesOf(size: number, direct: Cost, fanned: Cost): readonly Case[] {
  const name = `${size} nodes, ${size * PODS_PER_NODE} pods`;
  const beside = (value: number) => ({ name: "each agent for itself", value });
  const none = { kind: "none" } as const;
  // What one costs, with something to spare, beside what as many cost.
  const few = { kind: "at most", value: Number((2 / size).toPrecision(2)) } as const;
  return [
    measured(`${name}: LISTs a node at start`, "", direct.lists / size, undefined, none),
    measured(`${name}: watches a node`, "", direct.watches / size, undefined, none),
    measured(`${name}: LISTs in all, fan-out`, "", fanned.lists, beside(direct.lists), few),
    measured(`${name}: watches in all, fan-out`, "", fanned.watches, beside(direct.watches), few),
    measured(
      `${name}: start, from the API server, fan-out`,
      "KiB",
      fanned.startBytes / 1024,
      beside(direct.startBytes / 1024),
      few,
    ),
    measured(`${name}: start until in sync, fan-out`, "ms", fanned.startMs, beside(direct.startMs), none),
    measured(`${name}: a pod's change, a node`, "bytes", direct.changeBytes / size, undefined, none),
    measured(
      `${name}: a pod's change, from the API server, fan-out`,
      "bytes",
      fanned.changeBytes,
      beside(direct.changeBytes),
      few,
    ),
    measured(
      `${name}: a pod's change, last agent, fan-out p50`,
      "ms",
      median(fanned.changeMs),
      beside(median(direct.changeMs)),
      none,
    ),
    measured(
      `${name}: a pod's change, last agent, fan-out p99`,
      "ms",
      percentile(fanned.changeMs, 99),
      beside(percentile(direct.changeMs, 99)),
      none,
    ),
  ];
}

/** A cluster of names: what there is of nodes and pods is what the API server says. */
class Cluster {
  readonly #plane: PrivateControlPlane;
  readonly #wire: Wire;
  readonly #size: number;
  readonly #store: KubernetesDatastore;
  /** As agents reach it: over a wire that counts. */
  readonly #target: Target;

  constructor(plane: PrivateControlPlane, wire: Wire, size: number) {
    this.#plane = plane;
    this.#wire = wire;
    this.#size = size;
    const target = readKubeconfig(plane.kubeconfig);
    this.#store = new KubernetesDatastore({ target });
    this.#target = { ...target, server: { ...target.server, host: "127.0.0.1", port: wire.port } };
  }

  async fill(): Promise<void> {
    const { api } = this.#store;
    await define(api);
    const containers = [{ name: "c", image: "pause" }];
    await inParallel(this.#nodes(), 8, async (node) => {
      const name = nodeName(node);
      const annotations = { "projectcalico.org/IPv4Address": `192.168.${node >> 8}.${node & 255}/16` };
      await api.create(NODES, undefined, { apiVersion: "v1", kind: "Node", metadata: { name, annotations } });
      for (let pod = 0; pod < PODS_PER_NODE; pod++) {
        const place = { namespace: "default", name: podName(node, pod) };
        const metadata = { name: place.name, labels: { app: "web" } };
        await api.create(PODS, "default", {
          apiVersion: "v1",
          kind: "Pod",
          metadata,
          spec: { nodeName: name, containers },
        });
        const ip = `10.${node >> 8}.${node & 255}.${pod + 1}`;
        const status = { phase: "Running", podIP: ip, podIPs: [{ ip }] };
        await api.patch(PODS, place, { status }, { subresource: "status" });
      }
    });
  }

  async measure(how: "direct" | "fanned"): Promise<Cost> {
    const scope = new Scope(how);
    const before = await this.#counts();
    const bytes = this.#wire.bytes;
    const begun = performance.now();
    try {
      const connectOne = how === "direct" ? () => this.#direct(scope) : await this.#fanned(scope);
      const agents: Agent[] = [];
      await inParallel(this.#nodes(), AT_ONCE, async (node) => {
        agents.push(await agent(nodeName(node), connectOne(), scope));
      });
      const startMs = performance.now() - begun;
      await this.#wire.quiet();
      const startBytes = this.#wire.bytes - bytes;
      const after = await this.#counts();
      const changes = await this.#changes(agents, how);
      return {
        lists: after.lists - before.lists,
        watches: after.watches - before.watches,
        startBytes,
        startMs,
        ...changes,
      };
    } finally {
      await scope.close();
      await this.#wire.empty();
    }
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #nodes(): readonly number[] {
    return Array.from({ length: this.#size }, (_, node) => node);
  }

  #direct(scope: Scope): Pick<KubernetesDatastore, "list" | "watch"> {
    const store = new KubernetesDatastore({ target: this.#target });
    scope.add("agent's connection", () => store.close());
    return store;
  }

  async #fanned(scope: Scope) {
    const upstream = this.#direct(scope);
    const surroundings = { upstream, clock: systemClock, random: systemRandom };
    const options = {
      listen: { host: "127.0.0.1", port: 0 },
      tls: undefined,
      clientName: undefined,
      limits: { events: 20_000, size: 64 * 2 ** 20 },
      patienceMs: 60_000,
      healthHost: "127.0.0.1",
      healthPort: 0,
      lagResolutionMs: 100,
    };
    const logger = createLogger("fanout", "error", ({ message }) => void process.stderr.write(`${message}\n`));
    const { endpoint } = await startFanout(options, { ...surroundings, logger }, scope.child("fan-out"));
    const port = "port" in endpoint ? endpoint.port : 0;
    return () => {
      const client = openFanout({ endpoints: [`http://127.0.0.1:${port}`] });
      scope.add("agent's connection", () => client.close());
      return client;
    };
  }

  async #changes(agents: readonly Agent[], how: string): Promise<Pick<Cost, "changeBytes" | "changeMs">> {
    const { api } = this.#store;
    const changeMs: number[] = [];
    await this.#wire.quiet();
    const before = this.#wire.bytes;
    for (let change = 0; change < CHANGES; change++) {
      const [node, pod] = [change % this.#size, change % PODS_PER_NODE];
      const name = workloadEndpointName({
        orchestrator: "k8s",
        node: nodeName(node),
        pod: podName(node, pod),
        endpoint: "eth0",
      });
      const told = Promise.all(agents.map(({ changed }) => changed(`default/${name}`)));
      // A write that changes nothing is none, and nobody is told of it.
      const labels = { change: `${how}-${change}` };
      await api.patch(PODS, { namespace: "default", name: podName(node, pod) }, { metadata: { labels } });
      const answered = performance.now();
      await told;
      changeMs.push(Math.max(0, performance.now() - answered));
    }
    await this.#wire.quiet();
    return { changeBytes: (this.#wire.bytes - before) / CHANGES, changeMs };
  }

  /** By the API server's own count, of what agents read. */
  async #counts(): Promise<{ readonly lists: number; readonly watches: number }> {
    const { body } = await this.#plane.plane.get("/metrics");
    const sum = (metric: string, verb: string) =>
      body
        .split("\n")
        .filter((line) => line.startsWith(`${metric}{`) && line.includes(`verb="${verb}"`) && isOfAgents(line))
        .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
    return { lists: sum("apiserver_request_total", "LIST"), watches: sum("apiserver_longrunning_requests", "WATCH") };
  }
}

/** The API server asks itself too, for what no agent does. */
const READ_BY_AGENTS =
  /group="(?:crd\.projectcalico\.org|networking\.k8s\.io|policy\.networking\.k8s\.io)"|resource="(?:pods|nodes|namespaces|serviceaccounts)"/;

function isOfAgents(line: string): boolean {
  return READ_BY_AGENTS.test(line);
}

interface Agent {
  /** Resolves when its tables are told of a change of this endpoint. */
  readonly changed: (endpoint: string) => Promise<void>;
}

/** An agent as far as it reads: its tables, filled and watched as it does. */
async function agent(name: string, store: Pick<KubernetesDatastore, "list" | "watch">, scope: Scope): Promise<Agent> {
  const tables = makeTables(name, silentLogger);
  const lock = new DatastoreLock(tables.cluster);
  const watching = {
    store,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    scope: scope.child(name),
    lock,
  };
  await watchCluster(tables, watching);
  await watchTables(tables, name, watching);
  const waiting = new Map<string, () => void>();
  let isFilled = false;
  tables.policy.workloads.subscribe((key) => {
    if (!isFilled) return;
    const endpoint = key.split("/").slice(-2).join("/");
    waiting.get(endpoint)?.();
    waiting.delete(endpoint);
  });
  isFilled = true;
  return { changed: (endpoint) => new Promise((resolve) => waiting.set(endpoint, resolve)) };
}

/** A cable to the API server that counts what comes from there. */
class Wire {
  bytes = 0;
  readonly port: number;
  readonly #sockets = new Set<Socket>();
  readonly #close: () => void;

  static async open(server: URL): Promise<Wire> {
    const listener = createServer();
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const address = listener.address();
    const wire = new Wire(typeof address === "object" && address !== null ? address.port : 0, () => listener.close());
    listener.on("connection", (client) => wire.#join(client, connect(Number(server.port), server.hostname)));
    return wire;
  }

  private constructor(port: number, close: () => void) {
    this.port = port;
    this.#close = close;
  }

  /** Resolves when nothing has come for a moment. */
  async quiet(): Promise<void> {
    for (let seen = -1; seen !== this.bytes; ) {
      seen = this.bytes;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }

  /** Resolves when nobody is connected. */
  async empty(): Promise<void> {
    while (this.#sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  close(): void {
    this.#close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: Socket, server: Socket): void {
    this.#sockets.add(client);
    client.setNoDelay(true);
    server.setNoDelay(true);
    server.on("data", (chunk: Buffer) => {
      this.bytes += chunk.length;
    });
    client.pipe(server);
    server.pipe(client);
    const close = () => {
      client.destroy();
      server.destroy();
      this.#sockets.delete(client);
    };
    for (const socket of [client, server]) socket.on("error", () => {}).on("close", close);
  }
}

async function define(api: ApiClient): Promise<void> {
  const definitions = core("customresourcedefinitions", false);
  const resource = { ...definitions, group: "apiextensions.k8s.io" };
  const all = resourceDefinitions("crd.projectcalico.org/v1");
  await Promise.all(all.map((definition) => api.create(resource, undefined, definition)));
  for (const { metadata } of all) {
    const plural = metadata.name.split(".", 1)[0] ?? "";
    const kind = { group: "crd.projectcalico.org", version: "v1", plural, namespaced: false };
    while (!(await answers(api, kind))) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function answers(api: ApiClient, resource: ApiResource): Promise<boolean> {
  try {
    await api.list(resource, { limit: 1 });
    return true;
  } catch {
    return false;
  }
}

async function inParallel<T>(things: readonly T[], atOnce: number, work: (thing: T) => Promise<void>): Promise<void> {
  const left = [...things];
  const one = async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await work(next);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

function nodeName(node: number): string {
  return `node-${node}`;
}

function podName(node: number, pod: number): string {
  return `web-${node}-${pod}`;
}
