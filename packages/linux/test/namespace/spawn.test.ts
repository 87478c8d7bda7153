import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readlinkSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import {
  createMountNamespace,
  deleteMountNamespace,
  mount,
  openNamespace,
  releasePrivateDirectory,
  spawnIn,
} from "../../src/index.ts";
import { cleanup, run, testDirectory, testNetns } from "../helpers.ts";

async function outputOf(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new TypeError("no stdout");
  const [output] = await Promise.all([text(child.stdout), once(child, "close")]);
  return output.trim();
}

describe("spawnIn", () => {
  it("starts the child in the network and mount namespace, and itself stays at home", async () => {
    const home = ["net", "mnt", "pid_for_children"].map((kind) => readlinkSync(`/proc/thread-self/ns/${kind}`));
    const directory = testDirectory();
    cleanup(() => releasePrivateDirectory(directory));
    const view = testDirectory();
    const path = `${directory}/node`;
    createMountNamespace(path, () => {
      mount({ source: "octtmp", target: view, type: "tmpfs", data: "size=64k" });
      writeFileSync(`${view}/inside`, "1");
    });
    cleanup(() => deleteMountNamespace(path));
    const net = testNetns().handle;
    using mountNamespace = openNamespace(path);
    const script = `readlink /proc/self/ns/net /proc/self/ns/mnt; pwd; ls`;
    const child = spawnIn({ net, mount: mountNamespace }, "sh", ["-c", script], { cwd: view });
    expect(await outputOf(child)).toBe(
      [`net:[${net.inode}]`, `mnt:[${mountNamespace.inode}]`, view, "inside"].join("\n"),
    );
    expect(["net", "mnt", "pid_for_children"].map((kind) => readlinkSync(`/proc/thread-self/ns/${kind}`))).toEqual(
      home,
    );
  });

  it("a new PID namespace: the child is process 1, a second can join it, and all end with the first", async () => {
    const first = spawnIn({ pid: "new" }, "sh", ["-c", "echo $$; read line"], { stdio: ["pipe", "pipe", "inherit"] });
    if (first.stdout === null || first.stdin === null) throw new TypeError("no pipes");
    const [greeting] = await once(first.stdout, "data");
    expect(String(greeting)).toBe("1\n");
    using pid = openNamespace(`/proc/${first.pid}/ns/pid`);
    const second = spawnIn({ pid }, "sh", ["-c", "echo $$; sleep 1000"]);
    if (second.stdout === null) throw new TypeError("no stdout");
    const [number] = await once(second.stdout, "data");
    expect(Number(String(number))).toBeGreaterThan(1);
    expect(await outputOf(spawnIn({}, "sh", ["-c", "readlink /proc/self/ns/pid"]))).toBe(
      readlinkSync("/proc/self/ns/pid"),
    );
    const ended = once(second, "exit");
    first.stdin.end();
    expect((await ended)[1]).toBe("SIGKILL");
  });

  it("a command that does not exist is reported as by spawn", async () => {
    const { handle } = testNetns();
    const child = spawnIn({ net: handle }, "/octnone", []);
    const [error] = await once(child, "error");
    expect(error).toMatchObject({ code: "ENOENT" });
  });

  it("agrees with `ip netns exec` on what the child sees", async () => {
    const { handle, name } = testNetns();
    run("ip", "-n", name, "link", "add", "octbr", "type", "bridge");
    const seen = await outputOf(spawnIn({ net: handle }, "ip", ["-j", "link"]));
    expect(JSON.parse(seen)).toEqual(JSON.parse(run("ip", "netns", "exec", name, "ip", "-j", "link")));
  });
});
