import { readFileSync } from "node:fs";
import { join } from "node:path";
import { OcicatError } from "@ocicat/kit";
import { endProcesses, killProcesses, pause } from "../../process/end.ts";
import { isAlive, type LabProcess } from "../../process/identity.ts";
import type { KubernetesProgram } from "../programs.ts";
import { type AuditedRequest, readAudit, writeAuditPolicy } from "./audit.ts";
import { type ControlPlaneProgram, type ControlPlaneSettings, controlPlaneFlags } from "./flags.ts";

/** Starts a program where the control plane is to be, with its output in a log. */
export type Launch = (name: string, command: readonly [string, ...string[]]) => LabProcess;

export interface ControlPlaneOptions extends ControlPlaneSettings {
  /** Of Kubernetes' programs. */
  readonly programs: string;
  readonly launch: Launch;
  /** How this process reaches the API server, where that is not its address: over a forwarder. */
  readonly reachedAt?: string;
  readonly parts: readonly ControlPlaneProgram[];
}

/** Three seconds measured, beside nothing else. */
const READY_MS = 90_000;
const GRACE_MS = 10_000;
const RESTARTS = 5;

/** etcd, the API server and what acts on its objects, as processes. One is found again by its records; see `running`. */
export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #running = new Map<ControlPlaneProgram, LabProcess>();

  private constructor(
    options: ControlPlaneOptions,
    running: Iterable<readonly [ControlPlaneProgram, LabProcess]> = [],
  ) {
    this.#options = options;
    this.#running = new Map(running);
  }

  /** Starts all parts and waits until the API server is ready. On failure nothing of it runs. */
  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    const plane = new ControlPlane(options);
    writeAuditPolicy(options.directory);
    try {
      const [stores, actors] = partition(options.parts, (part) => part === "etcd" || part === "kube-apiserver");
      for (const part of stores) await plane.restart(part);
      for (const part of actors) await plane.restart(part);
      return plane;
    } catch (error) {
      await plane.kill(...options.parts);
      throw error;
    }
  }

  /** One that runs already. */
  static running(
    options: ControlPlaneOptions,
    processes: Iterable<readonly [ControlPlaneProgram, LabProcess]>,
  ): ControlPlane {
    return new ControlPlane(options, processes);
  }

  /** How this process, and whoever shares its network, reaches the API server. */
  get server(): string {
    return this.#options.reachedAt ?? this.#insideServer;
  }

  /** An administrator's, for programs that share this process' network. */
  get kubeconfig(): string {
    return this.#options.credentials.writeKubeconfig("admin", "admin", this.server);
  }

  /** A user's, for programs where the control plane is, and on the nodes. */
  kubeconfigInside(user: string): string {
    return this.#options.credentials.writeKubeconfig(`inside-${user.replaceAll(":", "-")}`, user, this.#insideServer);
  }

  get #insideServer(): string {
    return `https://${this.#options.address}:${this.#options.port}`;
  }

  /** What the network's own pods have asked of the API server. */
  audited(): readonly AuditedRequest[] {
    return readAudit(this.#options.directory);
  }

  process(part: ControlPlaneProgram): LabProcess | undefined {
    const process = this.#running.get(part);
    return process !== undefined && isAlive(process) ? process : undefined;
  }

  /** Ends a part, if it runs, starts it, and waits until it answers. */
  async restart(part: ControlPlaneProgram): Promise<void> {
    await this.kill(part);
    const start = (): void => {
      const flags = controlPlaneFlags(this.#options, (user) => this.kubeconfigInside(user));
      this.#running.set(part, this.#options.launch(part, [this.#program(part), ...flags[part]()]));
    };
    start();
    if (part !== "kube-apiserver") return;
    // A killed server's port is free when its last thread has ended, and that is after its first. A service manager starts what
    // could not bind again, and so is it here.
    for (let again = 0; ; again += 1) {
      try {
        await this.waitUntilReady();
        return;
      } catch (error) {
        if (again === RESTARTS || this.process(part) !== undefined) throw error;
        start();
      }
    }
  }

  /** At once, as a crash does. */
  async kill(...parts: readonly ControlPlaneProgram[]): Promise<void> {
    await killProcesses(parts.flatMap((part) => this.process(part) ?? []));
  }

  /** All parts, those that write first. */
  async stop(): Promise<void> {
    for (const part of this.#options.parts.toReversed()) {
      const process = this.process(part);
      if (process !== undefined) await endProcesses([process], GRACE_MS);
    }
  }

  /** GET as an administrator: status 0 if nobody answers. */
  get(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const { credentials } = this.#options;
    // Loaded by who asks: most commands of a lab do not.
    const { request } = process.getBuiltinModule("node:https");
    return new Promise((resolve) => {
      const failed = (error: Error) => resolve({ status: 0, body: error.message });
      try {
        const call = request(
          new URL(path, this.server),
          {
            ca: readFileSync(credentials.serverAuthority),
            servername: "kubernetes",
            headers: { authorization: `Bearer ${credentials.tokenOf("admin")}` },
            agent: false,
            timeout: 5_000,
          },
          (response) => {
            let body = "";
            response.setEncoding("utf8");
            response.on("data", (chunk: string) => {
              body += chunk;
            });
            response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
            response.on("error", failed);
          },
        );
        call.on("timeout", () => call.destroy(new Error("no answer within 5 s")));
        call.on("error", failed);
        call.end();
      } catch (error) {
        // The server has not made its certificate yet.
        failed(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  /** Throws OcicatError LAB_NOT_READY. */
  waitUntilReady(): Promise<void> {
    return this.waitFor("/readyz");
  }

  /** Waits until there is something at this path. Throws OcicatError LAB_NOT_READY. */
  async waitFor(path: string): Promise<void> {
    const deadline = performance.now() + READY_MS;
    for (;;) {
      const answer = await this.get(path);
      if (answer.status === 200) return;
      const dead = this.process("kube-apiserver") === undefined;
      if (dead || performance.now() > deadline) {
        throw new OcicatError({
          code: "LAB_NOT_READY",
          where: this.server,
          what: dead ? "the API server has ended" : `there is no ${path} after ${READY_MS / 1000} s`,
          why: answer.body.trim().replaceAll("\n", "; "),
          fix: `see its log, in ${this.#options.directory}`,
        });
      }
      await pause(50);
    }
  }

  #program(name: KubernetesProgram): string {
    return join(this.#options.programs, name);
  }
}

function partition<T>(items: readonly T[], first: (item: T) => boolean): [T[], T[]] {
  return [items.filter(first), items.filter((item) => !first(item))];
}
