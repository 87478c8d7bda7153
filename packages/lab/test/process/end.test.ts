import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { endProcesses, inNamespaces, killAll, killProcesses, processesThat } from "../../src/process/end.ts";
import { identify, isAlive } from "../../src/process/identity.ts";
import { isMarked, withMark } from "../../src/process/mark.ts";

/** A shell in namespaces of its own that runs `script`; the script has said "ready" when this resolves. */
async function shell(script: string, ...unshare: readonly string[]) {
  const command = ["sh", "-c", script];
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
    const net = await shell("sleep 1000 & echo ready; wait", "--net");
    const mount = await shell("sleep 1000 & echo ready; wait", "--mount");
    for (const [found, own] of [
      [processesThat(inNamespaces(new Set([net.inode("net")]))), net],
      [processesThat(inNamespaces(new Set([mount.inode("mnt")]))), mount],
    ] as const) {
      expect(found.map((process) => process.pid)).toContain(own.process.pid);
      expect(found).toHaveLength(2);
    }
    await killAll(inNamespaces(new Set([net.inode("net"), mount.inode("mnt")])));
  });

  it("are all gone afterwards, also those that are started meanwhile", async () => {
    const { process, inode } = await shell("echo ready; while :; do sleep 0.01 & sleep 0.01; done", "--net");
    const inodes = new Set([inode("net")]);
    await killAll(inNamespaces(inodes));
    expect(processesThat(inNamespaces(inodes))).toEqual([]);
    expect(isAlive(process)).toBe(false);
  });

  it("are nobody's for no namespace", () => {
    expect(processesThat(inNamespaces(new Set()))).toEqual([]);
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
    const { process } = await shell("trap '' TERM; echo ready; while :; do sleep 0.01; done");
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

describe("a lab's mark", () => {
  it("is found on what was started with it, and on what that started, wherever it is", async () => {
    const places = { run: `/run/ocicat-lab/test${process.pid}` };
    const child = await withMark(places, () =>
      Promise.resolve(
        spawn("unshare", ["--net", "--mount", "sh", "-c", "sleep 1000 & echo ready; wait"], {
          stdio: ["ignore", "pipe", "ignore"],
        }),
      ),
    );
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(child.stdout, "data");
    const belongs = (pid: number) => isMarked(pid, places);
    expect(processesThat(belongs)).toHaveLength(2);
    expect(processesThat((pid) => isMarked(pid, { run: `${places.run}x` }))).toEqual([]);
    await killAll(belongs);
    expect(processesThat(belongs)).toEqual([]);
  });
});
