import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Datastore } from "@ocicat/datastore";
import { openEtcd } from "@ocicat/datastore/etcd";
import { Lab, LabPlaces, parseTopology, type Topology } from "@ocicat/lab";

export const OCICAT = fileURLToPath(new URL("../../packages/cli/bin/ocicat.js", import.meta.url));
const FIRST_LIGHT = fileURLToPath(new URL("../../packages/lab/topologies/first-light.yaml", import.meta.url));

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Capture {
  /** Lines of the packets that a display filter lets through, fields joined by tabs. */
  readonly read: (display: string, ...fields: string[]) => Promise<string[]>;
  readonly stop: () => Promise<void>;
  readonly forget: () => void;
}

/** This project's command; OCICAT_E2E_BGP_DAEMON=bird lets BIRD do BGP in every lab, so that a suite runs over both. */
export function program(daemon = process.env["OCICAT_E2E_BGP_DAEMON"]): readonly [string, ...string[]] {
  const command = [process.execPath, OCICAT] as const;
  return daemon === undefined ? command : ["env", `OCICAT_BGP_DAEMON=${daemon}`, ...command];
}

/** A lab of a test's own: a name no other run has, so that two runs do not meet, also not with a lab that somebody uses. */
export class TestLab {
  readonly name = `oct${randomBytes(3).toString("hex")}`;
  readonly places = new LabPlaces(this.name);
  readonly lab: Lab;
  readonly topology: Topology;
  #store: Datastore | undefined;

  constructor(yaml: string = readFileSync(FIRST_LIGHT, "utf8"), command: readonly [string, ...string[]] = program()) {
    this.topology = { ...parseTopology(yaml, "test topology"), name: this.name };
    this.lab = this.withCommand(command);
  }

  /** The same lab, with its programs started otherwise from now on: under strace, say. */
  withCommand(command: readonly [string, ...string[]]): Lab {
    return new Lab({ places: this.places, command, progress: () => undefined });
  }

  async up(): Promise<void> {
    await this.lab.up(this.topology);
  }

  /** Takes it away and says what stayed behind: nothing, if all is well. */
  async down(): Promise<string[]> {
    await this.#store?.close();
    const pids = this.pids();
    await this.lab.down();
    return [
      ...(existsSync("/run/netns") ? readdirSync("/run/netns") : []).filter((name) => name.startsWith(`${this.name}.`)),
      ...[this.places.run, this.places.disk].filter((path) => existsSync(path)),
      ...readFileSync("/proc/self/mounts", "utf8")
        .split("\n")
        .filter((line) => line.includes(this.name)),
      ...pids.filter(lives).map((pid) => `process ${pid}`),
    ];
  }

  /**
   * The lab's datastore from outside, over its Unix socket, until `down`. By way of the agent's view of the file system, which
   * is the node's: the path stays good when the datastore's own process is another.
   */
  get store(): Datastore {
    this.#store ??= openEtcd({
      endpoints: [`unix:///proc/${this.pid(`agent-${this.topology.datastore}`)}/root/run/ocicat/datastore.sock`],
    });
    return this.#store;
  }

  /** The same anew: by another agent, to another datastore. */
  async reopenStore(): Promise<void> {
    await this.#store?.close();
    this.#store = undefined;
  }

  pids(): number[] {
    if (!existsSync(this.places.processFile)) return [];
    return (JSON.parse(readFileSync(this.places.processFile, "utf8")) as { pid: number }[]).map(
      (process) => process.pid,
    );
  }

  pid(process: string): number {
    const all = JSON.parse(readFileSync(this.places.processFile, "utf8")) as { name: string; pid: number }[];
    const found = all.find((entry) => entry.name === process);
    if (found === undefined) throw new Error(`no process ${process}`);
    return found.pid;
  }

  /** Runs a command inside a node, pod, router or host. */
  exec(where: string, ...command: [string, ...string[]]): Promise<Output> {
    const child = this.lab.spawn(where, command, { stdio: ["ignore", "pipe", "pipe"] });
    return collect(child);
  }

  /** What it printed; throws if it failed. */
  async out(where: string, ...command: [string, ...string[]]): Promise<string> {
    const result = await this.exec(where, ...command);
    if (result.code !== 0)
      throw new Error(`${where}: ${command.join(" ")}: exit ${result.code}\n${result.stdout}${result.stderr}`);
    return result.stdout;
  }

  /** Starts a command that goes on; the caller ends it. */
  start(where: string, ...command: [string, ...string[]]) {
    const child = this.lab.spawn(where, command, { stdio: ["ignore", "pipe", "pipe"] });
    return { child, ended: collect(child) };
  }

  /** This project's command, from outside, on this lab's datastore. */
  ocicat(...args: string[]): Output {
    const result = spawnSync(process.execPath, [OCICAT, ...args], {
      encoding: "utf8",
      env: {
        ...process.env,
        ETCD_ENDPOINTS: `unix:///proc/${this.pid("datastore")}/root/run/ocicat/datastore.sock`,
        OCICAT_AGENT_SOCKET: `/proc/${this.pid("agent-node1")}/root/run/ocicat/agent.sock`,
      },
    });
    return { code: result.status ?? 1, stdout: result.stdout, stderr: result.stderr };
  }

  /** Captures on an interface until `stop`, which returns what tshark reads out of it. Running when this resolves. */
  async capture(where: string, iface: string, filter: string): Promise<Capture> {
    const file = join(tmpdir(), `${this.name}-${where}-${iface}.pcap`);
    // Written from here: a node sees a file system of its own.
    const output = openSync(file, "w");
    const command = ["tcpdump", "-U", "--immediate-mode", "-i", iface, "-w", "-", filter] as const;
    const child = this.lab.spawn(where, command, { stdio: ["ignore", output, "pipe"] });
    closeSync(output);
    const ended = collect(child);
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await eventually(
      () => said,
      (text) => text.includes("listening on"),
    );
    const read = async (display: string, ...fields: string[]) => {
      const args = ["-r", file, "-Y", display, "-T", "fields", ...fields.flatMap((field) => ["-e", field])];
      const text = await collect(spawn("tshark", args, { stdio: ["ignore", "pipe", "pipe"] }));
      if (text.code !== 0) throw new Error(`tshark: ${text.stderr}`);
      return text.stdout.split("\n").filter((line) => line !== "");
    };
    return {
      read,
      stop: async () => {
        // A SIGINT leaves what is still in tcpdump's ring unread: it is asked first whether it has read all it was given.
        await eventually(
          () => {
            child.kill("SIGUSR1");
            return said;
          },
          (text) => counts(text).some(({ captured, received }) => captured === received),
        );
        child.kill("SIGINT");
        await ended;
      },
      forget: () => rmSync(file, { force: true }),
    };
  }

  address(pod: string): string {
    const address = this.lab.pods().find(pod)?.addresses[0];
    if (address === undefined) throw new Error(`no pod ${pod}`);
    return address;
  }

  /** The block that a pod's address is in, where blocks have 64 addresses. */
  block(pod: string): string {
    const [a, b, c, d = "0"] = this.address(pod).split(".");
    return `${a}.${b}.${c}.${Number(d) & 0xc0}/26`;
  }

  /** BGP's sessions as a node's agent tells them, in the order of their texts: "10.0.1.1 node specific Established". */
  async sessions(node: string): Promise<string[]> {
    const { peers } = (await this.agent(node, "/bgp")) as { peers: { address: string; type: string; state: string }[] };
    return peers.map(({ address, type, state }) => `${address} ${type} ${state}`).sort();
  }

  /** JSON from a node's agent. */
  async agent(node: string, path: string): Promise<unknown> {
    const text = await this.out(node, "curl", "-sf", "--unix-socket", "/run/ocicat/agent.sock", `http://agent${path}`);
    return JSON.parse(text) as unknown;
  }
}

/** What tcpdump tells of itself at each SIGUSR1. */
function counts(said: string): readonly { captured: string; received: string }[] {
  const told = said.matchAll(/(\d+) packets? captured, (\d+) packets? received by filter/g);
  return [...told].map(([, captured = "", received = ""]) => ({ captured, received }));
}

/** A process that has ended and waits for its parent to notice counts as gone. */
function lives(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

export function collect(child: ReturnType<typeof spawn>): Promise<Output> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ code: 127, stdout, stderr: stderr + error.message }));
    child.once("close", (code) => resolve({ code: code ?? 128, stdout, stderr }));
  });
}

/** Asks again until the fact holds; throws with the last answer after `ms`. */
export async function eventually<T>(
  check: () => Promise<T> | T,
  holds: (value: T) => boolean,
  ms = 15_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const value = await check();
    if (holds(value)) return value;
    if (performance.now() > deadline) throw new Error(`still not so after ${ms} ms: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** `packets transmitted, received` of a ping's summary. */
export function pingCounts(output: string): { readonly sent: number; readonly received: number } {
  const match = /(\d+) packets transmitted, (\d+) received/.exec(output);
  return { sent: Number(match?.[1] ?? 0), received: Number(match?.[2] ?? 0) };
}
