import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type Kernel, openKernel, openNamespace } from "@ocicat/linux";

export const POD = "10.65.0.2";
export const OUTSIDE = "192.0.2.2";
/** The pod's end on the host. */
export const CALI = "cali0";

/**
 *     pod  eth0 10.65.0.2 ── cali0 10.65.0.1  host  out0 192.0.2.1 ── eth0 192.0.2.2  outside
 */
export class Lab {
  readonly #run = `oct${randomBytes(3).toString("hex")}`;
  readonly #children: ChildProcess[] = [];
  readonly #closers: (() => void)[] = [];
  readonly kernel: Kernel;

  constructor() {
    const [host, pod, outside] = [this.#name("host"), this.#name("pod"), this.#name("outside")];
    for (const name of [host, pod, outside]) {
      ip("netns", "add", name);
      this.#closers.push(() => ip("netns", "del", name));
    }
    ip("-n", host, "link", "add", CALI, "type", "veth", "peer", "eth0", "netns", pod);
    ip("-n", host, "link", "add", "out0", "type", "veth", "peer", "eth0", "netns", outside);
    const ends = [
      [host, CALI, "10.65.0.1/24"],
      [host, "out0", "192.0.2.1/24"],
      [pod, "eth0", `${POD}/24`],
      [outside, "eth0", `${OUTSIDE}/24`],
    ] as const;
    for (const [name, device, address] of ends) {
      ip("-n", name, "address", "add", address, "dev", device);
      ip("-n", name, "link", "set", device, "up");
    }
    ip("-n", pod, "route", "add", "default", "via", "10.65.0.1");
    ip("-n", outside, "route", "add", "10.65.0.0/24", "via", "192.0.2.1");
    const namespace = openNamespace(`/run/netns/${host}`);
    this.kernel = openKernel({ namespace });
    namespace.close();
    this.#closers.push(() => this.kernel.close());
    this.kernel.writeSysctl("net/ipv4/ip_forward", "1");
  }

  /** The output of a command in one of the namespaces; also of one that fails. */
  async run(where: "host" | "pod" | "outside", ...command: string[]): Promise<string> {
    const child = this.spawn(where, ...command);
    let output = "";
    child.stdout?.on("data", (chunk) => {
      output += String(chunk);
    });
    await once(child, "close");
    return output;
  }

  /** Ended with the lab, if not before. */
  spawn(where: "host" | "pod" | "outside", ...command: string[]): ChildProcess {
    const child = spawn("ip", ["netns", "exec", this.#name(where), ...command], { stdio: ["ignore", "pipe", "pipe"] });
    this.#children.push(child);
    return child;
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "close");
    }
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) close();
  }

  #name(where: string): string {
    return `${this.#run}${where}`;
  }
}

function ip(...command: string[]): void {
  execFileSync("ip", command, { stdio: "pipe" });
}
