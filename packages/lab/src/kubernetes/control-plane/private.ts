import { spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OcicatError } from "@ocicat/kit";
import { identify } from "../../process/identity.ts";
import { findKubernetes, type KubernetesProgram } from "../programs.ts";
import { ControlPlane, type Launch } from "./control-plane.ts";
import { Credentials } from "./credentials.ts";
import type { ControlPlaneProgram } from "./flags.ts";

export interface PrivateControlPlaneOptions {
  /** Without controllers nobody collects what has no owner, and no namespace ever ends. */
  readonly controllers?: boolean;
  readonly scheduler?: boolean;
  readonly extra?: Readonly<Partial<Record<KubernetesProgram, readonly string[]>>>;
}

/** A control plane without nodes, on ports of its own of this machine's loopback: for tests of what talks to the API. */
export class PrivateControlPlane implements AsyncDisposable {
  readonly plane: ControlPlane;
  readonly credentials: Credentials;
  /** Everything of it, with the logs; gone after `stop`. */
  readonly directory: string;
  readonly etcdEndpoint: string;

  private constructor(plane: ControlPlane, credentials: Credentials, directory: string, etcdEndpoint: string) {
    this.plane = plane;
    this.credentials = credentials;
    this.directory = directory;
    this.etcdEndpoint = etcdEndpoint;
  }

  /** Ready when this resolves. Throws OcicatError; then nothing of it is left. */
  static async start(options: PrivateControlPlaneOptions = {}): Promise<PrivateControlPlane> {
    const programs = findKubernetes();
    const directory = mkdtempSync(join(tmpdir(), "ocicat-kube-"));
    try {
      const credentials = new Credentials(join(directory, "credentials"));
      const [port = 0, etcdPort = 0, etcdPeerPort = 0] = await freePorts(3);
      const plane = await ControlPlane.start({
        programs,
        directory,
        credentials,
        address: "127.0.0.1",
        port,
        etcdPort,
        etcdPeerPort,
        serviceCidr: "10.96.0.0/16",
        parts: partsOf(options),
        launch: launchHere(join(directory, "log")),
        extra: {
          ...options.extra,
          "kube-controller-manager": ["--secure-port=0", ...(options.extra?.["kube-controller-manager"] ?? [])],
          "kube-scheduler": ["--secure-port=0", ...(options.extra?.["kube-scheduler"] ?? [])],
        },
      });
      return new PrivateControlPlane(plane, credentials, directory, `http://127.0.0.1:${etcdPort}`);
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** An administrator's. */
  get kubeconfig(): string {
    return this.plane.kubeconfig;
  }

  /** Ends it at once: nothing of it is worth a farewell. */
  async stop(): Promise<void> {
    await this.plane.kill("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd");
    rmSync(this.directory, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function partsOf({ controllers = false, scheduler = false }: PrivateControlPlaneOptions): ControlPlaneProgram[] {
  return [
    "etcd",
    "kube-apiserver",
    ...(controllers ? (["kube-controller-manager"] as const) : []),
    ...(scheduler ? (["kube-scheduler"] as const) : []),
  ];
}

function launchHere(logs: string): Launch {
  mkdirSync(logs, { recursive: true });
  return (name, [program, ...args]) => {
    const log = openSync(join(logs, `${name}.log`), "a", 0o600);
    try {
      const child = spawn(program, args, { stdio: ["ignore", log, log] });
      child.on("error", () => undefined);
      // Also when nobody stops it: what has thrown elsewhere leaves no server behind.
      const end = () => void child.kill("SIGKILL");
      process.once("exit", end);
      child.once("exit", () => process.off("exit", end));
      const started = child.pid === undefined ? undefined : identify(name, child.pid);
      if (started !== undefined) return started;
      throw new OcicatError({ code: "LAB_PROCESS", what: `${name} could not be started: ${program}` });
    } finally {
      closeSync(log);
    }
  };
}

/** Ports that nobody listens on, all different: held together until all are known. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => {
        server.listen(0, "127.0.0.1", resolve);
      });
      return server;
    }),
  );
  return await Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      await new Promise((resolve) => {
        server.close(resolve);
      });
      return typeof address === "object" && address !== null ? address.port : 0;
    }),
  );
}
