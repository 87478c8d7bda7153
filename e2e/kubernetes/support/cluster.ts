import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isObject } from "@ocicat/api";
import { Lab, LabPlaces, parseTopology, type Topology } from "@ocicat/lab";
import {
  applyManifest,
  type KubernetesLab,
  type ManifestEdits,
  publishProjectImage,
  waitForReadyNodes,
} from "@ocicat/lab/kubernetes";
import { collect, eventually, OCICAT, type Output } from "../../support/lab.ts";

const TOPOLOGY = new URL("../../../packages/lab/topologies/kubernetes.yaml", import.meta.url);

export interface ClusterOptions {
  readonly proxyMode?: "nftables" | "iptables";
  readonly serviceCidr?: string;
}

/** A cluster of a test's own, under a name that no other run has; without a network until one is installed. */
export class TestCluster {
  readonly name = `oct${randomBytes(3).toString("hex")}`;
  readonly places = new LabPlaces(this.name);
  readonly lab: Lab;
  readonly topology: Topology;

  constructor({ proxyMode, serviceCidr }: ClusterOptions = {}) {
    const given = parseTopology(readFileSync(TOPOLOGY, "utf8"), "kubernetes.yaml");
    if (given.kubernetes === undefined) throw new Error("kubernetes.yaml is no cluster");
    const kubernetes = {
      ...given.kubernetes,
      network: "none" as const,
      ...(proxyMode === undefined ? {} : { proxyMode }),
      ...(serviceCidr === undefined ? {} : { serviceCidr }),
    };
    this.topology = { ...given, name: this.name, kubernetes };
    this.lab = new Lab({ places: this.places, command: [process.execPath, OCICAT], progress: () => undefined });
  }

  /** Where this project's command is, also for nodes, which see the checkout. */
  readonly ocicatScript = OCICAT;

  get kubernetes(): KubernetesLab {
    return this.lab.kubernetes();
  }

  async up(): Promise<void> {
    await this.lab.up(this.topology);
  }

  /** The network, as its users install it; resolves when the nodes are Ready. */
  async install(edits: ManifestEdits = {}): Promise<void> {
    publishProjectImage(this.kubernetes);
    await applyManifest(this.kubernetes, {
      ...edits,
      // The kernel that tests run on has no IPIP.
      environment: { CALICO_IPV4POOL_IPIP: "Never", ...edits.environment },
    });
    await waitForReadyNodes(this.kubernetes);
  }

  /** Takes it away and says what stayed behind: nothing, if all is well. */
  async down(): Promise<string[]> {
    await this.lab.down();
    const cgroups = existsSync("/sys/fs/cgroup/memory") ? readdirSync("/sys/fs/cgroup/memory") : [];
    return [
      ...(existsSync("/run/netns") ? readdirSync("/run/netns") : []).filter((name) => name.startsWith(`${this.name}.`)),
      ...[this.places.run, this.places.disk].filter((path) => existsSync(path)),
      ...cgroups.filter((name) => name.includes(`.${this.name}.`)),
      ...readFileSync("/proc/self/mounts", "utf8")
        .split("\n")
        .filter((line) => line.includes(this.name)),
      ...processesWith(this.name),
    ];
  }

  kubectl(...args: string[]): Promise<string> {
    return this.kubernetes.kubectl(args);
  }

  apply(...objects: readonly object[]): Promise<string> {
    const list = { apiVersion: "v1", kind: "List", items: objects };
    return this.kubernetes.kubectl(["apply", "-f", "-"], JSON.stringify(list));
  }

  /** An object, or a List of them, as the API has it. */
  async get(...what: string[]): Promise<Readonly<Record<string, unknown>>> {
    const value: unknown = JSON.parse(await this.kubectl("get", ...what, "-o", "json"));
    if (!isObject(value)) throw new Error(`${what.join(" ")}: no object`);
    return value;
  }

  /** What kubectl's jsonpath makes of it, trimmed. */
  async path(path: string, ...what: string[]): Promise<string> {
    return (await this.kubectl("get", ...what, "-o", `jsonpath=${path}`)).trim();
  }

  async ready(pod: string, namespace = "default", seconds = 120): Promise<void> {
    await this.kubectl("wait", "--for=condition=Ready", `pod/${pod}`, "-n", namespace, `--timeout=${seconds}s`);
  }

  podIp(pod: string, namespace = "default"): Promise<string> {
    return this.path("{.status.podIP}", "pod", pod, "-n", namespace);
  }

  /** Runs a command in a pod; its exit code and what it printed. */
  inPod(pod: string, command: readonly string[], namespace = "default"): Promise<Output> {
    return this.#run("kubectl", ["exec", "-n", namespace, pod, "--", ...command]);
  }

  /** Runs a command inside a node, router or host. */
  exec(where: string, ...command: [string, ...string[]]): Promise<Output> {
    return collect(this.lab.spawn(where, command, { stdio: ["ignore", "pipe", "pipe"] }));
  }

  /** What it printed there; throws if it failed. */
  async out(where: string, ...command: [string, ...string[]]): Promise<string> {
    const { code, stdout, stderr } = await this.exec(where, ...command);
    if (code !== 0) throw new Error(`${where}: ${command.join(" ")}: exit ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  /** Starts a command inside a node, router or host that goes on; the caller ends it. */
  startIn(where: string, ...command: [string, ...string[]]) {
    const child = this.lab.spawn(where, command, { stdio: ["ignore", "pipe", "pipe"] });
    return { child, ended: collect(child) };
  }

  /** Starts a command in a pod that goes on; the caller ends it. */
  start(pod: string, command: readonly string[], namespace = "default"): ChildProcess {
    const kubectl = `${this.kubernetes.programs}/kubectl`;
    return spawn(kubectl, ["exec", "-n", namespace, pod, "--", ...command], {
      stdio: ["ignore", "pipe", "pipe"],
      env: this.#env(),
    });
  }

  /** This project's command, from outside, on the cluster's API. */
  ocicat(...args: string[]): Promise<Output> {
    return collect(spawn(process.execPath, [OCICAT, ...args], { stdio: ["ignore", "pipe", "pipe"], env: this.#env() }));
  }

  #run(program: string, args: readonly string[]): Promise<Output> {
    const path = `${this.kubernetes.programs}/${program}`;
    return collect(spawn(path, args, { stdio: ["ignore", "pipe", "pipe"], env: this.#env() }));
  }

  #env(): NodeJS.ProcessEnv {
    return { ...process.env, KUBECONFIG: this.kubernetes.kubeconfig, DATASTORE_TYPE: "kubernetes" };
  }
}

/** A pod of one container that serves its name on a TCP port, and can be asked to try others. */
export function agnhost(name: string, options: PodOptions = {}): object {
  const { node, namespace = "default", labels = {}, annotations = {}, ports = [], args, command } = options;
  const serves = args === undefined && command === undefined;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { app: name, ...labels }, annotations },
    spec: {
      terminationGracePeriodSeconds: 0,
      ...(node === undefined ? {} : { nodeName: node }),
      ...options.spec,
      containers: [
        {
          name: "agnhost",
          image: "registry.k8s.io/e2e-test-images/agnhost:2.59",
          ...(command === undefined ? {} : { command }),
          args: args ?? (serves ? ["netexec", "--http-port=80", "--udp-port=81"] : []),
          ports,
          ...(serves ? { readinessProbe: { httpGet: { path: "/hostname", port: 80 }, periodSeconds: 1 } } : {}),
        },
      ],
    },
  };
}

export interface PodOptions {
  readonly node?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ports?: readonly object[];
  /** Of agnhost; without them it serves HTTP on 80 and UDP on 81, and is probed. */
  readonly args?: readonly string[];
  /** Another program of the image's, instead. */
  readonly command?: readonly string[];
  readonly spec?: object;
}

/** Whether one pod reaches an address's TCP port: what agnhost's client says, at once. */
export async function reaches(
  cluster: TestCluster,
  from: string,
  target: string,
  namespace = "default",
): Promise<boolean> {
  const { code } = await cluster.inPod(from, ["/agnhost", "connect", target, "--timeout=1s"], namespace);
  return code === 0;
}

/** Waits until it does, or does not. */
export async function expectReach(
  cluster: TestCluster,
  from: string,
  target: string,
  expected: boolean,
  namespace = "default",
): Promise<void> {
  await eventually(
    () => reaches(cluster, from, target, namespace),
    (reached) => reached === expected,
    20_000,
  );
}

function processesWith(name: string): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return words.includes(name) ? [`process ${pid}: ${words}`] : [];
      } catch {
        return [];
      }
    });
}
