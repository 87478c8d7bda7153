import { mkdirSync } from "node:fs";
import { text } from "node:stream/consumers";
import type { AnyResource } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import { type Family, formatAddress } from "@ocicat/net";
import { TUNNEL_PROOF, tunnelSteps } from "./by-hand/tunnel.ts";
import { equipNode } from "./equip.ts";
import { spawnInLab } from "./exec.ts";
import { buildKubernetes } from "./kubernetes/build.ts";
import { applyManifest, publishProjectImage, waitForReadyNodes } from "./kubernetes/install.ts";
import type { LabOptions } from "./options.ts";
import { PodRunner } from "./pods/pod-runner.ts";
import { waitForMesh } from "./process/mesh.ts";
import { datastoreUrl, startAgent, startDatastore } from "./process/programs.ts";
import { seedDatastore } from "./seed.ts";
import { saveTopology, topologyText } from "./topology/saved.ts";
import type { LabNode, Topology } from "./topology/topology.ts";
import { writeWhole } from "./world/files.ts";
import { hasIpip } from "./world/kernel.ts";
import { makeRouter, makeSegment, makeStation, plugIn, plugsOf } from "./world/links.ts";
import { shareNamespaceDirectory } from "./world/netns-dir.ts";
import { makeNodeLayers, makeNodeMounts } from "./world/node-files.ts";
import type { LabPlaces } from "./world/places.ts";

/** Makes a lab where there is none: wires, nodes, datastore, agents, mesh, pods. On failure it stays half-made. */
export async function buildLab(options: LabOptions, topology: Topology, pools: readonly AnyResource[]): Promise<void> {
  const { places } = options;
  for (const dir of [places.run, places.disk]) mkdirSync(dir, { recursive: true, mode: 0o755 });
  shareNamespaceDirectory();
  saveTopology(places, topology);
  if (topology.byHand !== undefined) await buildByHand(options, topology);
  else if (topology.kubernetes !== undefined) await buildCluster(options, topology);
  else await buildNetwork(options, topology, pools);
  writeWhole(places.readyFile, topologyText(topology));
}

async function buildNetwork(
  { places, progress, command }: LabOptions,
  topology: Topology,
  pools: readonly AnyResource[],
): Promise<void> {
  const { nodes } = topology;
  layWires({ places, progress }, topology);
  for (const node of nodes) {
    progress(`node ${node.name}: ${formatAddress(node.interface.address)}, its own network and mount namespace`);
    await furnishNode(places, topology, node);
  }

  progress(`datastore on ${topology.datastore}`);
  await seedDatastore(await startDatastore(places, command, topology), pools);

  progress(`agents on ${nodes.map((node) => node.name).join(", ")}`);
  await Promise.all(nodes.map((node) => startAgent(places, command, topology, node)));
  if (topology.backend === "bird") progress("waiting for the BGP mesh");
  await waitForMesh(places, topology);

  const runner = new PodRunner(places);
  for (const pod of topology.pods) {
    progress(`pod ${pod.name} on ${pod.node}`);
    await runner.run(pod);
  }
}

/** What is on the nodes is Kubernetes' business, and what is in the cluster is what is applied to it. */
async function buildCluster(options: LabOptions, topology: Topology): Promise<void> {
  layWires(options, topology);
  const lab = await buildKubernetes(options, topology);
  if (topology.kubernetes?.network !== "ocicat") return;
  options.progress("Ocicat's image, of this checkout");
  publishProjectImage(lab);
  options.progress("kubectl apply -f deploy/ocicat.yaml");
  // As the manifest has it, where the kernel does.
  await applyManifest(lab, hasIpip(options.places) ? {} : { environment: { CALICO_IPV4POOL_IPIP: "Never" } });
  options.progress("waiting for the nodes to be ready");
  await waitForReadyNodes(lab);
}

function layWires({ places, progress }: Pick<LabOptions, "places" | "progress">, topology: Topology): void {
  const { segments, routers, hosts } = topology;
  progress(`laying ${count(segments, "segment")}, ${count(routers, "router")}, ${count(hosts, "host")}`);
  makeStations(places, topology);
}

/** Step by step, each told as it is done, and at the end what shows that it works. */
async function buildByHand({ places, progress }: LabOptions, topology: Topology): Promise<void> {
  makeStation(places, "host");
  for (const { command, run } of tunnelSteps()) {
    progress(`$ ${command}`);
    run(places);
  }
  const { where, command } = TUNNEL_PROOF;
  progress(`$ ip netns exec ${where} ${command.join(" ")}`);
  const child = spawnInLab(places, topology, where, command, { stdio: ["ignore", "pipe", "inherit"] });
  const [said, code] = await Promise.all([
    child.stdout === null ? "" : text(child.stdout),
    new Promise((resolve) => {
      child.once("error", () => resolve(undefined));
      child.once("exit", resolve);
    }),
  ]);
  for (const line of said.trim().split("\n")) if (line !== "") progress(line);
  if (code === 0) return;
  throw new OcicatError({
    code: "LAB_NOT_READY",
    where: `lab ${places.lab}`,
    what: `the far end does not answer ${where}`,
  });
}

/** Wires one node more into a topology that stands, and starts its agent. */
export async function buildNode({ places, command }: LabOptions, topology: Topology, node: LabNode): Promise<void> {
  makeStations(places, { ...topology, segments: [], routers: [], hosts: [], nodes: [node] });
  await furnishNode(places, topology, node);
  await startAgent(places, command, topology, node);
  await waitForMesh(places, topology);
}

function makeStations(places: LabPlaces, topology: Topology): void {
  for (const segment of topology.segments) makeSegment(places, segment);
  for (const router of topology.routers) {
    makeStation(places, router.name);
    makeRouter(places, router);
  }
  for (const station of [...topology.hosts, ...topology.nodes]) makeStation(places, station.name);
  for (const plug of plugsOf(topology)) plugIn(places, plug);
}

/** Its files, then its view of them: what is put into the layers before they are mounted is there from the start. */
async function furnishNode(places: LabPlaces, topology: Topology, node: LabNode): Promise<void> {
  makeNodeLayers(places, node.name);
  await equipNode(places, node.name, { datastore: datastoreUrl(topology), families: podFamilies(topology, node) });
  makeNodeMounts(places, node.name);
}

/** A pod has an IPv4 address, unless all pools are IPv6, and an IPv6 one where there is a pool and its node speaks it. */
function podFamilies({ pools }: Topology, node: LabNode): Family[] {
  const pooled = (family: Family) => pools.some(({ cidr }) => String(cidr).includes(":") === (family === 6));
  if (node.interface6 === undefined || !pooled(6)) return [4];
  return pooled(4) ? [4, 6] : [6];
}

function count(things: readonly unknown[], name: string): string {
  return `${things.length} ${name}${things.length === 1 ? "" : "s"}`;
}
