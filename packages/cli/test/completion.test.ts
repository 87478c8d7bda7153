import { describe, expect, it } from "vitest";
import { startEmbedded } from "./support/datastores.ts";
import { goldenForAll } from "./support/golden.ts";
import { terminal } from "./support/terminal.ts";

const STAGED = `apiVersion: projectcalico.org/v3
kind: StagedNetworkPolicy
metadata: { name: deny-all, namespace: prod }
---
apiVersion: projectcalico.org/v3
kind: StagedGlobalNetworkPolicy
metadata: { name: all }
`;

const datastore = goldenForAll(startEmbedded);

/** What the shell is told for a line, whose last word is completed; a line that ends with a blank begins a new one. */
async function answer(line: string, env: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const run = terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint, ...env } });
  const { code, stdout, stderr } = await run("__complete", "--", ...line.split(" "));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trimEnd().split("\n");
}

/** The words alone, without what they are. */
async function offered(line: string, env?: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const [kind, ...lines] = await answer(line, env);
  expect(kind).toBe("words");
  return lines.map((text) => text.split("\t")[0] ?? "");
}

describe("what is offered", () => {
  it("is commands, and those below them, each with what it does", async () => {
    expect(await answer("ge")).toEqual(["words", "get\tshow resources"]);
    expect(await offered("lab ")).toEqual(expect.arrayContaining(["up", "down", "exec", "node"]));
    expect(await offered("lab node ")).toEqual(["add", "rm", "help"]);
    expect(await offered("")).not.toContain("__complete");
  });

  it("is options of the command, but none after --", async () => {
    expect(await offered("get ippool --al")).toEqual(["--all-namespaces", "--allNamespaces"]);
    expect(await offered("lab up --")).toEqual(expect.arrayContaining(["--scenario", "--in-uml", "--help"]));
    expect(await offered("lab exec pod1 -- --")).toEqual([]);
  });

  it("is an option's words, however it is written", async () => {
    expect(await offered("get ippool -o w")).toEqual(["wide", "why"]);
    expect(await offered("get ippool --output=w")).toEqual(["--output=wide", "--output=why"]);
    // As bash parts it.
    expect(await offered("get ippool --output = w")).toEqual(["wide", "why"]);
    expect(await offered("get ippool --output =")).toContain("yaml");
    expect(await offered("routes why 10.0.0.1 -o ")).toEqual(["ps", "json"]);
    expect(await offered("lab up --scenario same")).toEqual(["same-node"]);
    expect(await offered("ipam configure --strictaffinity ")).toEqual(["true", "false"]);
    expect(await offered("pool plan tiny --vxlan A")).toEqual(["Always"]);
  });

  it("is files, which the shell knows best", async () => {
    expect(await answer("apply -f ")).toEqual(["files"]);
    expect(await answer("get ippool --config x")).toEqual(["files"]);
    expect(await answer("datastore backup ")).toEqual(["files"]);
  });

  it("is each kind once, by the name that the word begins", async () => {
    expect(await offered("get ipp")).toEqual(["ippools"]);
    expect(await offered("get pool")).toEqual(["pool"]);
    expect(await offered("delete we")).toEqual(["wep"]);
    expect(await offered("get ")).toEqual(expect.arrayContaining(["ippools", "nodes", "bgpfilters"]));
  });

  it("is fields, step by step", async () => {
    expect(await offered("explain ippools.")).toEqual(expect.arrayContaining(["ippools.metadata", "ippools.spec"]));
    expect(await offered("explain pool.spec.n")).toEqual([
      "pool.spec.natOutgoing",
      "pool.spec.nodeSelector",
      "pool.spec.namespaceSelector",
    ]);
    expect(await offered("explain wibble.")).toEqual([]);
  });

  it("is names of what the datastore holds, but not those that stand there", async () => {
    expect(await offered("get ippool ")).toEqual(["default-ipv4-ippool", "tiny"]);
    expect(await offered("get pool tiny ")).toEqual(["default-ipv4-ippool"]);
    expect(await offered("delete node node1 n")).toEqual(["node2", "node3"]);
    expect(await offered("label nodes node3 ")).toEqual([]);
    expect(await offered("pool plan t")).toEqual(["tiny"]);
    expect(await offered("get wibble ")).toEqual([]);
  });

  it("is names in the namespace that the line says, and namespaces", async () => {
    expect(await offered("get wep node2-")).toEqual(["node2-k8s-db--0-eth0", "node2-k8s-tiny--2-eth0"]);
    expect(await offered("get wep -n nosuch node2-")).toEqual([]);
    expect(await offered("get wep -n ")).toEqual(["default"]);
  });

  it("is nodes and pods, where a command goes into one", async () => {
    expect(await answer("lab exec web")).toEqual(["words", "web-1\ton node1", "web-2\ton node1"]);
    expect(await offered("walk n")).toEqual(["node1", "node2", "node3"]);
    expect(await offered("walk web-1 d")).toEqual(["db-0"]);
    expect(await offered("lab rm n")).toEqual([]);
    expect(await offered("routes why 10.0.0.1 --node node3")).toEqual(["node3"]);
  });

  it("is what policies apply to, with its namespace, and nodes; and staged policies", async () => {
    expect(await offered("policy why default/d")).toEqual(["default/db-0"]);
    expect(await offered("policy why default/db-0 node")).toEqual(["node1", "node2", "node3"]);
    expect(await offered("policy show default/web")).toEqual(["default/web-1", "default/web-2"]);
    expect(await offered("policy why a b --proto s")).toEqual(["sctp"]);
    expect(await offered("policy why a b -o ")).toEqual(["ps", "json", "yaml"]);
    const run = terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint }, stdin: STAGED });
    expect(await run("apply", "-f", "-")).toMatchObject({ code: 0 });
    expect(await offered("policy impact --staged ")).toEqual(["prod/deny-all", "all"]);
  });

  it("is addresses of pods, where one is asked about", async () => {
    expect(await answer("ipam why 10.99.")).toEqual(["words", "10.99.0.0\ttiny-1", "10.99.0.1\ttiny-2"]);
    expect(await offered("routes why 10.244.104.")).toEqual(["10.244.104.0"]);
    expect(await offered("ipam show --ip=10.244.104.")).toEqual(["--ip=10.244.104.0"]);
  });

  it("is nothing after what is no command, and nothing that goes wrong is told", async () => {
    expect(await offered("wibble ")).toEqual([]);
    expect(await offered("get ippool ", { ETCD_ENDPOINTS: "http://127.0.0.1:1" })).toEqual([]);
    expect(await offered("get ippool ", { ETCD_ENDPOINTS: "wibble" })).toEqual([]);
  });

  it("is asked in the machine that the lab is in", async () => {
    const run = terminal({ labMachine: "/lab.sock" });
    expect(await run("__complete", "--", "get", "ippool", "")).toMatchObject({
      code: 7,
      stdout: "__complete -- get ippool , handed over to /lab.sock\n",
    });
  });
});

describe("completion", () => {
  it("is there for three shells", async () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      const { code, stdout } = await terminal()("completion", shell);
      expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("__complete --") });
    }
    expect(await terminal()("completion", "csh")).toMatchObject({ code: 1, stdout: "" });
  });
});
