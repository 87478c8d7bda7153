import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { testNetns } from "../helpers.ts";

/** In a process of its own: it is meant to die. The home descriptor is found by what it names, and closed. */
const SCRIPT = `
import { closeSync, readdirSync, readlinkSync } from "node:fs";
import { openNamespace, withNetns } from "@ocicat/linux";
const home = readlinkSync("/proc/thread-self/ns/net");
const namespace = openNamespace(process.argv[1]);
withNetns(namespace, () => {
  for (const fd of readdirSync("/proc/self/fd")) {
    let target = "";
    try { target = readlinkSync("/proc/self/fd/" + fd); } catch {}
    if (target === home) closeSync(Number(fd));
  }
});
console.log("went on in the wrong namespace");
`;

describe("the way back", () => {
  it("failing aborts the process: nothing runs in the wrong namespace", () => {
    const { path } = testNetns();
    const child = spawnSync(
      "sh",
      [
        "-c",
        'ulimit -c 0; exec "$0" "$@"',
        process.execPath,
        "-C",
        "source",
        "--input-type=module",
        "-e",
        SCRIPT,
        path,
      ],
      { encoding: "utf8", cwd: import.meta.dirname },
    );
    expect(child.signal).toBe("SIGABRT");
    expect(child.stderr).toContain("the way back from a namespace failed at setns(net) with EBADF");
    expect(child.stdout).toBe("");
  });
});
