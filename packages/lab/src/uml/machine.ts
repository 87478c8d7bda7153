import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { OcicatError } from "@ocicat/kit";
import { anythingThere, clearLab } from "../clear.ts";
import { pause } from "../process/end.ts";
import { withLock } from "../process/lock.ts";
import { markOf } from "../process/mark.ts";
import type { LabPlaces } from "../world/places.ts";
import { findUmlKernel } from "./kernel.ts";

/** Built: it is run by itself, and outlives whoever starts it. */
const GATEWAY = fileURLToPath(new URL("../../dist/uml/serve-gateway.js", import.meta.url));
/** Two seconds, on a machine that has nothing else to do. */
const BOOT_MS = 60_000;

/**
 * Throws OcicatError LAB_IN_MACHINE if the lab is in a machine of its own, with the gateway's socket in `where`: the command
 * is then to run in there.
 */
export function refuseIfInMachine(places: LabPlaces): void {
  if (!existsSync(places.machineSocket)) return;
  throw new OcicatError({
    code: "LAB_IN_MACHINE",
    where: places.machineSocket,
    what: `lab ${places.lab} is in a machine of its own`,
  });
}

/**
 * Boots a machine for a lab, in the background, and waits until it takes commands; nothing if it is there. Throws
 * OcicatError; then nothing of it is left.
 */
export function startMachine(places: LabPlaces, progress: (step: string) => void): Promise<"made" | "already up"> {
  return withLock(places, async () => {
    if (await answers(places.machineSocket)) return "already up";
    const kernel = findUmlKernel();
    if (existsSync(places.topologyFile)) throw onThisKernel(places);
    if (anythingThere(places)) {
      progress("clearing what a half-made lab left behind");
      await clearLab(places);
    }
    progress(`a machine in user mode: ${kernel}`);
    try {
      await boot(places);
    } catch (error) {
      await clearLab(places);
      throw error;
    }
    return "made";
  });
}

async function boot(places: LabPlaces): Promise<void> {
  mkdirSync(places.run, { recursive: true, mode: 0o755 });
  mkdirSync(dirname(places.gatewayLog), { recursive: true });
  const log = openSync(places.gatewayLog, "w", 0o600);
  const child = spawn(process.execPath, [GATEWAY, places.lab], {
    detached: true,
    stdio: ["ignore", log, log],
    env: { ...process.env, ...markOf(places) },
  });
  closeSync(log);
  await Promise.race([once(child, "spawn"), once(child, "error")]);
  child.unref();
  const deadline = performance.now() + BOOT_MS;
  while (!(await answers(places.machineSocket))) {
    if (hasEnded(child)) throw notUp(places, "its gateway has ended");
    if (performance.now() > deadline) throw notUp(places, `it takes no commands after ${BOOT_MS / 1000} s`);
    await pause(20);
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(socketPath);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}

function onThisKernel({ lab }: LabPlaces): OcicatError {
  return new OcicatError({
    code: "LAB_OTHER_TOPOLOGY",
    what: `lab "${lab}" is up on this machine's own kernel`,
    fix: "take it down first (ocicat lab down), or bring this one up beside it under a name of its own (--name)",
  });
}

function notUp(places: LabPlaces, what: string): OcicatError {
  const words = [places.gatewayLog, places.machineLog].flatMap((file) =>
    existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n").slice(-3) : [],
  );
  return new OcicatError({
    code: "LAB_MACHINE",
    where: `lab ${places.lab}`,
    what: `its machine did not come up: ${what}`,
    why: words.filter((line) => line !== "").join(" | ") || "it left no log",
  });
}
