/** A namespace with the addresses of a reflector and its clients; each daemon in it in turn, with clients in a process of their own. */
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { formatAddress } from "@ocicat/net";
import { DAEMON_NAMES, type DaemonName, withDaemon } from "./daemons.ts";
import { clientAddress, IDLE_SESSIONS, REFLECTOR, type Setup } from "./plan.ts";

/** What each daemon did in each of its rounds. */
export type Results<T> = ReadonlyMap<DaemonName, readonly T[]>;

/** Which program plays the clients, and with what. */
export interface Play {
  readonly program: "clients.ts" | "idle-clients.ts";
  readonly argument: (pid: number) => string;
}

export class Segment {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** Rounds of all daemons, one after the other, each in a new process. `countOf`: how many rounds one takes part in. */
  async rounds<T>(setup: Setup, play: Play, countOf: (name: DaemonName) => number): Promise<Results<T>> {
    const results = new Map<DaemonName, T[]>(DAEMON_NAMES.map((name) => [name, []]));
    const most = Math.max(...DAEMON_NAMES.map(countOf));
    for (let round = 0; round < most; round++) {
      for (const name of DAEMON_NAMES) {
        if (round >= countOf(name)) continue;
        const result = await withDaemon(name, this.#namespace, setup, (pid) => this.#play<T>(play, pid));
        results.get(name)?.push(result);
        process.stderr.write(`${name} ${JSON.stringify(result)}\n`);
      }
    }
    return results;
  }

  async #play<T>({ program, argument }: Play, pid: number): Promise<T> {
    const path = join(import.meta.dirname, program);
    const words = ["netns", "exec", this.#namespace, "setpriv", "--pdeathsig", "KILL", process.execPath];
    const child = spawn("ip", [...words, path, argument(pid)], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (bytes) => {
      said += String(bytes);
    });
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(`the clients ended with ${code}`);
    return JSON.parse(said);
  }
}

export async function inSegment<T>(work: (segment: Segment) => Promise<T>): Promise<T> {
  const name = `octbgp${randomBytes(3).toString("hex")}`;
  const ip = (...words: string[]) => execFileSync("ip", words, { stdio: ["ignore", "ignore", "inherit"] });
  ip("netns", "add", name);
  try {
    ip("-n", name, "link", "set", "lo", "up");
    ip("-n", name, "link", "add", "bench", "type", "veth", "peer", "name", "segment");
    ip("-n", name, "link", "set", "segment", "up");
    ip("-n", name, "link", "set", "bench", "up");
    const clients = Array.from({ length: IDLE_SESSIONS }, (_, index) => formatAddress(clientAddress(index)));
    for (const address of [REFLECTOR, ...clients]) ip("-n", name, "address", "add", `${address}/24`, "dev", "bench");
    return await work(new Segment(name));
  } finally {
    ip("netns", "delete", name);
  }
}
