import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const COMPILE_WITHIN_MS = 60_000;

export const NATIVE_SOURCE = fileURLToPath(new URL("../../native/ocicat-cni.c", import.meta.url));
const FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-s"];

/** Static first: the plugin then starts without the dynamic loader, and runs in any mount namespace. */
const LINKING = [["-static"], []] as const;

export interface CompileJob {
  readonly compiler: string;
  readonly target: string;
  readonly socket: string;
  readonly identity: string;
}

/** Finds an executable by name in `searchPath`, or by its own path. */
export async function findProgram(names: readonly string[], searchPath: string): Promise<string | undefined> {
  const directories = searchPath.split(delimiter).filter((directory) => directory !== "");
  const candidates = names.flatMap((name) =>
    isAbsolute(name) ? [name] : directories.map((directory) => join(directory, name)),
  );
  for (const candidate of candidates) {
    const usable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return candidate;
  }
  return undefined;
}

/** Compiles the C client. Resolves to undefined on success, else to the compiler's first complaint. */
export async function compile(job: CompileJob): Promise<string | undefined> {
  const defines = [`-DOCICAT_SOCKET="${job.socket}"`, `-DOCICAT_IDENTITY="${job.identity}"`];
  let complaint = "";
  for (const linking of LINKING) {
    const args = [...FLAGS, ...linking, ...defines, "-o", job.target, NATIVE_SOURCE];
    const failed = await run(job.compiler, args, { timeout: COMPILE_WITHIN_MS }).then(
      () => undefined,
      (error: Error & { stderr?: string }) => firstLine(error.stderr) ?? error.message,
    );
    if (failed === undefined) return undefined;
    complaint = failed;
  }
  return complaint;
}

function firstLine(text: string | undefined): string | undefined {
  return text?.split("\n").find((line) => line.trim() !== "");
}
