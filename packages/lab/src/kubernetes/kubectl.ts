import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { OcicatError } from "@ocicat/kit";

/** Runs kubectl and resolves to what it printed. Throws OcicatError LAB_KUBECTL. */
export async function runKubectl(
  program: string,
  kubeconfig: string,
  args: readonly string[],
  stdin: string,
): Promise<string> {
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], KUBECONFIG: kubeconfig },
  });
  const exit = new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null));
    child.once("close", resolve);
  });
  // What it does not read it does not need.
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  if (code === 0) return stdout;
  throw new OcicatError({
    code: "LAB_KUBECTL",
    where: `kubectl ${args.join(" ")}`,
    what: code === null ? "could not be run" : `failed with exit code ${code}`,
    why: stderr.trim(),
  });
}
