import { deleteMountNamespace, deleteNetworkNamespace } from "@ocicat/linux";
import type { LabOptions } from "../options.ts";
import { ProcessBook } from "../process/book.ts";
import { firstProcessOf } from "../process/start.ts";
import type { LabNode, Topology } from "../topology/topology.ts";
import { makeStation, plugIn, plugsOf, unplug } from "../world/links.ts";
import { makeNodeLayers, makeNodeMounts } from "../world/node-files.ts";
import type { LabPlaces } from "../world/places.ts";
import { clusterDns } from "./dns.ts";
import { commonImages } from "./images/catalogue.ts";
import { KubernetesLab } from "./kubernetes-lab.ts";
import { cgroupOf } from "./node/cgroups.ts";
import { nodeFiles } from "./node/files.ts";
import { cutNode, NODE_PROGRAMS, type NodeProgram, nodeProcess, startNode, startNodeProgram } from "./node/start.ts";
import { makeBareNetwork, makeKubernetesMounts, writeNodeFiles } from "./node/view.ts";

/** Makes a cluster between the wires that are laid: images, control plane, nodes, which register themselves. */
export async function buildKubernetes({ places, progress }: LabOptions, topology: Topology): Promise<KubernetesLab> {
  const lab = new KubernetesLab(places, topology);
  progress("images of pause, busybox, agnhost and CoreDNS, and a registry that has them");
  for (const image of commonImages(lab.programs)) lab.images.add(image);
  lab.startRegistry();

  progress(`control plane at ${lab.address}: etcd, API server, controller manager, scheduler`);
  const plane = await lab.startControlPlane();

  for (const node of topology.nodes) {
    progress(`node ${node.name}: containerd, kubelet, kube-proxy`);
    furnish(lab, node);
    await startNode(lab.nodeContext(plane), node);
  }
  progress("waiting for the nodes to register, and their DNS, which waits for a network");
  await waitForNodes(lab);
  await lab.kubectl(["apply", "-f", "-"], JSON.stringify(clusterDns(lab.clusterDns)));
  return lab;
}

/**
 * Switches a node off, as a power cut does, and on again: another network namespace, /run as it is after a boot, and what was
 * on its disk.
 */
export async function rebootNode(lab: KubernetesLab, name: string): Promise<void> {
  const { places, topology } = lab;
  const node = lab.node(name);
  const context = lab.nodeContext(lab.controlPlane());
  await cutNode(context, name);
  const plugs = plugsOf(topology).filter((plug) => plug.station === name);
  for (const plug of plugs) unplug(places, plug);
  deleteMountNamespace(places.mountns(name));
  deleteNetworkNamespace(places.netns(name));
  makeStation(places, name);
  for (const plug of plugs) plugIn(places, plug);
  mountView(places, name);
  await startNode(context, node);
}

/** What a cluster's lab consists of, by the names of its processes. */
export function kubernetesProcesses({ nodes }: Topology): string[] {
  const ofNodes = nodes.flatMap(({ name }) => [
    firstProcessOf(name),
    ...NODE_PROGRAMS.map((program) => nodeProcess(name, program)),
  ]);
  return ["registry", "forwarder", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", ...ofNodes];
}

/** Starts again what has ended of it. */
export async function mendKubernetes(lab: KubernetesLab): Promise<void> {
  const book = new ProcessBook(lab.places);
  const ended = (name: string) => book.alive(name) === undefined;
  if (ended("registry")) lab.startRegistry();
  if (ended("forwarder")) await lab.forward();
  const plane = lab.controlPlane();
  for (const part of ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const)
    if (ended(part)) await plane.restart(part);
  for (const node of lab.topology.nodes) {
    if (ended(firstProcessOf(node.name))) await rebootNode(lab, node.name);
    else for (const program of NODE_PROGRAMS) await mendProgram(lab, node, program);
  }
}

async function mendProgram(lab: KubernetesLab, node: LabNode, program: NodeProgram): Promise<void> {
  const runs = new ProcessBook(lab.places).alive(nodeProcess(node.name, program)) !== undefined;
  if (!runs) await startNodeProgram(lab.nodeContext(lab.controlPlane()), node, program);
}

function furnish(lab: KubernetesLab, { name }: LabNode): void {
  const { places } = lab;
  makeNodeLayers(places, name);
  const files = nodeFiles({
    registry: lab.registry,
    clusterDns: lab.clusterDns,
    cgroup: cgroupOf(places, name),
    clientAuthority: lab.credentials.clientAuthority,
  });
  writeNodeFiles(places, name, files);
  mountView(places, name);
  makeBareNetwork(places, name);
}

function mountView(places: LabPlaces, node: string): void {
  makeNodeMounts(places, node, { controlGroups: true });
  makeKubernetesMounts(places, node);
}

async function waitForNodes(lab: KubernetesLab): Promise<void> {
  for (const node of lab.topology.nodes) await lab.controlPlane().waitFor(`/api/v1/nodes/${node.name}`);
}
