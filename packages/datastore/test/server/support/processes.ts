import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Endpoint } from "@ocicat/datastore/server";
import type { Scope } from "@ocicat/kit";

/** A directory that goes with the scope. */
export function temporaryDirectory(scope: Scope): string {
  const path = mkdtempSync(join(tmpdir(), "oct-server-"));
  scope.add(path, () => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Ends with the scope, by SIGKILL. */
function run(scope: Scope, command: string, args: readonly string[], cwd: string): ChildProcess {
  const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  scope.add(`${command} (${child.pid})`, () => kill(child));
  return child;
}

/** Returns when the process is gone. */
export async function kill(child: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

export interface ServerProcess {
  readonly child: ChildProcess;
  readonly endpoint: Endpoint;
}

/** Our server in a process of its own, listening on a Unix socket. */
export async function startServerProcess(scope: Scope, dataFile: string, socket: string): Promise<ServerProcess> {
  const program = join(import.meta.dirname, "serve.ts");
  const args = ["--conditions=source", program, dataFile, socket];
  const child = run(scope, process.execPath, args, import.meta.dirname);
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const listening = Promise.withResolvers<void>();
  if (child.stdout !== null) createInterface(child.stdout).once("line", () => listening.resolve());
  child.once("error", listening.reject);
  child.once("exit", (code, signal) => listening.reject(new Error(`the server ended (${code ?? signal}): ${errors}`)));
  await listening.promise;
  return { child, endpoint: { path: socket } };
}
