import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PLUGIN_NAMES } from "../../src/index.ts";
import { installPlugin } from "../../src/install/index.ts";
import { runPlugin } from "../support/plugin.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory();
let targets = 0;
const target = () => {
  targets += 1;
  return join(directory, `${targets}`, "bin");
};

const inode = (dir: string, name: string) => statSync(join(dir, name)).ino;

describe("installing the plugin", () => {
  it("compiles the C client where there is a compiler, under all four names, as one file", async () => {
    const targetDir = target();
    const report = await installPlugin({ targetDir, environment: { PATH: process.env.PATH } });
    expect(report.kind).toBe("native");
    expect(report.why).toMatch(/^compiled with \/.*\/(cc|gcc|clang)$/);
    expect(report.files.map((file) => file.change)).toEqual(PLUGIN_NAMES.map(() => "installed"));
    expect(readdirSync(targetDir).sort()).toEqual([...PLUGIN_NAMES].sort());
    expect(new Set(PLUGIN_NAMES.map((name) => inode(targetDir, name))).size).toBe(1);
    expect(statSync(join(targetDir, "ocicat")).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(targetDir, "ocicat")).subarray(0, 4).toString("latin1")).toBe("\x7fELF");
  });

  it("writes the Node client where PATH holds no compiler, with the interpreter in its first line", async () => {
    const targetDir = target();
    const report = await installPlugin({ targetDir, environment: { PATH: "" } });
    expect(report).toMatchObject({ kind: "node", why: "no C compiler (cc, gcc, clang) in PATH" });
    const script = readFileSync(join(targetDir, "calico"), "utf8");
    expect(script.split("\n", 1)[0]).toBe(`#!${process.execPath}`);
    expect(script).not.toMatch(/^(import|export)\b/m);
    expect(script).not.toContain("@OCICAT");
  });

  it("writes the Node client where the compiler fails, and says what it said", async () => {
    const targetDir = target();
    mkdirSync(targetDir, { recursive: true });
    const compiler = join(directory, "broken-cc");
    writeFileSync(compiler, "#!/bin/sh\necho 'stdio.h: no such file' >&2\nexit 1\n");
    chmodSync(compiler, 0o755);
    const report = await installPlugin({ targetDir, compiler });
    expect(report).toMatchObject({ kind: "node", why: "the C client did not compile: stdio.h: no such file" });
  });

  it("refuses an interpreter that does not run, and leaves nothing", async () => {
    const targetDir = target();
    const refused = installPlugin({ targetDir, compiler: false, interpreter: "/nonexistent/node" });
    await expect(refused).rejects.toMatchObject({ code: "CNI_INSTALL_FAILED" });
    expect(readdirSync(targetDir)).toEqual([]);
    const spaced = installPlugin({ targetDir, compiler: false, interpreter: "/opt/my node/bin/node" });
    await expect(spaced).rejects.toMatchObject({ code: "CNI_INSTALL_INTERPRETER" });
  });

  it.each([true, false])("a second time changes nothing (C compiler: %s)", async (native) => {
    const targetDir = target();
    const settings = { targetDir, ...(native ? {} : { compiler: false as const }) };
    const first = await installPlugin(settings);
    const before = inode(targetDir, "ocicat");
    const second = await installPlugin(settings);
    expect(second.files.map((file) => file.change)).toEqual(PLUGIN_NAMES.map(() => "unchanged"));
    expect(second.identity).toBe(first.identity);
    expect(inode(targetDir, "ocicat")).toBe(before);
    expect(readdirSync(targetDir)).toHaveLength(4);
  });

  it("mends a name that is missing or not executable, and replaces an older build whole", async () => {
    const targetDir = target();
    await installPlugin({ targetDir, names: ["ocicat", "calico"] });
    chmodSync(join(targetDir, "calico"), 0o644);
    const mended = await installPlugin({ targetDir });
    // The two names are one file, so its mode is both's.
    expect(mended.files.map((file) => file.change)).toEqual(["replaced", "installed", "replaced", "installed"]);
    const other = await installPlugin({ targetDir, socket: "/run/other/cni.sock" });
    expect(other.files.map((file) => file.change)).toEqual(PLUGIN_NAMES.map(() => "replaced"));
    expect(readdirSync(targetDir)).toHaveLength(4);
    const run = await runPlugin(join(targetDir, "calico"), { CNI_COMMAND: "ADD" }, "{}");
    expect(run.stdout).toContain("/run/other/cni.sock");
  });

  it("touches nothing when a name is somebody else's, unless told to", async () => {
    const targetDir = target();
    mkdirSync(targetDir, { recursive: true });
    writeFileSync(join(targetDir, "calico"), "#!/bin/sh\necho the real one\n", { mode: 0o755 });
    await expect(installPlugin({ targetDir })).rejects.toMatchObject({
      code: "CNI_INSTALL_FOREIGN",
      where: join(targetDir, "calico"),
    });
    expect(readdirSync(targetDir)).toEqual(["calico"]);
    const own = await installPlugin({ targetDir, names: ["ocicat", "ocicat-ipam"] });
    expect(own.files).toHaveLength(2);
    expect(readFileSync(join(targetDir, "calico"), "utf8")).toContain("the real one");
    const all = await installPlugin({ targetDir, replaceForeign: true });
    expect(all.files.map((file) => file.change)).toEqual(["unchanged", "unchanged", "replaced", "installed"]);
  });

  it("refuses a socket's path that a compiler's or a script's text would not carry", async () => {
    for (const socket of ["run/cni.sock", '/run/"x"', "/run/a b", `/${"x".repeat(120)}`]) {
      await expect(installPlugin({ targetDir: target(), socket })).rejects.toMatchObject({
        code: "CNI_INSTALL_SOCKET",
      });
    }
  });

  it.each([true, false])("the plugin names itself and its build (C compiler: %s)", async (native) => {
    const targetDir = target();
    const report = await installPlugin({ targetDir, ...(native ? {} : { compiler: false as const }) });
    expect(execFileSync(join(targetDir, "calico"), ["-v"]).toString()).toBe(`${report.identity}\n`);
    expect(report.identity).toMatch(/^ocicat-cni \d+\.\d+\.\d+ build [0-9a-f]{16}$/);
  });
});
