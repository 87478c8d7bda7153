import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** A process in a namespace that dies with this one. */
export class DaemonProcess {
  readonly #child: ChildProcess;
  #log = "";

  constructor(namespace: string, command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn("setpriv", ["--pdeathsig", "KILL", "ip", "netns", "exec", namespace, ...command], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (bytes) => {
        this.#log = (this.#log + String(bytes)).slice(-20_000);
      });
    }
  }

  get log(): string {
    return this.#log;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }
}
