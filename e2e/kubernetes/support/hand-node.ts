import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { blocksPrefix, HANDLES_PREFIX, ippool, resourceKey } from "@ocicat/api";
import { installPlugin } from "@ocicat/cni/install";
import type { KubernetesDatastore } from "@ocicat/kubernetes";
import type { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { expect } from "vitest";
import { createPod, deletePod, openStore, startCluster } from "../../../packages/agent/test/support/kubernetes.ts";
import { eventually, OCICAT, type Output } from "../../support/lab.ts";
import type { Attachment } from "../../support/node-cni.ts";
import { OwnMachine } from "../../support/own-machine.ts";
import { Cable } from "./cable.ts";

const NODE = "node1";
const NODES = { group: "", version: "v1", plural: "nodes", namespaced: false };
const POOL = {
  kind: "IPPool",
  apiVersion: "projectcalico.org/v3",
  metadata: { name: "pods" },
  spec: { cidr: "10.244.0.0/16", blockSize: 26, ipipMode: "Never", vxlanMode: "Never", nodeSelector: "all()" },
};
export const CONF = { cniVersion: "1.1.0", name: "pods", type: "ocicat", ipam: { type: "ocicat-ipam" } };

/** Its other end leads nowhere. */
const UPLINK = `
  ip link add ens3 type veth peer name nowhere && ip link set nowhere up && ip link set ens3 up &&
  ip address add 192.168.0.81/24 dev ens3 && ip route add default via 192.168.0.1`;

/** What a runtime executes, under what: strace, say. */
export interface Execution {
  readonly under?: readonly string[];
  readonly conf?: object;
}

/**
 * A node without kubelet and containerd: an agent in a network of its own, over a cable from a real API server, and the plugin
 * executed by hand. So a test decides what runs, when, and what ends.
 */
export class HandNode {
  readonly machine: OwnMachine;
  readonly cluster: PrivateControlPlane;
  readonly store: KubernetesDatastore;
  readonly cable: Cable;
  readonly #directory = mkdtempSync(join(tmpdir(), "ocicat-hand-"));
  #agent: ReturnType<OwnMachine["start"]> | undefined;

  private constructor(machine: OwnMachine, cluster: PrivateControlPlane) {
    this.machine = machine;
    this.cluster = cluster;
    this.store = openStore(cluster);
    this.cable = new Cable(machine.net, new URL(cluster.plane.server));
  }

  static async start(): Promise<HandNode> {
    const machine = await OwnMachine.start();
    let node: HandNode | undefined;
    try {
      node = new HandNode(machine, await startCluster());
      await node.#prepare();
      return node;
    } catch (error) {
      if (node === undefined) await machine.close();
      else await node.stop();
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    await this.machine.out("sh", "-c", UPLINK);
    await installPlugin({ targetDir: this.#directory });
    await this.store.api.create(NODES, undefined, { apiVersion: "v1", kind: "Node", metadata: { name: NODE } });
    await this.store.put(resourceKey(ippool.kind, POOL.metadata.name), JSON.stringify(POOL));
    await this.startAgent();
  }

  async stop(): Promise<void> {
    this.cable.close();
    await this.machine.close();
    await this.store.close();
    await this.cluster.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** The agent's, as this process knows it. */
  get agentPid(): number {
    return this.#agent?.child.pid ?? 0;
  }

  get agentRuns(): boolean {
    return this.#agent?.child.exitCode === null && this.#agent.child.signalCode === null;
  }

  /** Resolves when it serves the plugin, if none runs. */
  async startAgent(): Promise<void> {
    if (this.agentRuns) return;
    const server = `https://127.0.0.1:${this.cable.port}`;
    const variables = {
      DATASTORE_TYPE: "kubernetes",
      KUBECONFIG: this.cluster.credentials.writeKubeconfig("hand", "admin", server),
      NODENAME: NODE,
      OCICAT_NODENAME_FILE: "/run/nodename",
    };
    const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const agent = this.machine.start("env", ...words, process.execPath, OCICAT, "agent");
    this.#agent = agent;
    await eventually(
      async () => {
        if (this.agentRuns)
          return (await this.machine.run("curl", "-sf", "http://127.0.0.1:9099/readiness")).code === 0;
        const { stdout, stderr } = await agent.ended;
        throw new Error(`the agent has ended: ${(stdout + stderr).slice(-2000)}`);
      },
      (ready) => ready,
      60_000,
    );
  }

  /** Whether the agent says that it is ready. */
  async answers(): Promise<boolean> {
    return (await this.machine.run("curl", "-sf", "http://127.0.0.1:9099/readiness")).code === 0;
  }

  async killAgent(): Promise<void> {
    this.#agent?.child.kill("SIGKILL");
    await this.#agent?.ended;
  }

  /** A pod of the API's, with a namespace on the node, as kubelet and runtime make them. */
  async pod(name: string): Promise<Attachment & { readonly name: string }> {
    const uid = await createPod(this.store, name, { node: NODE });
    await this.machine.out("ip", "netns", "add", name);
    const pod = `K8S_POD_NAMESPACE=default;K8S_POD_NAME=${name};K8S_POD_UID=${uid}`;
    const containerId = `sandbox-of-${name}`;
    return {
      name,
      containerId,
      netns: `/run/netns/${name}`,
      args: `IgnoreUnknown=1;${pod};K8S_POD_INFRA_CONTAINER_ID=${containerId}`,
    };
  }

  /** From the API; its namespace stays. */
  deletePod(name: string): Promise<void> {
    return deletePod(this.store, name);
  }

  /** With what is left in it. */
  async deleteNamespace(name: string): Promise<void> {
    await this.machine.out("ip", "netns", "del", name);
  }

  async removePod(name: string): Promise<void> {
    await this.deleteNamespace(name);
    await this.deletePod(name);
  }

  /** One execution of the plugin. */
  plugin(
    command: string,
    attachment: Pick<Attachment, "containerId" | "netns" | "args">,
    { under = [], conf = CONF }: Execution = {},
  ): Promise<Output> {
    const file = join(this.#directory, `${command}.conf`);
    writeFileSync(file, JSON.stringify(conf));
    const variables = [
      `CNI_COMMAND=${command}`,
      `CNI_CONTAINERID=${attachment.containerId}`,
      `CNI_NETNS=${attachment.netns}`,
      `CNI_IFNAME=${attachment.containerId === "" ? "" : "eth0"}`,
      `CNI_ARGS=${attachment.args ?? ""}`,
      `CNI_PATH=${this.#directory}`,
    ];
    const program = [...under, join(this.#directory, "ocicat")];
    return this.machine.run(
      "env",
      ...variables,
      "sh",
      "-c",
      'conf="$1"; shift; exec "$@" <"$conf"',
      "sh",
      file,
      ...program,
    );
  }

  /** Of a whole network, with the environment that the reference library gives it. */
  ofNetwork(command: "GC" | "STATUS", conf: object = CONF): Promise<Output> {
    return this.plugin(command, { containerId: "", netns: "", args: "" }, { conf });
  }

  /** GC, with the containers that are still valid. */
  gc(...valid: readonly Attachment[]): Promise<Output> {
    const attachments = valid.map(({ containerId }) => ({ containerID: containerId, ifname: "eth0" }));
    return this.ofNetwork("GC", { ...CONF, "cni.dev/valid-attachments": attachments });
  }

  /** Waits until `state` is this, or tells the difference if it does not come to it. */
  async expectState(expected: Readonly<Record<string, readonly string[]>>): Promise<void> {
    const is = (state: Readonly<Record<string, readonly string[]>>) => isDeepStrictEqual(state, expected);
    const last = await eventually(() => this.state(), is).catch(() => this.state());
    expect(last).toEqual(expected);
  }

  /** All that the node's kernel holds, and all that IPAM and the pods' endpoints say, in words. */
  async state(): Promise<Readonly<Record<string, readonly string[]>>> {
    const told = async (line: string) =>
      (await this.machine.out("sh", "-c", line)).split("\n").filter((each) => each !== "");
    const rows = async (prefix: string) => (await this.store.list(prefix)).items.map(({ value }) => value);
    const blocks = await rows(blocksPrefix());
    return {
      links: await told("ip -o link | sed 's/^[0-9]*: //'"),
      routes: await told("ip route show table all; ip -6 route show table all"),
      rules: await told("nft -s list ruleset"),
      queues: await told("tc qdisc"),
      addresses: blocks.flatMap((block) =>
        [...block.matchAll(/"handle_id":"([^"]*)"/g)].map(([, handle]) => handle ?? ""),
      ),
      handles: await rows(HANDLES_PREFIX),
      endpoints: (await rows("/calico/resources/v3/projectcalico.org/workloadendpoints/")).filter((row) =>
        row.includes("ipNetworks"),
      ),
    };
  }
}
