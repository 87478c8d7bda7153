import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startEmbedded } from "./support/datastores.ts";
import { contents, goldenForAll, withStore } from "./support/golden.ts";
import { type Outcome, terminal } from "./support/terminal.ts";

const datastore = goldenForAll(startEmbedded);

const run = (...args: readonly string[]): Promise<Outcome> => runWith("", ...args);
const runWith = (stdin: string, ...args: readonly string[]): Promise<Outcome> =>
  terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint }, stdin })(...args);
const said = (stdout: string): Outcome => ({ code: 0, stdout, stderr: "" });
const PATCHED = said("Successfully patched 1 'IPPool' resource\n");

async function stored(kind: string, name: string): Promise<{ metadata: Record<string, unknown>; spec: object }> {
  const { stdout } = await run("get", kind, name, "-o", "json");
  return JSON.parse(stdout) as { metadata: Record<string, unknown>; spec: object };
}

type Refusal = readonly [args: readonly string[], part: string];

/** One line on standard error, nothing on standard output, exit code 1, nothing stored. */
async function expectRefused(args: readonly string[], ...parts: readonly string[]): Promise<void> {
  const before = await contents(datastore.endpoint);
  const { code, stdout, stderr } = await run(...args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^ocicat: [^\n]+\n$/);
  for (const part of parts) expect(stderr).toContain(part);
  expect(await contents(datastore.endpoint)).toEqual(before);
}

describe("patch", () => {
  const POOL = ["patch", "ippool", "default-ipv4-ippool"] as const;

  it("changes what it says and nothing else", async () => {
    const before = await stored("ippool", "default-ipv4-ippool");
    expect(await run(...POOL, "-p", '{"spec":{"natOutgoing":false}}')).toEqual(PATCHED);
    const after = await stored("ippool", "default-ipv4-ippool");
    expect(after.spec).toEqual({ ...before.spec, natOutgoing: undefined });
    expect({ ...after.metadata, resourceVersion: "" }).toEqual({ ...before.metadata, resourceVersion: "" });
    expect(after.metadata.resourceVersion).not.toBe(before.metadata.resourceVersion);
  });

  it.each([
    [
      "json",
      '[{"op":"test","path":"/spec/nodeSelector","value":"all()"},{"op":"replace","path":"/spec/nodeSelector","value":"has(c)"}]',
      "has(c)",
    ],
    ["strategic", '{"spec":{"nodeSelector":"has(b)"}}', "has(b)"],
    ["merge", "spec: {nodeSelector: has(a)}", "has(a)"],
  ])("takes a %s patch", async (type, patch, nodeSelector) => {
    expect(await run(...POOL, "-t", type, "-p", patch)).toEqual(PATCHED);
    expect(await stored("ippool", "default-ipv4-ippool")).toMatchObject({ spec: { nodeSelector } });
  });

  it("is read from a file or from standard input", async () => {
    const directory = await mkdtemp(join(tmpdir(), "oct-cli-"));
    try {
      const file = join(directory, "patch.yaml");
      await writeFile(file, "spec:\n  disabled: true\n");
      expect(await run(...POOL, "-f", file)).toEqual(PATCHED);
      expect(await stored("ippool", "default-ipv4-ippool")).toMatchObject({ spec: { disabled: true } });
      expect(await runWith('{"spec":{"disabled":null}}', ...POOL, "--patch-file=-")).toEqual(PATCHED);
      expect((await stored("ippool", "default-ipv4-ippool")).spec).not.toHaveProperty("disabled");
      const bad = join(directory, "bad.yaml");
      await writeFile(bad, "spec:\n  - a: [\n");
      await expectRefused([...POOL, "-f", bad], `${bad}, line 3`, "mend the YAML");
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("keeps what a newer writer has stored, and adds nothing of that kind", async () => {
    const key = "/calico/resources/v3/projectcalico.org/ippools/tiny";
    await withStore(datastore.endpoint, async (store) => {
      const { value = "{}" } = (await store.get(key)) ?? {};
      const { spec, ...rest } = JSON.parse(value) as { spec: object };
      await store.put(key, JSON.stringify({ ...rest, spec: { ...spec, shade: { of: "teal" } } }));
    });
    expect(await run("patch", "ippool", "tiny", "-p", '{"spec":{"disabled":true}}')).toEqual(PATCHED);
    expect((await stored("ippool", "tiny")).spec).toMatchObject({ disabled: true, shade: { of: "teal" } });
    await expectRefused(
      ["patch", "ippool", "tiny", "-p", '{"spec":{"shade":{"of":"red"}}}'],
      "IPPool tiny: spec.shade: ",
      "is in a field that does not exist",
    );
  });

  it.each([
    ['{"spec":{"cidr":"10.245.0.0/16"}}', "IPPool default-ipv4-ippool: spec.cidr:"],
    ['{"spec":{"blockSize":27}}', "IPPool default-ipv4-ippool: spec.blockSize: 27"],
    ['{"spec":{"cidr":null}}', "spec.cidr: is missing"],
    ['{"spec":{"natOutgoing":"no"}}', 'spec.natOutgoing: "no" is not true or false'],
    ['{"metadata":{"name":"other"}}', 'metadata.name: "other" is another than it is stored under'],
    ['{"kind":"Node"}', 'kind: "Node"'],
    ['{"spec":{"$patch":"replace"}}', '"$patch" directs a merge of lists', "-t json"],
    ['{"metadata":{"resourceVersion":"1"},"spec":{"disabled":true}}', "has been changed since"],
    ["null", "is not a"],
    ["[", "--patch, line 1"],
  ])("refuses %s", async (patch, ...parts) => {
    await expectRefused([...POOL, "-p", patch], ...parts);
  });

  const PATCHES: readonly Refusal[] = [
    [["patch", "ippool", "nosuch", "-p", "{}"], "IPPool nosuch: does not exist"],
    [["patch", "wibble", "a", "-p", "{}"], '"wibble" is not a kind of resource'],
    [["patch", "ippool", "tiny"], "it is not said what to change"],
    [["patch", "ippool", "tiny", "-p", "{}", "-f", "x"], "are given together"],
    [
      ["patch", "ippool", "tiny", "-p", "{}", "-t", "wibble"],
      '"wibble" is not a type of patch; use one of strategic, merge, json',
    ],
    [
      ["patch", "ippool", "tiny", "-t", "json", "-p", '[{"op":"test","path":"/spec/cidr","value":"x"}]'],
      "IPPool tiny: operation 1: /spec/cidr is",
    ],
    [
      ["patch", "blockaffinity", "node1-10-244-166-128-26", "-p", '{"spec":{"state":"pending"}}'],
      "is kept by the system itself",
    ],
    [["patch", "ippool", "tiny", "-f", "/nonexistent"], "/nonexistent: there is no such file"],
  ];
  it.each(PATCHES)("refuses %j", async (args, part) => {
    await expectRefused(args, part);
  });

  it("loses nothing where many patch one resource at once", async () => {
    const keys = Array.from({ length: 8 }, (_, index) => `l${index}`);
    const outcomes = await Promise.all(
      keys.map((key) => run("patch", "node", "node3", "-p", `{"metadata":{"labels":{"${key}":"x"}}}`)),
    );
    expect(outcomes.map(({ stderr }) => stderr)).toEqual(keys.map(() => ""));
    expect((await stored("node", "node3")).metadata.labels).toMatchObject(
      Object.fromEntries(keys.map((key) => [key, "x"])),
    );
  });
});

describe("label", () => {
  it("sets, keeps, changes and removes, each as calicoctl says it", async () => {
    expect(await run("label", "nodes", "node3", "zone=z1")).toEqual(
      said("Successfully set label zone on nodes node3\n"),
    );
    await expectRefused(
      ["label", "nodes", "node3", "zone=z2"],
      'Node node3: has label zone with the value "z1" already',
      "--overwrite",
    );
    expect(await run("label", "nodes", "node3", "zone=z1")).toEqual(
      said("Successfully updated label zone on nodes node3\n"),
    );
    expect(await run("label", "nodes", "node3", "zone=z2", "--overwrite")).toEqual(
      said("Successfully updated label zone on nodes node3\n"),
    );
    expect(await stored("node", "node3")).toMatchObject({ metadata: { labels: { zone: "z2" } } });
    expect(await run("label", "nodes", "node3", "zone", "--remove")).toEqual(
      said("Successfully removed label zone from nodes node3\n"),
    );
    expect((await stored("node", "node3")).metadata).not.toHaveProperty("labels.zone");
  });

  it("finds a namespaced resource by -n", async () => {
    const name = "node1-k8s-web--1-eth0";
    expect(await run("label", "wep", name, "app=web", "-n", "default")).toMatchObject({ code: 0 });
    expect(await stored("wep", name)).toMatchObject({ metadata: { labels: { app: "web" } } });
    await expectRefused(
      ["label", "wep", name, "app=web", "-n", "other"],
      `WorkloadEndpoint other/${name}: does not exist`,
    );
  });

  const LABELS: readonly Refusal[] = [
    [["label", "nodes", "node3", "zone"], '"zone" is not a label; write it as key=value'],
    [["label", "nodes", "node3", "a=b=c"], '"a=b=c" is not a label'],
    [["label", "nodes", "node3", "=c"], '"=c" is not a label'],
    [["label", "nodes", "node3", "zone=z", "--remove"], '"zone=z" is not the key of a label'],
    [["label", "nodes", "node3", "zone=z", "--remove", "--overwrite"], "are given together"],
    [["label", "nodes", "node3", "zone", "--remove"], "Node node3: has no label zone"],
    [["label", "nodes", "node3", "bad key=x"], "is not a label key"],
    [["label", "nodes", "node3", "a=bad value"], 'metadata.labels["a"]: "bad value" is not a label value'],
    [["label", "nodes", "nosuch", "a=b"], "Node nosuch: does not exist"],
    [["label", "wibble", "a", "a=b"], '"wibble" is not a kind of resource'],
  ];
  it.each(LABELS)("refuses %j", async (args, part) => {
    await expectRefused(args, part);
  });
});
