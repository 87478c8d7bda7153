import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { clearNamespaces, endProcesses, killProcesses, processesIn } from "../../src/process/end.ts";
import { identify, isAlive } from "../../src/process/identity.ts";

/** A shell in namespaces of its own. `script` is run there; running when this resolves. */
async function shell(script: string, ...unshare: readonly string[]) {
  const command = ["sh", "-c", `echo ready; ${script}`];
  const [program = "", ...args] = unshare.length === 0 ? command : ["unshare", ...unshare, ...command];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const process = identify("shell", child.pid ?? 0);
  if (process === undefined) throw new Error("the shell did not start");
  const inode = (kind: "net" | "mnt") => statSync(`/proc/${process.pid}/ns/${kind}`).ino;
  return { process, inode };
}

describe("the processes of namespaces", () => {
  it("are found by their network and by their mount namespace, with their children", async () => {
    const net = await shell("sleep 1000 & wait", "--net");
    const mount = await shell("sleep 1000 & wait", "--mount");
    for (const [found, own] of [
      [processesIn(new Set([net.inode("net")])), net],
      [processesIn(new Set([mount.inode("mnt")])), mount],
    ] as const) {
      expect(found.map((process) => process.pid)).toContain(own.process.pid);
      expect(found).toHaveLength(2);
    }
    await clearNamespaces(new Set([net.inode("net"), mount.inode("mnt")]));
  });

  it("are all gone afterwards, also those that are started meanwhile", async () => {
    const { process, inode } = await shell("while :; do sleep 0.01 & sleep 0.01; done", "--net");
    const inodes = new Set([inode("net")]);
    await clearNamespaces(inodes);
    expect(processesIn(inodes)).toEqual([]);
    expect(isAlive(process)).toBe(false);
  });

  it("are nobody's for no namespace", () => {
    expect(processesIn(new Set())).toEqual([]);
  });
});

describe("ending a process", () => {
  it("with grace lets it say farewell", async () => {
    const child = spawn("sh", ["-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(child.stdout, "data");
    const exit = once(child, "exit");
    const process = identify("shell", child.pid ?? 0);
    if (process === undefined) throw new Error("the shell did not start");
    await endProcesses([process], 5_000);
    expect(await exit).toEqual([7, null]);
  });

  it("that does not listen ends all the same", async () => {
    const { process } = await shell("trap '' TERM; while :; do sleep 0.01; done");
    await endProcesses([process], 50);
    expect(isAlive(process)).toBe(false);
  });

  it("at once asks nobody: no handler of its runs", async () => {
    const child = spawn("sh", ["-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(child.stdout, "data");
    const exit = once(child, "exit");
    const process = identify("shell", child.pid ?? 0);
    if (process === undefined) throw new Error("the shell did not start");
    await killProcesses([process]);
    expect(await exit).toEqual([null, "SIGKILL"]);
  });
});
