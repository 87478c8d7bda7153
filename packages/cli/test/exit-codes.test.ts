import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startEmbedded, type TestDatastore } from "./support/datastores.ts";
import { contents, goldenInput, loadDump } from "./support/golden.ts";
import { type Outcome, terminal } from "./support/terminal.ts";

/** `in/x.yaml` in a line of arguments is an input file. */
function argsOf(line: string): readonly string[] {
  return line.split(" ").map((word) => (word.startsWith("in/") ? goldenInput(word.slice(3)) : word));
}

/** One line on standard error, nothing on standard output, exit code 1. */
function expectRefusal({ code, stdout, stderr }: Outcome, ...parts: readonly string[]): void {
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^ocicat: [^\n]+\n$/);
  for (const part of parts) expect(stderr).toContain(part);
  expect(code).toBe(1);
}

describe("what is refused: exit code 1, one line that says what, where and how to mend it, and nothing stored", () => {
  let datastore: TestDatastore;
  let before: ReadonlyMap<string, string>;
  beforeAll(async () => {
    datastore = await startEmbedded();
    await loadDump(datastore.endpoint);
    before = await contents(datastore.endpoint);
  });
  afterAll(() => datastore.stop());
  const run = (line: string) => terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint } })(...argsOf(line));

  const KINDS =
    "use one of bgpconfigurations, bgpfilters, bgppeers, blockaffinities, caliconodestatuses, clusterinformations,";
  const cases: readonly (readonly [line: string, ...parts: string[]])[] = [
    ["get all", '"all" is not a kind of resource', KINDS],
    ["get wibble", '"wibble" is not a kind of resource', KINDS],
    ["get", "it is not said what to get", "name a kind"],
    ["get ippool nosuch", "IPPool nosuch: does not exist", "list what there is"],
    ["get ippool tiny nosuch", "IPPool nosuch: does not exist"],
    ["get wep nosuch -n default", "WorkloadEndpoint default/nosuch: does not exist"],
    ["get networkpolicy nosuch -n default", "NetworkPolicy default/nosuch: does not exist"],
    ["get ippool -o wibble", '"wibble" is not an output format', "use one of ps, wide, yaml, json, why"],
    ["get ippool --wibble", "unknown option '--wibble'", "see ocicat get --help"],
    ["get ippool --outptu wide", "unknown option '--outptu' (Did you mean --output?)"],
    ["get ippool -o", "option '-o, --output <format>' argument missing"],
    ["get ippool -f in/ippool.yaml", "a kind and -f are given together", "use one of the two"],
    ["get wep a -A", "names and -A are given together", "-n"],
    ["get ippool -c /nonexistent.cfg", "/nonexistent.cfg: there is no such file"],
    ["wibble", "unknown command 'wibble'", "see ocicat --help"],
    ["gett ippool", "unknown command 'gett' (Did you mean get?)"],
    ["node wibble", "unknown command 'wibble'", "see ocicat node --help"],
    ["version extra", "too many arguments", "see ocicat version --help"],
    ["apply", "it is not said what to apply", "-f FILE"],
    ["apply -f /nonexistent.yaml", "/nonexistent.yaml: there is no such file", "check the path"],
    [
      "apply -f in/bad-cidr.yaml",
      'bad-cidr.yaml.txt, document 1, line 6, column 9, IPPool bad: spec.cidr: "10.300.0.0/16" is not',
    ],
    [
      "apply -f in/overlap.yaml",
      'line 6, column 9, IPPool overlap: spec.cidr: "10.244.128.0/20" overlaps IPPool default-ipv4-ippool, 10.244.0.0/16',
    ],
    [
      "apply -f in/hostbits.yaml",
      'line 6, column 9, IPPool hostbits: spec.cidr: "10.98.1.5/16" has bits set beyond its length; the network is 10.98.0.0/16',
    ],
    [
      "apply -f in/small.yaml",
      'line 6, column 9, IPPool small: spec.cidr: "10.98.0.0/27" is smaller than one block of it, a /26',
    ],
    [
      "apply -f in/badbs.yaml",
      "line 7, column 14, IPPool badbs: spec.blockSize: 19 is not a block size of IPv4, an integer from 20 to 32",
    ],
    [
      "apply -f in/bothenc.yaml",
      'line 8, column 14, IPPool bothenc: spec.vxlanMode: "Always" cannot be combined with ipipMode Always',
    ],
    ["apply -f in/badname.yaml", 'line 4, column 9, IPPool Bad_Name: metadata.name: "Bad_Name" is not'],
    [
      "apply -f in/bad-yaml.yaml",
      "bad-yaml.yaml.txt, document 1, line 2, column 7: Nested mappings are not allowed",
      "mend the YAML",
    ],
    [
      "apply -f in/unkfield.yaml",
      "line 7, column 11, IPPool unkfield: spec.wibble: 3 is in a field that does not exist",
    ],
    [
      "apply -f in/unkkind.yaml",
      'line 2, column 7, Wibble x: kind: "Wibble" is not a kind known here; write one of BGPConfiguration,',
    ],
    [
      "apply -f in/unkver.yaml",
      'line 1, column 13, IPPool x: apiVersion: "projectcalico.org/v9" is not projectcalico.org/v3',
    ],
    [
      "apply -f in/badsel.yaml",
      `line 7, column 17, NetworkPolicy default/badsel: spec.selector: "app = \\"x\\"" is not a selector: column 5: a single '='`,
    ],
    [
      "apply -f in/badact.yaml",
      'line 9, column 13, NetworkPolicy default/badact: spec.ingress[0].action: "Permit" is not one of Allow, Deny, Log, Pass',
    ],
    [
      "apply -f in/badport.yaml",
      "line 11, column 7, NetworkPolicy default/badport: spec.ingress[0].destination.ports: [80] needs a protocol with ports",
    ],
    ["apply -f in/empty.yaml", "empty.yaml.txt: there is no resource in it", "--skip-empty"],
    ["apply -f -", "standard input: there is no resource in it"],
    ["validate -f in/hostbits.yaml", "line 6, column 9, IPPool hostbits: spec.cidr: ", "[host-bits]"],
    [
      "create -f in/tiny-pool.yaml",
      "tiny-pool.yaml.txt, document 1, line 1: IPPool tiny: exists already",
      "use apply or replace",
    ],
    ["replace -f in/ippool6.yaml", "ippool6.yaml.txt, document 1, line 1: IPPool default-ipv6-ippool: does not exist"],
    ["delete", "it is not said what to delete"],
    ["delete ippool", "it is not said what to delete"],
    ["delete ippool nosuch", "IPPool nosuch: does not exist"],
    ["delete ippool tiny nosuch", "IPPool nosuch: does not exist"],
    ["delete blockaffinity node1-10-244-166-128-26", "is kept by the system itself"],
    [
      "delete tier security",
      "Tier security: cannot be deleted (GlobalNetworkPolicy security.block-bad is in it); delete what is in it first",
    ],
    ["delete tier default", "Tier default: cannot be deleted (it is built in); leave it"],
    ["delete tier kube-admin", "Tier kube-admin: cannot be deleted (it is built in); leave it"],
    ["delete profile projectcalico-default-allow", "cannot be deleted (it is built in); leave it"],
    ["delete networkpolicy knp.default.a", "cannot be deleted (it is made of a Kubernetes NetworkPolicy)"],
    [
      "delete -f in/netpol.yaml",
      "netpol.yaml.txt, document 3, line 35: Tier security: cannot be deleted",
      "delete what is in it first",
    ],
    ["delete -f in/ippool6.yaml", "line 1: IPPool default-ipv6-ippool: does not exist"],
    ["ipam release --ip=10.244.200.200", "IP address 10.244.200.200 is not assigned"],
    ["ipam split --cidr=10.244.0.0/16 2", "the datastore is not locked", "datastore migrate lock"],
    ["ipam configure", "no setting is given", "--strictaffinity"],
    ["routes why wibble", "wibble", "give an address such as 10.244.0.1"],
    ["routes why 10.0.0.1 -o yaml", '"yaml" is not an output format'],
    ["datastore serve --listen wibble", '--listen: "wibble" is not a URL', "use http://ADDRESS:PORT"],
    ["datastore serve --listen https://127.0.0.1:2379", "https needs a certificate"],
    ["node status", "no agent runs on this host, and no lab", "ocicat lab up"],
    ["node status --node node1", 'there is no agent of a node "node1" in reach'],
    ["get ippool -o why", "no agent runs on this host, and no lab"],
  ];
  it.each(cases)("%s", async (line, ...parts) => {
    expectRefusal(await run(line), ...parts);
    expect(await contents(datastore.endpoint)).toEqual(before);
  });

  // calicoctl's verbs of a later version of ours. Whoever adds one takes it out here, and tests it.
  const later = ["convert", "cluster diags"];
  it.each(later)("%s is not here yet", async (line) => {
    expectRefusal(await run(line), "unknown command");
  });
});

describe("a file whose second document is bad", () => {
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

  const pool = (name: string, cidr: string, more = "") =>
    `apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: ${name}}\nspec:\n  cidr: ${cidr}\n${more}`;
  const cases: readonly (readonly [string, string, string])[] = [
    ["is not YAML", "a: [", "document 2, line 7, column"],
    [
      "has an unknown field",
      pool("b", "10.2.0.0/16", "  wibble: 1\n"),
      "document 2, line 12, column 11, IPPool b: spec.wibble",
    ],
    [
      "overlaps the first",
      pool("b", "10.1.0.0/20"),
      'document 2, line 11, column 9, IPPool b: spec.cidr: "10.1.0.0/20" overlaps IPPool a',
    ],
    ["is the first again", pool("a", "10.1.0.0/16"), "document 2, line 7: IPPool a: is given twice"],
  ];
  it.each(cases)("stores nothing if it %s", async (_what, second, part) => {
    const file = join(directory, "two.yaml");
    await writeFile(file, `${pool("a", "10.1.0.0/16")}---\n${second}`);
    const run = terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint } });
    for (const verb of ["apply", "create"]) {
      expectRefusal(await run(verb, "-f", file), part);
      expect(await contents(datastore.endpoint)).toEqual(new Map());
    }
  });

  it("is refused with the line that it has in its own file of a directory", async () => {
    await writeFile(join(directory, "1.yaml"), pool("a", "10.1.0.0/16"));
    await writeFile(join(directory, "2.yaml"), pool("b", "10.1.0.0/20"));
    const run = terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint } });
    expectRefusal(await run("apply", "-f", directory), "2.yaml, document 1, line 5, column 9, IPPool b: spec.cidr");
    expect(await contents(datastore.endpoint)).toEqual(new Map());
  });
});

describe("a datastore that does not answer", () => {
  const commands = ["get ippool", "apply -f in/ippool.yaml", "delete ippool a", "version"];
  it.concurrent.each(commands)("%s ends with one error that says where it was sought", async (line) => {
    const started = performance.now();
    const run = terminal({ env: { ETCD_ENDPOINTS: "http://127.0.0.1:1" } });
    const outcome = await run(...argsOf(line));
    const shown = { ...outcome, stdout: outcome.stdout.replace(/^Client Version: .*\n/, "") };
    expectRefusal(
      shown,
      "http://127.0.0.1:1: the datastore did not answer within 5 s",
      "ECONNREFUSED",
      "from ETCD_ENDPOINTS",
    );
    expect(performance.now() - started).toBeLessThan(8_000);
  });

  it.each(["wibble", "ftp://127.0.0.1:1", ",", "http://"])(
    "is refused at once where its address is %s",
    async (endpoint) => {
      expectRefusal(await terminal({ env: { ETCD_ENDPOINTS: endpoint } })("get", "ippool"), "ETCD_ENDPOINTS: ");
    },
  );
});
