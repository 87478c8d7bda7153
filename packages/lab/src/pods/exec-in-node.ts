import type { Exec } from "@ocicat/cni/runtime";
import { spawnInNode } from "../process/start.ts";
import type { LabPlaces } from "../world/places.ts";

/** Past the 90 s after which the plugin's own client gives up. */
const KILL_AFTER_MS = 120_000;

/** Runs a plugin inside the node's namespaces, as its runtime would. PATH is for portmap, which runs iptables. */
export function execInNode(places: LabPlaces, node: string): Exec {
  return (command, { env, stdin }) =>
    new Promise((resolve) => {
      const child = spawnInNode(places, node, [command], {
        env: { PATH: process.env["PATH"], ...env },
        stdio: "pipe",
        timeout: KILL_AFTER_MS,
        killSignal: "SIGKILL",
      });
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
      child.stderr?.on("data", (chunk: Buffer) => err.push(chunk));
      child.once("error", (error) => resolve({ code: undefined, stdout: "", stderr: error.message }));
      child.once("close", (code, signal) =>
        resolve({
          code: code ?? undefined,
          stdout: Buffer.concat(out).toString(),
          stderr: `${Buffer.concat(err).toString()}${signal === null ? "" : `killed by ${signal}`}`,
        }),
      );
      // A plugin may answer without reading its input.
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(stdin);
    });
}
