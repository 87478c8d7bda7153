import { spawn } from "node:child_process";

export interface PluginRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningPlugin {
  readonly done: Promise<PluginRun>;
  /** Ends the process at once, as a runtime's own death would. */
  kill(): void;
}

/** Executes a plugin as a runtime does. */
export function startPlugin(file: string, env: Readonly<Record<string, string>>, stdin: string): RunningPlugin {
  const child = spawn(file, [], { env: { PATH: process.env.PATH ?? "", ...env } });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  const done = new Promise<PluginRun>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
  });
  return { done, kill: () => void child.kill("SIGKILL") };
}

export function runPlugin(file: string, env: Readonly<Record<string, string>>, stdin: string): Promise<PluginRun> {
  return startPlugin(file, env, stdin).done;
}

export const ADD_ENV: Readonly<Record<string, string>> = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "aaaa000000000000000000000000000000000000000000000000000000000001",
  CNI_NETNS: "/var/run/netns/gp1",
  CNI_IFNAME: "eth0",
  CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-1;K8S_POD_INFRA_CONTAINER_ID=aaaa;X=1",
  CNI_PATH: "/opt/cni/bin",
};

export const CONF = { cniVersion: "0.3.1", name: "k8s-pod-network", type: "calico", ipam: { type: "calico-ipam" } };
