import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";

export interface ExecInput {
  /** The CNI_* variables. An executor adds what a program needs beside (PATH: portmap looks for iptables). */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

export interface ExecOutcome {
  /** Exit code; undefined if it was killed or could not be started, which `stderr` then says. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a plugin to its end. Injected, so that plugins can run in another node's namespaces. Does not throw. */
export type Exec = (command: string, input: ExecInput) => Promise<ExecOutcome>;

const KILL_AFTER_MS = 120_000;

/** Runs the plugin as a child process, with this process' environment less its own CNI_* variables; killed after 120 s. */
export const execChild: Exec = (command, input) => runProcess(command, [], input);

/** As execChild, behind a command that changes the surroundings: `execThrough(["nsenter", "--net=…", "--"])`. */
export function execThrough(prefix: readonly [string, ...string[]]): Exec {
  const [program, ...args] = prefix;
  return (command, input) => runProcess(program, [...args, command], input);
}

function runProcess(program: string, args: readonly string[], { env, stdin }: ExecInput): Promise<ExecOutcome> {
  return new Promise((resolve) => {
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith("CNI_")));
    const child = spawn(program, args, {
      env: { ...inherited, ...env },
      timeout: KILL_AFTER_MS,
      killSignal: "SIGKILL",
    });
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString();
    child.once("error", (error) => resolve({ code: undefined, stdout: text(stdout), stderr: error.message }));
    child.once("close", (code, signal) => {
      const note = signal === null ? "" : `killed by ${signal}`;
      resolve({
        code: code ?? undefined,
        stdout: text(stdout),
        stderr: [text(stderr).trim(), note].filter((part) => part !== "").join("; "),
      });
    });
    // A plugin may answer without having read its input.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
  });
}

/** The plugin's executable in the first of `directories` that has one. */
export async function findPlugin(type: string, directories: readonly string[]): Promise<string | undefined> {
  for (const directory of directories) {
    const candidate = join(directory, type);
    const usable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return candidate;
  }
  return undefined;
}
