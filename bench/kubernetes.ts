/**
 * CNI ADD and DEL with a real API server as the datastore, against the embedded datastore and Debian's ptp + host-local, all
 * executed in one network namespace, in turns; what a pod costs the API server; and what an agent of a large cluster weighs.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { withDriver } from "./cni.ts";
import type { Case } from "./report.ts";

const INSIDE = fileURLToPath(new URL("kubernetes/inside.ts", import.meta.url));

/** Control plane, agent and pods have namespaces of their own, which end with the process in them. */
export async function run(): Promise<Case[]> {
  return await withDriver(async (driver) => {
    const namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const command = [...namespaces, "--", process.execPath, "--conditions=source", INSIDE, driver];
    const child = spawn("unshare", command, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    if (code !== 0) throw new Error(`the bench in its namespaces ended with ${code}`);
    return JSON.parse(output) as Case[];
  });
}
