import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { OcicatError } from "@ocicat/kit";

/** The lab that runs on this machine, if one does: reached from outside its namespaces, so by root only. */
export interface LabReach {
  /** Its datastore, as an endpoint for a client. Throws OcicatError. */
  readonly datastore: () => string | undefined;
  /** Its agents' sockets, by node. Throws OcicatError. */
  readonly agents: () => readonly LabAgent[];
  /** Its nodes, also those whose agent has ended. Throws OcicatError. */
  readonly nodes: () => readonly LabNode[];
}

export interface LabNode {
  readonly name: string;
  /** The lab it is of. */
  readonly lab: string;
  /** Its agent's; undefined if that has ended. */
  readonly socket: string | undefined;
}

export interface LabAgent {
  readonly name: string;
  readonly socket: string;
}

/** Where labs keep what they know of themselves, and where their processes are seen. */
export interface LabRoots {
  readonly run: string;
  readonly proc: string;
}

/**
 * Reads what packages/lab writes, without it: to load the lab takes longer than all the rest of a command, and every
 * command that finds no other datastore asks for one.
 *
 *     /run/ocicat-lab/<lab>/processes.json             [{"name": "datastore" | "agent-<node>", "pid", …}, …]
 *     /proc/<pid>/root/run/ocicat/datastore.sock       a node's own /run, seen through a process of it
 *     /proc/<pid>/root/run/ocicat/agent.sock
 *
 *     /run/ocicat-lab/<lab>/machine.sock               the lab is in a machine of its own, and this leads into it
 *
 * A process that has ended, or a stranger by its number, shows no such socket. Where no lab on this kernel has what is
 * sought, and one is in a machine: OcicatError LAB_IN_MACHINE. `only`: no other lab than this, where several run.
 */
export function labReach(only?: string, roots: LabRoots = { run: "/run/ocicat-lab", proc: "/proc" }): LabReach {
  const labs = () => labsIn(roots.run).filter((lab) => only === undefined || lab === only);
  const processes = () => labs().flatMap((lab) => processesOf(roots.run, lab));
  const here = <T>(things: readonly T[]) => {
    if (things.length === 0) refuseIfInMachine(roots.run, labs());
    return things;
  };
  const socketOf = ({ pid }: Pick<LabProcess, "pid">, name: string) =>
    join(roots.proc, String(pid), "root/run/ocicat", name);
  return {
    datastore() {
      const sockets = processes()
        .filter(({ name }) => name === "datastore")
        .map((process) => socketOf(process, "datastore.sock"));
      const [socket] = here(sockets.filter(isThere));
      return socket === undefined ? undefined : `unix://${socket}`;
    },
    agents() {
      const agents = processes()
        .filter(({ name }) => name.startsWith("agent-"))
        .map((process) => ({ name: process.name.slice("agent-".length), socket: socketOf(process, "agent.sock") }));
      return here(agents.filter(({ socket }) => isThere(socket)));
    },
    nodes() {
      const nodes = here(processes().filter(({ name }) => name.startsWith("agent-")));
      return nodes.map(({ name, pid, lab }) => {
        const socket = socketOf({ pid }, "agent.sock");
        return { name: name.slice("agent-".length), lab, socket: isThere(socket) ? socket : undefined };
      });
    },
  };
}

/** An error whose `where` is the socket of a machine's gateway. */
export const IN_MACHINE = "LAB_IN_MACHINE";

/** What a lab has that is in a machine of its own cannot be reached: the command is handed over, see `run` in main.ts. */
function refuseIfInMachine(run: string, labs: readonly string[]): void {
  const socket = labs.map((lab) => join(run, lab, "machine.sock")).find((path) => existsSync(path));
  if (socket === undefined) return;
  throw new OcicatError({ code: IN_MACHINE, where: socket, what: "the lab is in a machine of its own" });
}

interface LabProcess {
  readonly name: string;
  readonly pid: number;
}

function labsIn(run: string): readonly string[] {
  return existsSync(run) ? readdirSync(run).sort() : [];
}

function processesOf(run: string, lab: string): readonly (LabProcess & { readonly lab: string })[] {
  const file = join(run, lab, "processes.json");
  const processes = existsSync(file) ? parse(readFileSync(file, "utf8"), file) : [];
  return processes.map((process) => ({ ...process, lab }));
}

function parse(text: string, file: string): readonly LabProcess[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every(isProcess)) return value;
  } catch {
    // It says the same of the file as a value of another form.
  }
  const fix = "take the lab down and bring it up again: ocicat lab down";
  throw new OcicatError({ code: "LAB_FILE", where: file, what: "is not a list of processes", fix });
}

function isProcess(value: unknown): value is LabProcess {
  if (typeof value !== "object" || value === null || !("name" in value && "pid" in value)) return false;
  return typeof value.name === "string" && Number.isInteger(value.pid);
}

function isThere(socket: string): boolean {
  try {
    return statSync(socket, { throwIfNoEntry: false }) !== undefined;
  } catch (cause) {
    const fix = "run this with sudo, or name another datastore: ETCD_ENDPOINTS=http://ADDRESS:2379, or -c FILE";
    throw new OcicatError({
      code: "LAB_NOT_ROOT",
      what: "only root can reach the lab that runs on this machine",
      fix,
      cause,
    });
  }
}
