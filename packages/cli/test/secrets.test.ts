import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createProgram } from "../src/program.ts";
import { startEmbedded, type TestDatastore } from "./support/datastores.ts";
import { surroundings, terminal } from "./support/terminal.ts";

/** Passwords come from the environment or a file: never from an argument that everybody sees, never into an output. */
const PASSWORD = "correct-horse";

let datastore: TestDatastore;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "oct-secrets-"));
  datastore = await startEmbedded();
  const etcdctl = async (input: string, ...args: readonly string[]) => {
    const env = { ...process.env, ETCDCTL_API: "3" };
    const child = spawn("etcdctl", ["--endpoints", datastore.endpoint, ...args], { env, stdio: ["pipe", "ignore", 2] });
    child.stdin?.end(input);
    expect(await once(child, "close")).toEqual([0, null]);
  };
  await etcdctl("other\n", "user", "add", "root", "--interactive=false");
  await etcdctl("", "user", "grant-role", "root", "root");
  await etcdctl("", "auth", "enable");
});
afterAll(async () => {
  await datastore.stop();
  rmSync(directory, { recursive: true });
});

function* commandsOf(command: Command): Generator<Command> {
  yield command;
  for (const child of command.commands) yield* commandsOf(child);
}

describe("a secret", () => {
  it("is the value of no option", () => {
    const options = [...commandsOf(createProgram(surroundings({})))].flatMap((command) =>
      command.options.filter(({ flags }) => /</.test(flags)).map(({ long }) => `${command.name()} ${long}`),
    );
    expect(options.length).toBeGreaterThan(10);
    expect(options.filter((name) => /passw|secret|token|credential|user/i.test(name))).toEqual([]);
    // Keys are named by the file they are in.
    expect(options.filter((name) => /key$/i.test(name))).toEqual([]);
  });

  it.each<[string, () => Record<string, string>, string[]]>([
    ["a wrong password", () => ({ ETCD_ENDPOINTS: datastore.endpoint }), ["get", "nodes"]],
    ["a datastore that is away", () => ({ ETCD_ENDPOINTS: "http://127.0.0.1:1" }), ["get", "nodes"]],
    ["an endpoint that is none", () => ({ ETCD_ENDPOINTS: `http://root:${PASSWORD}@127.0.0.1:1` }), ["get", "nodes"]],
    [
      "a backup that is refused",
      () => ({ ETCD_ENDPOINTS: datastore.endpoint }),
      ["datastore", "backup", "/tmp/none/x"],
    ],
  ])("is not in what is said of %s", async (_what, env, args) => {
    const credentials = { ETCD_USERNAME: "root", ETCD_PASSWORD: PASSWORD };
    const { code, stdout, stderr } = await terminal({ env: { ...credentials, ...env() } })(...args);
    expect(code).toBe(1);
    expect(stderr).not.toBe("");
    expect(stdout + stderr).not.toContain(PASSWORD);
  });

  it.each([
    ["a setting that is none", "etcdPassword: PASSWORD\n  etcdPasword: PASSWORD"],
    ["bad YAML", "etcdPassword: [PASSWORD"],
    ["a password that is no text", "etcdPassword: [PASSWORD]"],
  ])("is not in what is said of a file with %s", async (_what, spec) => {
    const file = join(directory, "calicoctl.cfg");
    const text = `apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nspec:\n  ${spec}\n`;
    writeFileSync(file, text.replaceAll("PASSWORD", PASSWORD));
    const { code, stdout, stderr } = await terminal({})("get", "nodes", "-c", file);
    expect(code).toBe(1);
    expect(stderr).toContain(file);
    expect(stdout + stderr).not.toContain(PASSWORD);
  });
});
