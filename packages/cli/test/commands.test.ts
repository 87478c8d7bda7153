import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createProgram } from "../src/program.ts";
import { startEmbedded, type TestDatastore } from "./support/datastores.ts";
import { contents, goldenInput } from "./support/golden.ts";
import { type Outcome, surroundings, type TerminalOptions, terminal } from "./support/terminal.ts";

describe("help", () => {
  const leaves = (command: Command, path: readonly string[]): readonly (readonly string[])[] =>
    command.commands.length === 0
      ? [path]
      : command.commands.flatMap((child) => leaves(child, [...path, child.name()]));
  // Those that begin so are for programs.
  const commands = leaves(createProgram(surroundings({})), []).filter(([first]) => first?.startsWith("__") !== true);

  it.each(commands.map((path) => [path.join(" "), path] as const))(
    "of %s says what it does, and has an example",
    async (_name, path) => {
      const { code, stdout, stderr } = await terminal()(...path, "--help");
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(new RegExp(`^Usage: ocicat ${path.join(" ")}\\b`));
      const [, description = ""] = stdout.split("\n\n");
      expect(description.split(" ").length).toBeGreaterThan(5);
      expect(stdout).toContain(`Examples:\n  ocicat ${path.join(" ")}`);
    },
  );

  it("and the documentation name the same commands", async () => {
    const documented = await readFile(new URL("../../../docs/cli.md", import.meta.url), "utf8");
    const missing = commands.filter((path) => !documented.includes(`| \`ocicat ${path.join(" ")}`));
    expect(missing).toEqual([]);
  });

  it.each([[[]], [["node"]], [["lab", "node"]]])(
    "is what a group of commands is without one of them: %j",
    async (path) => {
      const { code, stdout, stderr } = await terminal()(...path);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^Usage: ocicat .*\n\n[\s\S]*\nCommands:\n/);
    },
  );

  it("shows the name that the command was called by", async () => {
    const { stdout } = await terminal({ name: "calicoctl" })("get", "--help");
    expect(stdout).toContain("Usage: calicoctl get");
    expect(stdout).toContain("  calicoctl get ippool -o wide ");
    expect(stdout).not.toContain("ocicat get");
  });
});

describe("an unexpected failure", () => {
  it("is one line that says how to report it, and all of it for who looks for it", async () => {
    const report = new Proxy([], { get: () => unexpected() });
    const { code, stdout, stderr } = await terminal({ labAgents: report })("node", "status");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      "ocicat: unexpected failure: one two; this is a mistake of ours, please report it with what OCICAT_DEBUG=1 shows\n",
    );
    const shown = await terminal({ labAgents: report, env: { OCICAT_DEBUG: "1" } })("node", "status");
    expect(shown.stderr).toMatch(/^ocicat: Error: one\nocicat: two\nocicat: at unexpected [^\n]*\n/);
  });
});

function unexpected(): never {
  throw new Error("one\ntwo");
}

describe("version", () => {
  it("is this command's own, without asking anybody", async () => {
    const manifest = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(await terminal()("version", "--client")).toEqual({
      code: 0,
      stdout: `Client Version:    v${manifest.version}\n`,
      stderr: "",
    });
  });
});

describe("with a datastore", () => {
  let datastore: TestDatastore;
  let directory: string;
  beforeEach(async () => {
    datastore = await startEmbedded();
    directory = await mkdtemp(join(tmpdir(), "oct-cli-"));
  });
  afterEach(async () => {
    await datastore.stop();
    await rm(directory, { recursive: true });
  });

  const run = (...args: readonly string[]): Promise<Outcome> => runWith({}, ...args);
  const runWith = (options: TerminalOptions, ...args: readonly string[]): Promise<Outcome> =>
    terminal({ ...options, env: { ETCD_ENDPOINTS: datastore.endpoint } })(...args);
  const said = (stdout: string, stderr = ""): Outcome => ({ code: 0, stdout, stderr });

  async function file(name: string, text: string): Promise<string> {
    const path = join(directory, name);
    await writeFile(path, text);
    return path;
  }

  const pool = (name: string, cidr: string) =>
    `apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata:\n  name: ${name}\nspec:\n  cidr: ${cidr}\n`;

  describe("the way of the articles", () => {
    it("is get to a file, change it, apply it, and see it", async () => {
      expect(await run("create", "-f", goldenInput("ippool.yaml"))).toEqual(
        said("Successfully created 1 'IPPool' resource(s)\n"),
      );
      const { stdout } = await run("get", "ippool", "default-ipv4-ippool", "-o", "yaml");
      expect(stdout).toMatch(/^apiVersion: projectcalico.org\/v3\nkind: IPPool\nmetadata:\n {2}creationTimestamp: "2/);
      const changed = await file("pool.yaml", stdout.replace("ipipMode: Never", "ipipMode: Always"));
      expect(await run("apply", "-f", changed)).toEqual(said("Successfully applied 1 'IPPool' resource(s)\n"));
      expect(await run("get", "ippool", "-o", "wide")).toEqual(
        said(
          "NAME                  CIDR            NAT    IPIPMODE   VXLANMODE   DISABLED   DISABLEBGPEXPORT   SELECTOR   ASSIGNMENTMODE   \n" +
            "default-ipv4-ippool   10.244.0.0/16   true   Always     Never       false      false              all()      Automatic        \n\n",
        ),
      );
      // Again: it is as it should be. Something else over the old revision: somebody's change would be lost.
      expect(await run("apply", "-f", changed)).toMatchObject({ code: 0 });
      const stale = await file("stale.yaml", stdout.replace("natOutgoing: true", "natOutgoing: false"));
      expect(await run("apply", "-f", stale)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("has been changed since"),
      });
    });

    it("takes the option that scripts of calicoctl carry", async () => {
      expect(await run("get", "ippool", "--allow-version-mismatch")).toMatchObject({ code: 0 });
    });

    it("is an empty table before there is anything", async () => {
      expect(await run("get", "workloadendpoints")).toEqual(said("WORKLOAD   NODE   NETWORKS   INTERFACE   \n\n"));
      expect(await run("get", "wep", "-A")).toEqual(said("NAMESPACE   WORKLOAD   NODE   NETWORKS   INTERFACE   \n\n"));
    });
  });

  describe("what get prints", () => {
    it.each(["yaml", "json"])("as %s can be applied again: one, several, and the list of all", async (format) => {
      await run("create", "-f", await file("a.yaml", `${pool("a", "10.1.0.0/16")}---\n${pool("b", "10.2.0.0/16")}`));
      const before = await contents(datastore.endpoint);
      for (const names of [["a"], ["a", "b"], []]) {
        const { stdout } = await run("get", "ippool", ...names, "-o", format);
        const count = names.length === 1 ? 1 : 2;
        expect(await runWith({ stdin: stdout }, "replace", "-f", "-")).toEqual(
          said(`Successfully replaced ${count} 'IPPool' resource(s)\n`),
        );
      }
      expect(await contents(datastore.endpoint)).toEqual(before);
    });

    it("as JSON is one object for one, and keeps its order of fields", async () => {
      await run("create", "-f", await file("a.yaml", pool("a", "10.1.0.0/16")));
      const one = JSON.parse((await run("get", "ippool", "a", "-o=json")).stdout) as object;
      expect(Object.keys(one)).toEqual(["kind", "apiVersion", "metadata", "spec"]);
      const list = JSON.parse((await run("get", "ippool", "-ojson")).stdout) as object;
      expect(list).toMatchObject({
        kind: "IPPoolList",
        apiVersion: "projectcalico.org/v3",
        items: [{ metadata: { name: "a" } }],
      });
    });

    it("of a file is what the file names, a table a kind", async () => {
      await run("create", "-f", goldenInput("node1.yaml"));
      await run("create", "-f", await file("a.yaml", `${pool("a", "10.1.0.0/16")}---\n${pool("b", "10.2.0.0/16")}`));
      const both = await file(
        "both.yaml",
        `${pool("b", "10.2.0.0/16")}---\n${await readFile(goldenInput("node1.yaml"), "utf8")}---\n${pool("a", "10.1.0.0/16")}`,
      );
      expect(await run("get", "-f", both)).toEqual(
        said(
          "NAME   CIDR          SELECTOR   \nb      10.2.0.0/16   all()      \na      10.1.0.0/16   all()      \n\nNAME    \nnode1   \n\n",
        ),
      );
    });

    it("names the cluster's AS number where a node has none of its own", async () => {
      await run("create", "-f", goldenInput("node1.yaml"));
      await run(
        "create",
        "-f",
        await file(
          "b.yaml",
          "apiVersion: projectcalico.org/v3\nkind: BGPConfiguration\nmetadata: {name: default}\nspec: {asNumber: 65001}\n",
        ),
      );
      expect((await run("get", "node", "-o", "wide")).stdout).toContain("node1   (65001)   192.168.50.11/24");
    });

    it("leaves out what cannot be read, says so, and exits with 1", async () => {
      const { withStore } = await import("./support/golden.ts");
      await run("create", "-f", await file("a.yaml", pool("a", "10.1.0.0/16")));
      await withStore(datastore.endpoint, (store) =>
        store.put("/calico/resources/v3/projectcalico.org/ippools/broken", "{"),
      );
      const { code, stdout, stderr } = await run("get", "ippool");
      expect(code).toBe(1);
      expect(stdout).toBe("NAME   CIDR          SELECTOR   \na      10.1.0.0/16   all()      \n\n");
      expect(stderr).toMatch(/^ocicat: \/calico\/\S*ippools\/broken is left out, for it cannot be read: [^\n]+\n$/);
      expect(await run("delete", "ippool", "broken")).toMatchObject({ code: 0 });
    });
  });

  describe("namespaces", () => {
    const endpoint = (namespace: string, workload: string) =>
      JSON.stringify({
        apiVersion: "projectcalico.org/v3",
        kind: "WorkloadEndpoint",
        metadata: { name: `node1-k8s-${workload}-eth0`, ...(namespace !== "" && { namespace }) },
        spec: {
          orchestrator: "k8s",
          node: "node1",
          pod: workload,
          endpoint: "eth0",
          interfaceName: `cali${workload}`,
          ipNetworks: ["10.1.0.1/32"],
        },
      });

    it("are default unless told, all with -A, and one with -n", async () => {
      await runWith({ stdin: endpoint("", "a") }, "create", "-f", "-");
      await runWith({ stdin: endpoint("", "b") }, "create", "-f", "-", "-n", "other");
      await runWith({ stdin: endpoint("third", "c") }, "create", "-f", "-", "-n", "other");
      const rows = async (...args: readonly string[]) =>
        (await run("get", "wep", ...args)).stdout
          .trim()
          .split("\n")
          .slice(1)
          .map((row) => row.split(/ +/).slice(0, 2));
      expect(await rows()).toEqual([["a", "node1"]]);
      expect(await rows("-A")).toEqual([
        ["default", "a"],
        ["other", "b"],
        ["third", "c"],
      ]);
      expect(await rows("-a")).toEqual(await rows("--all-namespaces"));
      expect(await rows("-n", "other")).toEqual([["other", "b"]]);
      expect(await rows("node1-k8s-c-eth0", "-n=third")).toEqual([["third", "c"]]);
      expect(await run("get", "wep", "node1-k8s-c-eth0")).toMatchObject({ code: 1 });
      expect(await run("delete", "wep", "node1-k8s-c-eth0")).toMatchObject({ code: 1 });
      expect(await run("delete", "wep", "node1-k8s-c-eth0", "-n", "third")).toMatchObject({ code: 0 });
    });
  });

  describe("writing", () => {
    it("says how many of what, and of how many kinds", async () => {
      await mkdir(join(directory, "sub"));
      await file("1.yaml", pool("a", "10.1.0.0/16"));
      await file(
        "2.json",
        JSON.stringify({
          apiVersion: "projectcalico.org/v3",
          kind: "IPPool",
          metadata: { name: "b" },
          spec: { cidr: "10.2.0.0/16" },
        }),
      );
      await file("notes.txt", "not a manifest");
      await file("sub/3.yml", await readFile(goldenInput("node1.yaml"), "utf8"));
      expect(await run("apply", "-f", directory)).toEqual(said("Successfully applied 2 'IPPool' resource(s)\n"));
      expect(await run("apply", "-R", "-f", directory)).toEqual(said("Successfully applied 3 resource(s)\n"));
    });

    it("creates what is not there yet, and leaves the rest alone, with --skip-exists", async () => {
      const both = await file("a.yaml", `${pool("a", "10.1.0.0/16")}---\n${pool("b", "10.2.0.0/16")}`);
      await run("create", "-f", await file("1.yaml", pool("a", "10.1.0.0/16")));
      expect(await run("create", "-f", both)).toMatchObject({ code: 1, stdout: "" });
      expect(await run("create", "-f", both, "--skip-exists")).toEqual(
        said("Successfully created 1 'IPPool' resource(s)\n", "ocicat: IPPool a is there already and was left alone\n"),
      );
    });

    it("takes an empty file for nothing to do with --skip-empty", async () => {
      expect(await run("apply", "-f", goldenInput("empty.yaml"), "--skip-empty")).toEqual(
        said("Successfully applied 0 resource(s)\n"),
      );
    });

    it("tells each parameter of a FelixConfiguration that changes nothing yet", async () => {
      const spec = "spec: {bpfEnabled: true, logSeverityScreen: Debug, wireguardEnabled: true}\n";
      const felix = await file(
        "f.yaml",
        `apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {name: default}\n${spec}`,
      );
      const { code, stdout, stderr } = await run("apply", "-f", felix);
      expect({ code, stdout }).toEqual({
        code: 0,
        stdout: "Successfully applied 1 'FelixConfiguration' resource(s)\n",
      });
      expect(stderr).toMatch(
        /^(?:ocicat: FelixConfiguration default: spec\.\w+ is stored, and has no effect in this version \([^)]+\)\n)+$/,
      );
      expect(stderr).toContain("spec.bpfEnabled");
      expect(stderr).toContain("spec.wireguardEnabled");
    });

    it("refuses bytes that are no text", async () => {
      const latin1 = new Uint8Array([...new TextEncoder().encode("a: gr"), 0xf6, 0xdf, 0x65]);
      expect(await runWith({ stdin: latin1 }, "apply", "-f", "-")).toMatchObject({
        code: 1,
        stderr: "ocicat: standard input: is not UTF-8 text; save it as UTF-8\n",
      });
    });
  });
});
