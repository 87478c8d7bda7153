import { existsSync } from "node:fs";
import { join } from "node:path";
import { OcicatError } from "@ocicat/kit";
import { openNamespace, spawnIn } from "@ocicat/linux";
import { formatAddress } from "@ocicat/net";
import { ProcessBook } from "../../process/book.ts";
import { endProcesses, killProcesses } from "../../process/end.ts";
import { identify } from "../../process/identity.ts";
import { markOf } from "../../process/mark.ts";
import { waitFor, waitForSocket } from "../../process/ready.ts";
import { firstProcessOf, startInNode } from "../../process/start.ts";
import type { LabNode, Topology } from "../../topology/topology.ts";
import type { LabPlaces } from "../../world/places.ts";
import { makeCgroups, removeCgroups } from "./cgroups.ts";
import { CONTAINERD_CONFIG, CONTAINERD_SOCKET, kubeletFlags, proxyFlags } from "./files.ts";
import { PRETENDED_SYSCTLS, pretendedDirectory } from "./view.ts";

/** What runs on a node, in the order in which it is started. */
export const NODE_PROGRAMS = ["containerd", "kubelet", "kube-proxy"] as const;
export type NodeProgram = (typeof NODE_PROGRAMS)[number];

const START_MS = 60_000;

export interface NodeContext {
  readonly places: LabPlaces;
  readonly topology: Topology;
  /** Of Kubernetes' programs. */
  readonly programs: string;
  /** For a user of the API, as nodes reach it. */
  readonly kubeconfig: (user: string) => string;
}

export function nodeProcess(node: string, program: NodeProgram): string {
  return `${program}-${node}`;
}

/** Switches a node on: its first process, then its programs. Resolves when kubelet runs; the node registers itself. */
export async function startNode(context: NodeContext, node: LabNode): Promise<void> {
  makeCgroups(context.places, node.name);
  await startFirstProcess(context, node.name);
  for (const program of NODE_PROGRAMS) await startNodeProgram(context, node, program);
}

/** Switches it off, as a power cut does: nothing of it has time for anything. Its disk stays. */
export async function cutNode({ places }: Pick<NodeContext, "places">, node: string): Promise<void> {
  const first = new ProcessBook(places).alive(firstProcessOf(node));
  // The first process of a PID namespace takes all others with it.
  if (first !== undefined) await killProcesses([first]);
  await removeCgroups(places, node);
}

/** Starts one of its programs, which does not run. */
export async function startNodeProgram(context: NodeContext, node: LabNode, program: NodeProgram): Promise<void> {
  const { places } = context;
  const name = nodeProcess(node.name, program);
  startInNode(places, node.name, name, commandOf(context, node, program), { PATH: pathOf(context) });
  if (program === "containerd") await waitForSocket(places, name, CONTAINERD_SOCKET, START_MS);
}

/** Ends it: at once, as a crash does, or as a service manager would. */
export async function stopNodeProgram(
  { places }: Pick<NodeContext, "places">,
  node: string,
  program: NodeProgram,
  how: "kill" | "stop" = "kill",
): Promise<void> {
  const running = new ProcessBook(places).alive(nodeProcess(node, program));
  if (running === undefined) return;
  await (how === "kill" ? killProcesses([running]) : endProcesses([running], 10_000));
}

function commandOf(context: NodeContext, node: LabNode, program: NodeProgram): [string, ...string[]] {
  const { programs, topology, kubeconfig } = context;
  const path = (name: string) => join(programs, name);
  switch (program) {
    case "containerd":
      return ["containerd", "--config", CONTAINERD_CONFIG];
    case "kubelet": {
      const addresses = [node.interface, node.interface6].flatMap((entry) =>
        entry === undefined ? [] : [formatAddress(entry.address)],
      );
      return [path("kubelet"), ...kubeletFlags(node.name, addresses, kubeconfig(`system:node:${node.name}`))];
    }
    case "kube-proxy": {
      const mode = topology.kubernetes?.proxyMode ?? "nftables";
      return [path("kube-proxy"), ...proxyFlags(node.name, mode, kubeconfig("system:kube-proxy"))];
    }
  }
}

/** What a node's programs find: Kubernetes' own, and the machine's (runc, nft, iptables, mount). */
function pathOf({ programs }: NodeContext): string {
  return `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${programs}`;
}

/** Process 1: it mounts what tells of processes, and then only waits for those whose parents have ended. */
async function startFirstProcess({ places, programs }: NodeContext, node: string): Promise<void> {
  const pretended = pretendedDirectory(places, node);
  const script = [
    "set -e",
    "while umount /proc/sys/* 2>/dev/null; do :; done",
    "mount -t proc proc /proc",
    ...Object.keys(PRETENDED_SYSCTLS).map((name) => `mount --bind ${pretended}/${name} /proc/sys/${name}`),
    "touch /run/first-process",
    `exec ${programs}/pause`,
  ];
  using net = openNamespace(places.netns(node));
  using mount = openNamespace(places.mountns(node));
  const child = spawnIn({ net, mount, pid: "new" }, "sh", ["-c", script.join("\n")], {
    detached: true,
    stdio: "ignore",
    env: { PATH: process.env["PATH"], ...markOf(places) },
  });
  child.unref();
  child.on("error", () => undefined);
  const name = firstProcessOf(node);
  const started = child.pid === undefined ? undefined : identify(name, child.pid);
  if (started === undefined)
    throw new OcicatError({ code: "LAB_PROCESS", what: `${name} could not be started`, where: `lab ${places.lab}` });
  new ProcessBook(places).set(started);
  await waitFor(places, name, START_MS, async () =>
    existsSync(`/proc/${started.pid}/root/run/first-process`)
      ? { value: undefined }
      : { reason: "it has not mounted /proc" },
  );
}
