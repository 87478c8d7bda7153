import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "../support/expect.ts";

/** One instance of the controllers, as a process of its own or in this one. */
export interface Instance {
  /** One of its metrics; without labels, or with these. */
  metric(name: string): Promise<number>;
  /** At once, as a crash. */
  kill(): Promise<void>;
}

const COMMAND = fileURLToPath(new URL("../../../cli/bin/ocicat.js", import.meta.url));

/** `ocicat controllers run`, as built. */
export async function startProcess(endpoint: string, leaseSeconds: number): Promise<Instance> {
  const dir = mkdtempSync(join(tmpdir(), "oct-soak-"));
  const socket = join(dir, "controllers.sock");
  const child = spawn(process.execPath, [COMMAND, "controllers", "run"], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env["PATH"] ?? "",
      ETCD_ENDPOINTS: endpoint,
      OCICAT_CONTROLLERS_SOCKET: socket,
      OCICAT_CONTROLLERS_PORT: "0",
      OCICAT_CONTROLLERS_LEASE_SECONDS: String(leaseSeconds),
    },
  });
  const ended = once(child, "exit");
  const instance: Instance = {
    metric: async (name) => metricIn(await get(socket, "/metrics"), name),
    async kill() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await eventually(
    () => get(socket, "/readyz").catch((error: unknown) => String(error)),
    (answer) => answer === "ok\n",
    30_000,
  );
  return instance;
}

export function metricIn(text: string, name: string): number {
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: 60_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve(text));
    });
    call.on("timeout", () => call.destroy(new Error("no answer")));
    call.on("error", reject);
    call.end();
  });
}
