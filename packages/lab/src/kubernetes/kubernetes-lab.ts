import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { OcicatError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import { ProcessBook } from "../process/book.ts";
import type { LabNode, Topology } from "../topology/topology.ts";
import type { LabPlaces } from "../world/places.ts";
import { ControlPlane, type ControlPlaneOptions } from "./control-plane/control-plane.ts";
import { Credentials } from "./control-plane/credentials.ts";
import type { ControlPlaneProgram } from "./control-plane/flags.ts";
import { forwardedPort, startForwarder } from "./control-plane/forward.ts";
import { launchInNetwork } from "./control-plane/launch.ts";
import { ImageStore } from "./images/image-store.ts";
import { runKubectl } from "./kubectl.ts";
import type { NodeContext } from "./node/start.ts";
import { findKubernetes } from "./programs.ts";

const API_PORT = 6443;
const REGISTRY_PORT = 5000;
const CONTROL_PLANE: readonly ControlPlaneProgram[] = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
];

/** The cluster of a lab, found by the lab's records: any command may be the next one. */
export class KubernetesLab {
  readonly places: LabPlaces;
  readonly topology: Topology;
  readonly programs: string;
  readonly credentials: Credentials;

  constructor(places: LabPlaces, topology: Topology) {
    this.places = places;
    this.topology = topology;
    this.programs = findKubernetes();
    mkdirSync(this.directory, { recursive: true, mode: 0o755 });
    this.credentials = new Credentials(join(this.directory, "credentials"));
  }

  get directory(): string {
    return join(this.places.disk, "kubernetes");
  }

  get images(): ImageStore {
    return new ImageStore(join(this.directory, "images"));
  }

  /** Where the control plane is, as nodes reach it. */
  get address(): string {
    return formatAddress(this.#host.interface.address);
  }

  get registry(): string {
    return `${this.address}:${REGISTRY_PORT}`;
  }

  /** The tenth address, as installers of clusters have it. */
  get clusterDns(): string {
    const [first = ""] = this.#kubernetes.serviceCidr.split(",");
    return first.replace(/\d+\/\d+$/, "10");
  }

  /** An administrator's, for this machine. */
  get kubeconfig(): string {
    return this.controlPlane().kubeconfig;
  }

  /** An administrator's, for what runs on the nodes. */
  get kubeconfigInside(): string {
    return this.controlPlane().kubeconfigInside("admin");
  }

  /** Runs kubectl as an administrator, from this machine; resolves to what it printed. Throws OcicatError LAB_KUBECTL. */
  kubectl(args: readonly string[], stdin = ""): Promise<string> {
    return runKubectl(join(this.programs, "kubectl"), this.kubeconfig, args, stdin);
  }

  /** Starts what nodes need before they are switched on. */
  async startControlPlane(): Promise<ControlPlane> {
    for (const node of this.topology.nodes) this.credentials.addUser(`system:node:${node.name}`, ["system:nodes"]);
    return await ControlPlane.start(this.#options(await this.forward()));
  }

  /** Lets this machine reach the API server; resolves to the port of its loopback. */
  forward(): Promise<number> {
    return startForwarder(this.places, this.#host.name, { host: this.address, port: API_PORT });
  }

  startRegistry(): void {
    const script = join(import.meta.dirname, "../../dist/kubernetes/images/serve-registry.js");
    const command = [process.execPath, script, join(this.directory, "images"), String(REGISTRY_PORT)] as const;
    launchInNetwork(this.places, this.#host.name)("registry", command);
  }

  controlPlane(): ControlPlane {
    const book = new ProcessBook(this.places);
    const running = CONTROL_PLANE.flatMap((part) => {
      const process = book.find(part);
      return process === undefined ? [] : [[part, process] as const];
    });
    return ControlPlane.running(this.#options(forwardedPort(this.places)), running);
  }

  nodeContext(plane: ControlPlane): NodeContext {
    const { places, topology, programs } = this;
    return { places, topology, programs, kubeconfig: (user) => plane.kubeconfigInside(user) };
  }

  node(name: string): LabNode {
    const found = this.topology.nodes.find((node) => node.name === name);
    if (found !== undefined) return found;
    throw new OcicatError({ code: "LAB_NO_SUCH_NODE", what: `there is no node ${name}` });
  }

  #options(forwarded: number): ControlPlaneOptions {
    const { places, programs, credentials, address } = this;
    return {
      programs,
      credentials,
      address,
      directory: this.directory,
      port: API_PORT,
      etcdPort: 2379,
      etcdPeerPort: 2380,
      serviceCidr: this.#kubernetes.serviceCidr,
      parts: CONTROL_PLANE,
      reachedAt: `https://127.0.0.1:${forwarded}`,
      launch: launchInNetwork(places, this.#host.name),
    };
  }

  get #kubernetes() {
    const { kubernetes } = this.topology;
    if (kubernetes !== undefined) return kubernetes;
    throw new OcicatError({
      code: "LAB_NO_KUBERNETES",
      what: `lab ${this.places.lab} is no Kubernetes cluster`,
      fix: "bring one up: ocicat lab up --kubernetes",
    });
  }

  get #host() {
    const { controlPlane } = this.#kubernetes;
    const found = this.topology.hosts.find((host) => host.name === controlPlane);
    if (found !== undefined) return found;
    throw new OcicatError({ code: "LAB_NO_SUCH_PLACE", what: `there is no host ${controlPlane}` });
  }
}
