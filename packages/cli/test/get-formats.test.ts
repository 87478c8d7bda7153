import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startEmbedded } from "./support/datastores.ts";
import { goldenForAll } from "./support/golden.ts";
import { type Outcome, terminal } from "./support/terminal.ts";

const datastore = goldenForAll(startEmbedded);

const run = (...args: readonly string[]): Promise<Outcome> =>
  terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint } })("get", ...args);
const said = (stdout: string): Outcome => ({ code: 0, stdout, stderr: "" });

async function expectRefused(args: readonly string[], ...parts: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await run(...args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^ocicat: [^\n]+\n$/);
  for (const part of parts) expect(stderr).toContain(part);
}

describe("custom columns", () => {
  it("are those named, in their order, also those of the wide table", async () => {
    expect(await run("ippool", "-o", "custom-columns=NAT,NAME")).toEqual(
      said("NAT     NAME                  \ntrue    default-ipv4-ippool   \nfalse   tiny                  \n\n"),
    );
    expect(await run("ippool", "tiny", "-o=custom-columns=name")).toEqual(said("NAME   \ntiny   \n\n"));
  });

  it("of a namespaced kind may name the namespace", async () => {
    const { stdout } = await run("wep", "-A", "-o", "custom-columns=WORKLOAD,NODE");
    expect(stdout).toMatch(/^NAMESPACE +WORKLOAD +NODE +\n/);
    expect((await run("wep", "-o", "custom-columns=NAMESPACE,NODE")).stdout).toMatch(
      /^NAMESPACE +NODE +\ndefault +node1 +\n/,
    );
  });

  it("that a kind does not have are refused, with those that it has", async () => {
    await expectRefused(
      ["ippool", "-o", "custom-columns=NAME,COLOUR"],
      '"COLOUR" is not a column of ippools',
      "NAME, CIDR",
    );
    await expectRefused(["ippool", "-o", "custom-columns=NAMESPACE"], '"NAMESPACE" is not a column');
  });
});

describe("a template", () => {
  it.each([
    // The example of calicoctl's documentation.
    [
      ["node", "-o", "go-template={{range .}}{{range .Items}}{{.ObjectMeta.Name}},{{end}}{{end}}"],
      "node1,node2,node3,",
    ],
    [
      ["node", "node2", "node1", "-o", "go-template={{range .}}{{.Name}} {{.Spec.BGP.IPv4Address}};{{end}}"],
      "node2 192.168.50.12/24;node1 192.168.50.11/24;",
    ],
    [
      [
        "ippool",
        "tiny",
        "-o",
        "go-template={{range .}}{{.Kind}} {{.Spec.CIDR}} {{.Spec.BlockSize}} {{.Spec.IPIPMode}} {{.Spec.AllowedUses}}{{end}}",
      ],
      "IPPool 10.99.0.0/26 26 Never [Workload Tunnel]",
    ],
    [["node", "-o", 'go-template={{range $n := (index . 0).Items}}{{index $n.Labels "rack"}} {{end}}'], "r1 r0 r1 "],
    [
      [
        "node",
        "node1",
        "-o",
        "go-template={{range .}}{{range .Spec.OrchRefs}}{{.Orchestrator}}:{{.NodeName}}{{end}}{{end}}",
      ],
      "k8s:node1",
    ],
    [
      [
        "node",
        "node1",
        "-o",
        'go-template={{range .}}{{if .Spec.BGP.ASNumber}}own{{else}}{{config "asnumber"}}{{end}}{{end}}',
      ],
      "64512",
    ],
    [
      ["node", "node1", "-o", 'go-template={{range .}}{{join .Labels ","}}{{end}}'],
      "kubernetes.io/hostname=node1,rack=r1",
    ],
    [["wep", "-A", "-o", "go-template={{range .}}{{len .Items}} of {{.Kind}}{{end}}"], "6 of WorkloadEndpointList"],
  ])("%j", async (args, output) => {
    expect(await run(...args)).toEqual(said(output));
  });

  it("is read from a file", async () => {
    const directory = await mkdtemp(join(tmpdir(), "oct-cli-"));
    try {
      const file = join(directory, "pools.tmpl");
      await writeFile(
        file,
        "{{range . -}}\n  {{range .Items -}}\n    {{.Name}} {{.Spec.CIDR}}\n  {{end -}}\n{{end -}}\n",
      );
      expect((await run("ippool", "-o", `go-template-file=${file}`)).stdout).toBe(
        "default-ipv4-ippool 10.244.0.0/16\n  tiny 10.99.0.0/26\n  ",
      );
      await writeFile(file, "\n{{nosuch}}");
      await expectRefused(
        ["ippool", "-o", `go-template-file=${file}`],
        `${file}, line 2, column 3: there is no function nosuch`,
      );
      await expectRefused(["ippool", "-o", `go-template-file=${directory}/nosuch`], "there is no such file");
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it.each([
    ["{{range .}}{{.Spec.CDIR}}{{end}}", "-o go-template, line 1, column 19: a Spec has no field CDIR"],
    ["{{.Items}}", "column 3: a list has no field Items"],
    ['{{config "wibble"}}', "config: only asnumber is known"],
    ['{{define "x"}}{{end}}', '"define" is a part of Go\'s templates that is not here'],
  ])("that asks for what there is not is refused: %s", async (template, part) => {
    await expectRefused(["ippool", "tiny", "-o", `go-template=${template}`], part);
  });
});

describe("--export", () => {
  it("leaves out what a resource that is named has of this cluster", async () => {
    const { stdout } = await run("wep", "node1-k8s-web--1-eth0", "-n", "default", "-o", "json", "--export");
    const { metadata } = JSON.parse(stdout) as { metadata: object };
    expect(Object.keys(metadata)).toEqual(["name", "labels"]);
    const both = await run("ippool", "tiny", "default-ipv4-ippool", "-o", "yaml", "--export");
    expect(both.stdout).not.toMatch(/uid|resourceVersion|creationTimestamp/);
    expect(both.stdout).toContain("  metadata:\n    name: tiny\n");
  });

  it("says that it changes nothing of a listing", async () => {
    const plain = await run("ippool", "-o", "yaml");
    const { code, stdout, stderr } = await run("ippool", "-o", "yaml", "--export");
    expect({ code, stdout }).toEqual({ code: 0, stdout: plain.stdout });
    expect(stderr).toBe("ocicat: --export has no effect here: it is for resources that are named\n");
  });
});

describe("a format", () => {
  it.each([
    ["custom-columns", '"custom-columns" does not say what to show'],
    ["custom-columns=", "does not say what to show"],
    ["go-template=", "does not say what to show"],
    ["wide=x", '"wide=x" is not an output format'],
    ["wibble=x", "custom-columns=…, go-template=…, go-template-file=…"],
    ["constructor", '"constructor" is not an output format'],
  ])("%s is refused", async (format, part) => {
    await expectRefused(["ippool", "-o", format], part);
  });

  it("yml is yaml", async () => {
    expect(await run("ippool", "tiny", "-o", "yml")).toEqual(await run("ippool", "tiny", "-o", "yaml"));
  });
});
