import { existsSync } from "node:fs";

/** The lab that runs on this machine, if one does: reached from outside its namespaces, so by root only. */
export interface LabReach {
  /** Its datastore, as an endpoint for a client. */
  readonly datastore: () => Promise<string | undefined>;
  /** Its agents' sockets, by node, in the topology's order. */
  readonly agents: () => Promise<readonly LabAgent[]>;
}

export interface LabAgent {
  readonly name: string;
  readonly socket: string;
}

/** Where labs keep what they know of themselves: without it none runs, and the lab's code need not be loaded to ask. */
const LABS = "/run/ocicat-lab";

export const labOnThisMachine: LabReach = {
  async datastore() {
    if (!existsSync(LABS)) return undefined;
    const { runningLabEndpoint } = await import("@ocicat/lab");
    return runningLabEndpoint();
  },
  async agents() {
    if (!existsSync(LABS)) return [];
    const { runningLabAgents } = await import("@ocicat/lab");
    return runningLabAgents();
  },
};
