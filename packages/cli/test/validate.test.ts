import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { goldenInput } from "./support/golden.ts";
import { terminal } from "./support/terminal.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "oct-validate-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

// No datastore is in reach: were one asked, the command would fail.
const env = { ETCD_ENDPOINTS: "http://127.0.0.1:1" };
const validate = (...args: readonly string[]) => terminal({ env })("validate", ...args);

const pool = (name: string, ...spec: readonly string[]) =>
  ["apiVersion: projectcalico.org/v3", "kind: IPPool", `metadata: { name: ${name} }`, "spec:", ...spec, ""].join("\n");

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe("validate", () => {
  it("says how much is right, and asks no datastore", async () => {
    const path = file("good.yaml", `${pool("a", "  cidr: 10.1.0.0/16")}---\n${pool("b", "  cidr: 10.2.0.0/16")}`);
    expect(await validate("-f", path)).toEqual({
      code: 0,
      stdout: "Successfully validated 2 'IPPool' resource(s)\n",
      stderr: "",
    });
  });

  it("tells every fault of every document by itself: file, document, line, field, value, rule", async () => {
    const path = file(
      "bad.yaml",
      `${pool("a", "  cidr: 10.1.5.0/16", "  wibble: 3")}---\n${pool("Bad_Name", "  cidr: 10.2.0.0/16", "  blockSize: 19")}---\n${pool("c", "  cidr: 10.3.0.0/16")}`,
    );
    const { code, stdout, stderr } = await validate("-f", path);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr.split("\n")).toEqual([
      `ocicat: ${path}, document 1, line 5, column 9, IPPool a: spec.cidr: "10.1.5.0/16" has bits set beyond its length; the network is 10.1.0.0/16 [host-bits]`,
      expect.stringMatching(
        /document 1, line 6, column 11, IPPool a: spec\.wibble: 3 is in a field that .* \[unknown-field\]$/,
      ),
      expect.stringMatching(
        /document 2, line 10, column 19, IPPool Bad_Name: metadata\.name: "Bad_Name" is not a DNS .* \[name\]$/,
      ),
      expect.stringMatching(
        /document 2, line 13, column 14, IPPool Bad_Name: spec\.blockSize: 19 is not a block size .* \[block-size\]$/,
      ),
      "",
    ]);
  });

  it("looks at what does not go together in the files", async () => {
    const [one, same, over] = [
      pool("a", "  cidr: 10.1.0.0/16"),
      pool("a", "  cidr: 10.9.0.0/16"),
      pool("b", "  cidr: 10.1.128.0/20"),
    ];
    const { code, stderr } = await validate("-f", file("between.yaml", [one, same, over].join("---\n")));
    expect(code).toBe(1);
    expect(stderr.split("\n")).toEqual([
      expect.stringMatching(
        /document 2, line 9, column 19, IPPool a: metadata\.name: "a" is there twice in .* \[duplicate\]$/,
      ),
      expect.stringMatching(
        /document 3, line 17, column 9, IPPool b: spec\.cidr: "10\.1\.128\.0\/20" overlaps IPPool a, .* \[overlap\]$/,
      ),
      "",
    ]);
  });

  it("goes on after a file that is no YAML, and into directories below with -R", async () => {
    const root = join(directory, "tree");
    mkdirSync(join(root, "below"), { recursive: true });
    writeFileSync(join(root, "a.yaml"), "a: [");
    writeFileSync(join(root, "below", "b.yaml"), pool("b", "  cidr: x"));
    expect((await validate("-f", root)).stderr.split("\n")).toHaveLength(2);
    const { code, stderr } = await validate("-R", "-f", root);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /tree\/a\.yaml, document 1, line 1, column \d+: .*\n.*below\/b\.yaml, document 1, line 5, .*\n$/,
    );
  });

  it("reads standard input, with -n for what names no namespace", async () => {
    const endpoint =
      "apiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\nmetadata: {name: n-k8s-p-eth0, namespace: Not_One}\n" +
      "spec: {orchestrator: k8s, node: n, pod: p, endpoint: eth0}\n";
    const stdin = endpoint.replace(", namespace: Not_One", "");
    expect(await terminal({ stdin })("validate", "-f", "-")).toMatchObject({ code: 0, stderr: "" });
    expect(await terminal({ stdin })("validate", "-f", "-", "-n", "Not_One")).toMatchObject({ code: 1 });
    expect((await terminal({ stdin: endpoint })("validate", "-f", "-")).stderr).toContain("metadata.namespace");
  });

  it.each([
    ["netpol.yaml", 0],
    ["ippool6.yaml", 0],
    ["badsel.yaml", 1],
    ["badact.yaml", 1],
    ["badport.yaml", 1],
    ["bothenc.yaml", 1],
  ])("exits as calicoctl does for %s", async (name, code) => {
    expect((await validate("-f", goldenInput(name))).code).toBe(code);
  });

  it.each([
    [["-f", "/nonexistent.yaml"], /nonexistent\.yaml: there is no such file/],
    [[], /it is not said what to validate; give -f FILE/],
  ])("refuses %j", async (args, message) => {
    const { code, stdout, stderr } = await validate(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it("takes an empty file for a mistake, unless told", async () => {
    const path = file("empty.yaml", "---\n# nothing\n");
    expect(await validate("-f", path)).toMatchObject({ code: 1, stdout: "" });
    expect(await validate("-f", path, "--skip-empty")).toMatchObject({ code: 0, stderr: "" });
  });
});
