import { join } from "node:path";
import { checkLabName } from "../topology/names.ts";

/**
 * Where a lab's things are on the machine. All of it is gone after `down`.
 *
 *     /run/netns/<lab>.<name>           network namespaces of nodes, routers, hosts, segments: `ip netns` lists them
 *     /run/ocicat-lab.netns             whether a lab made /run/netns the shared mount it is
 *     /run/ocicat-lab/<lab>/mnt/<node>  mount namespaces of nodes
 *     /run/ocicat-lab/<lab>/*.json      the topology, the processes, and below pods/ and cni/ what the runtime knows
 *     /run/ocicat-lab/<lab>/machine*    for a lab in a machine of its own, where all the rest then is: how it is reached
 *     /var/tmp/ocicat-lab/<lab>/        what nodes write: their /etc, /opt, /var/lib, /var/log; on disk, as a node's is
 */
export class LabPlaces {
  readonly lab: string;
  readonly run: string;
  readonly disk: string;

  /** Throws OcicatError LAB_NAME: a name becomes part of paths that `down` removes. */
  constructor(lab: string, root: { readonly run: string; readonly disk: string } = DEFAULT_ROOT) {
    this.lab = checkLabName(lab);
    this.run = join(root.run, lab);
    this.disk = join(root.disk, lab);
  }

  /** A network namespace of the lab, by the part's name. */
  netns(part: string): string {
    return join(NETNS_DIR, `${this.lab}.${part}`);
  }

  get netnsPrefix(): string {
    return `${this.lab}.`;
  }

  get mountDir(): string {
    return join(this.run, "mnt");
  }

  mountns(node: string): string {
    return join(this.mountDir, node);
  }

  get topologyFile(): string {
    return join(this.run, "topology.json");
  }

  get processFile(): string {
    return join(this.run, "processes.json");
  }

  get podDir(): string {
    return join(this.run, "pods");
  }

  /** The topology that `up` was given, written last: without it the lab is half-made. */
  get readyFile(): string {
    return join(this.run, "ready");
  }

  /** What passes between the host and the machine that the lab is in, if it is in one. */
  get machineDir(): string {
    return join(this.run, "machine");
  }

  /** Where commands reach that machine. */
  get machineSocket(): string {
    return join(this.run, "machine.sock");
  }

  /** That machine's console. */
  get machineLog(): string {
    return this.log("machine");
  }

  /** What the process beside it has to complain of. */
  get gatewayLog(): string {
    return this.log("gateway");
  }

  nodeDisk(node: string): string {
    return join(this.disk, "nodes", node);
  }

  log(process: string): string {
    return join(this.disk, "log", `${process}.log`);
  }
}

export const NETNS_DIR = "/run/netns";
/** The identity of the mount there, if a lab made it. */
export const NETNS_MARK = "/run/ocicat-lab.netns";
export const DEFAULT_ROOT = { run: "/run/ocicat-lab", disk: "/var/tmp/ocicat-lab" } as const;

/** A segment's bridge. */
export const BRIDGE = "br0";
