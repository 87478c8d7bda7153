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
  /** What it has logged: warnings and errors, JSON lines. */
  log(): string;
}

/** Our server in a process of its own, listening on a Unix socket; `prefix` is a command that runs another. */
export async function startServerProcess(
  scope: Scope,
  dataFile: string,
  socket: string,
  prefix: readonly string[] = [],
): Promise<ServerProcess> {
  const program = join(import.meta.dirname, "serve.ts");
  const [command, ...args] = [...prefix, process.execPath, "--conditions=source", program, dataFile, socket];
  const child = run(scope, command, args, import.meta.dirname);
  let log = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const listening = Promise.withResolvers<void>();
  if (child.stdout !== null) createInterface(child.stdout).once("line", () => listening.resolve());
  child.once("error", listening.reject);
  // Not at its exit: what it said last may still be in the pipe.
  child.once("close", (code, signal) => listening.reject(new Error(`the server ended (${code ?? signal}): ${log}`)));
  await listening.promise;
  return { child, endpoint: { path: socket }, log: () => log };
}

/** A mount namespace: what is mounted in it nobody else sees, and it goes with the scope. */
export interface Mounts {
  /** A command line that runs another one in it. */
  readonly enter: readonly string[];
  /** Where a path of it is found from outside. */
  outside(path: string): string;
}

/** `script` mounts. */
export async function startMounts(scope: Scope, script: string): Promise<Mounts> {
  const holder = run(
    scope,
    "unshare",
    ["--mount", "sh", "-e", "-c", `${script}\necho ready; exec sleep infinity`],
    "/",
  );
  const ready = Promise.withResolvers<void>();
  if (holder.stdout !== null) createInterface(holder.stdout).once("line", () => ready.resolve());
  holder.once("error", ready.reject);
  holder.once("close", (code) => ready.reject(new Error(`cannot mount (${code})`)));
  await ready.promise;
  const { pid } = holder;
  return {
    enter: ["nsenter", "--mount", "--target", `${pid}`, "--wd=/", "--"],
    outside: (path) => `/proc/${pid}/root${path}`,
  };
}
