import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, OCICAT, TestLab } from "./support/lab.ts";

const PAGE = readFileSync(new URL("../docs/policy.md", import.meta.url), "utf8");

const lab = new TestLab();
const folder = mkdtempSync(join(tmpdir(), `${lab.name}-commands-`));

/** A command as the page has it, and what it says that it prints. */
interface Shown {
  readonly command: string;
  readonly printed: string;
}

/** Blocks of the page, indented by four, in which a command stands behind `$ `. */
function commandsOf(page: string): readonly Shown[] {
  const blocks = page.split(/^(?! {4}|$).*$/m).map((block) => block.replaceAll(/^ {4}/gm, ""));
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [command = "", ...lines] = part.split("\n");
        return { command, printed: lines.join("\n").trim() };
      }),
  );
}

/** Files of the page, by the name in their first line. */
function filesOf(page: string): readonly (readonly [name: string, text: string])[] {
  const fences = page.matchAll(/^```yaml\n(# (\S+)\n[\s\S]*?)^```$/gm);
  return [...fences].map(([, text = "", name = ""]) => [name, text]);
}

/** What is another at each run: times, MACs, numbers of interfaces and packets, how much was counted. */
function withoutChance(text: string): string {
  return text
    .replaceAll(/\b\d\d:\d\d:\d\d\.\d{6}/g, "TIME")
    .replaceAll(/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, "MAC")
    .replaceAll(/\(\d+, peer_ifindex \d+\)/g, "(N)")
    .replaceAll(/\bid \d+ seq/g, "id N seq")
    .replaceAll(/\[\d+ packets?\]/g, "[N]")
    .trim();
}

/** As somebody types it, on this lab: its exit code, and all that it printed. */
function type(command: string): { readonly code: number; readonly printed: string } {
  const result = spawnSync("bash", ["-c", `${command} 2>&1`], {
    encoding: "utf8",
    cwd: folder,
    env: { ...process.env, PATH: `${join(folder, "bin")}:${process.env["PATH"]}`, OCICAT_LAB: lab.name, NO_COLOR: "1" },
  });
  return { code: result.status ?? -1, printed: result.stdout };
}

beforeAll(async () => {
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin", "ocicat"), `#!/bin/sh\nexec ${process.execPath} ${OCICAT} "$@"\n`);
  chmodSync(join(folder, "bin", "ocicat"), 0o755);
  for (const [name, text] of filesOf(PAGE)) writeFileSync(join(folder, name), text);
  await lab.up();
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  expect(await lab.down()).toEqual([]);
});

describe("the commands of docs/policy.md", () => {
  // The lab is up already, under a name of its own.
  const shown = commandsOf(PAGE).filter(({ command }) => command !== "ocicat lab up");

  it("are all there are", () => {
    expect(shown.length).toBeGreaterThan(15);
    expect(filesOf(PAGE).map(([name]) => name)).toEqual([
      "db.yaml",
      "late.yaml",
      "security.yaml",
      "staged.yaml",
      "flows.yaml",
    ]);
  });

  it.each(shown)("$command", async ({ command, printed }) => {
    // What was applied takes some milliseconds to get to the kernels; what changes nothing may be asked again.
    const isAgain = !/ lab (?:run|exec) /.test(command);
    const wanted = withoutChance(printed);
    const done = await eventually(
      () => Promise.resolve(withoutChance(type(command).printed)),
      (told) => !isAgain || wanted === "…" || told === wanted,
    ).catch(() => withoutChance(type(command).printed));
    if (wanted !== "…") expect(done).toBe(wanted);
  });
});

describe("what is stored and what the kernel does", () => {
  it("are told apart: by a packet that would be judged wrongly, and by one that is sent", async () => {
    expect(type("ocicat datastore migrate lock").code).toBe(0);
    writeFileSync(join(folder, "closed.yaml"), readFileSync(join(folder, "db.yaml"), "utf8").replace("5432", "5433"));
    expect(type("ocicat apply -f closed.yaml").code).toBe(0);
    const proof = type("ocicat policy verify node2");
    expect(proof.code).toBe(1);
    expect(proof.printed).toMatch(/^node2: \d+ differences?\n/);
    expect(proof.printed).toMatch(/the kernel would accept it: .*NetworkPolicy default\/db/);
    expect(proof.printed).toMatch(/the model denies it/);
    const sent = type("ocicat policy why web db --port 5432 --live");
    expect(sent.code).toBe(0);
    expect(sent.printed).toContain("This is not what is stored: by that it does not arrive.");
    expect(type("ocicat datastore migrate unlock").code).toBe(0);
    await eventually(
      () => Promise.resolve(type("ocicat policy verify node2").code),
      (code) => code === 0,
    );
    expect(type("ocicat policy why web db --port 5432 --live").code).toBe(1);
  });
});
