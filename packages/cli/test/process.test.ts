import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, symlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEmbedded, type TestDatastore } from "./support/datastores.ts";
import { goldenInput, goldenRows, loadDump, withoutRevisions } from "./support/golden.ts";

const COMMAND = fileURLToPath(new URL("../bin/ocicat.js", import.meta.url));
const BUILT = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** Lets this Node say that it is an old one. */
const OLD_NODE = `data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.1.0"}})`;

let directory: string;
let datastore: TestDatastore;
beforeAll(async () => {
  if (!existsSync(BUILT)) throw new Error("the command is not built; run: npm run build");
  directory = await mkdtemp(join(tmpdir(), "oct-cli-"));
  for (const name of ["ocicat", "calicoctl"]) symlinkSync(COMMAND, join(directory, name));
  datastore = await startEmbedded();
  await loadDump(datastore.endpoint);
});
afterAll(async () => {
  await datastore.stop();
  await rm(directory, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], { name = "ocicat", nodeFlags = [] as readonly string[] } = {}) {
  const env = { ...process.env, ETCD_ENDPOINTS: datastore.endpoint };
  return spawn(process.execPath, [...nodeFlags, join(directory, name), ...args], { env });
}

async function run(
  args: readonly string[],
  options: Parameters<typeof start>[1] & { readonly stdin?: string } = {},
): Promise<Ended> {
  const child = start(args, options);
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      said[stream] += text;
    });
  }
  child.stdin.end(options.stdin ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...said };
}

describe("the command as a process", () => {
  it("is ocicat and calicoctl, by the name it is called by", async () => {
    expect(await run(["get", "--help"], { name: "calicoctl" })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Usage: calicoctl get/),
    });
    expect(await run(["wibble"], { name: "calicoctl" })).toEqual({
      code: 1,
      stdout: "",
      stderr: "calicoctl: unknown command 'wibble'; see calicoctl --help\n",
    });
    expect(await run(["--help"])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: ocicat /) });
  });

  it("prints what calicoctl printed", async () => {
    const rows = goldenRows().filter(({ name }) => ["018-get-ippool-yaml", "034-ipam-show-blocks"].includes(name));
    expect(rows).toHaveLength(2);
    for (const { args, expected } of rows) {
      const { code, stdout, stderr } = await run(args, { name: "calicoctl" });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(withoutRevisions(stdout)).toBe(withoutRevisions(expected));
    }
  });

  it("reads standard input, and says what is wrong with it on one line", async () => {
    const pool =
      "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: piped}\nspec: {cidr: 10.50.0.0/16}\n";
    expect(await run(["apply", "-f", "-"], { stdin: pool })).toEqual({
      code: 0,
      stdout: "Successfully applied 1 'IPPool' resource(s)\n",
      stderr: "",
    });
    const { code, stdout, stderr } = await run(["apply", "-f", "-"], { stdin: pool.replace("10.50", "10.500") });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^ocicat: standard input, document 1, line 4, column 14, IPPool piped: spec\.cidr: "10\.500\.0\.0\/16" [^\n]+\n$/,
    );
  });

  it("waits for a slow writer, as at the end of a pipe", async () => {
    const slow = "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: slow}\nspec: {cidr: 10.51.0.0/16}\n";
    const line = `${process.execPath} ${join(directory, "ocicat")}`;
    const child = spawn(
      "sh",
      ["-c", `(${line} get nodes > /dev/null; printf '${slow.replaceAll("\n", "\\n")}') | ${line} apply -f -`],
      {
        env: { ...process.env, ETCD_ENDPOINTS: datastore.endpoint },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const chunks: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => chunks.push(text));
    await once(child, "close");
    expect(chunks.join("")).toBe("Successfully applied 1 'IPPool' resource(s)\n");
  });

  it("ends quietly when its reader has seen enough", async () => {
    // `true` is long gone when the first byte is written.
    const line = '{ "$@"; echo "ended with $?" >&2; } | true';
    const command = [process.execPath, COMMAND, "get", "wep", "-A", "-o", "yaml"];
    const env = { ...process.env, ETCD_ENDPOINTS: datastore.endpoint };
    const shell = spawn("sh", ["-c", line, "sh", ...command], { env });
    let stderr = "";
    shell.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    await once(shell, "close");
    expect(stderr).toBe("ended with 0\n");
  });
});

describe("an older Node of the machine", () => {
  const nodeFlags = ["--import", OLD_NODE];

  it("hands over to the project's own, with arguments, standard input and exit code", async () => {
    expect(await run(["version", "--client"], { nodeFlags })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Client Version/),
      stderr: "",
    });
    expect(await run(["get", "ippool", "nosuch"], { nodeFlags })).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("nosuch: does not exist"),
    });
    expect(await run(["get", "-f", "-"], { nodeFlags, stdin: "- " })).toMatchObject({ code: 1 });
    expect(await run(["wibble"], { nodeFlags, name: "calicoctl" })).toMatchObject({
      stderr: expect.stringMatching(/^calicoctl: unknown command/),
    });
  });

  it("hands over signals, so that a service ends", async () => {
    const file = join(directory, "handed-over.db");
    const child = start(["datastore", "serve", "--listen", "http://127.0.0.1:0", "--data", file], { nodeFlags });
    await once(createInterface({ input: child.stdout }), "line");
    child.kill("SIGTERM");
    expect(await once(child, "close")).toEqual([0, null]);
  });
});

describe("datastore serve", () => {
  it("serves until SIGTERM, keeps what was written, and refuses to serve one file twice", async () => {
    const args = ["datastore", "serve", "--listen", "http://127.0.0.1:0", "--data", join(directory, "served.db")];
    const first = start(args);
    const endpoint = await endpointOf(first);
    const environment = { ...process.env, ETCD_ENDPOINTS: endpoint };
    const write = spawn(process.execPath, [COMMAND, "create", "-f", goldenInput("ippool.yaml")], { env: environment });
    expect(await once(write, "close")).toEqual([0, null]);

    const second = await run(args);
    expect({ code: second.code, stdout: second.stdout }).toEqual({ code: 1, stdout: "" });
    expect(second.stderr).toMatch(/^ocicat: [^\n]*served\.db[^\n]*\n$/);

    first.kill("SIGTERM");
    expect(await once(first, "close")).toEqual([0, null]);
    const again = start(args);
    const env = { ...process.env, ETCD_ENDPOINTS: await endpointOf(again) };
    const read = spawn(process.execPath, [COMMAND, "get", "ippool", "default-ipv4-ippool"], { env });
    expect(await once(read, "close")).toEqual([0, null]);
    again.kill("SIGINT");
    expect(await once(again, "close")).toEqual([0, null]);
  });
});

/** The endpoint that the server's first line names. */
async function endpointOf(server: ReturnType<typeof start>): Promise<string> {
  const [line] = (await once(createInterface({ input: server.stdout }), "line")) as [string];
  const { endpoints } = JSON.parse(line) as { endpoints: readonly { port: number }[] };
  return `http://127.0.0.1:${endpoints[0]?.port}`;
}
