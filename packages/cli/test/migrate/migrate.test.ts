import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseJson } from "@ocicat/kit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DATASTORES, startEmbedded, type TestDatastore } from "../support/datastores.ts";
import { loadDump, withStore } from "../support/golden.ts";
import { type Outcome, terminal } from "../support/terminal.ts";

const CLUSTER = "/calico/resources/v3/projectcalico.org/clusterinformations/default";
const CALICOCTL_EXPORT = new URL("calicoctl-export.txt", import.meta.url);

const at = ({ endpoint }: TestDatastore, stdin = "") => terminal({ env: { ETCD_ENDPOINTS: endpoint }, stdin });
const migrate = (datastore: TestDatastore, ...args: readonly string[]) =>
  at(datastore)("datastore", "migrate", ...args);
const importInto = (datastore: TestDatastore, text: string): Promise<Outcome> =>
  at(datastore, text)("datastore", "migrate", "import", "-f", "-");

/** Every key with its value. Values are compared as JSON, integers of 64 bits exact. */
async function everything({ endpoint }: TestDatastore): Promise<Readonly<Record<string, unknown>>> {
  return await withStore(endpoint, async (store) => {
    const { items } = await store.list("/");
    return Object.fromEntries(items.map(({ key, value }) => [key, parseJson(value)]));
  });
}

async function exported(datastore: TestDatastore, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await migrate(datastore, "export", ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

function expectRefused({ code, stdout, stderr }: Outcome, ...parts: readonly string[]): void {
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^ocicat: [^\n]+\n$/);
  for (const part of parts) expect(stderr).toContain(part);
}

const IMPORTED =
  /^Successfully applied \d+ resource\(s\)\nSuccessfully applied 13 IPAM resource\(s\)\nDatastore information successfully imported\. It is locked: [^\n]+\n$/;

describe.each(Object.entries(DATASTORES))("a real Calico's data, moved out of %s", (_name, start) => {
  let source: TestDatastore;
  beforeAll(async () => {
    source = await start();
    await loadDump(source.endpoint);
    expect(await migrate(source, "lock")).toEqual({ code: 0, stdout: "Datastore locked.\n", stderr: "" });
  });
  afterAll(() => source.stop());

  it.each(Object.entries(DATASTORES))(
    "is the same in %s, key by key, and what calicoctl prints of it",
    async (_target, begin) => {
      const target = await begin();
      try {
        const { code, stdout, stderr } = await importInto(target, await exported(source));
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        expect(stdout).toMatch(IMPORTED);
        expect(await everything(target)).toEqual(await everything(source));
        for (const line of [
          ["ipam", "show", "--show-blocks"],
          ["get", "wep", "-A", "-o", "wide"],
          ["get", "nodes", "-o", "wide"],
        ])
          expect(await at(target)(...line)).toEqual(await at(source)(...line));
        expect(await migrate(target, "unlock")).toEqual({ code: 0, stdout: "Datastore unlocked.\n", stderr: "" });
        expect((await at(target)("get", "clusterinfo")).stdout).toMatch(/ true +\n/);
      } finally {
        await target.stop();
      }
    },
  );
});

describe("with a datastore of each end", () => {
  let source: TestDatastore;
  let target: TestDatastore;
  let directory: string;
  beforeAll(async () => {
    source = await startEmbedded();
    await loadDump(source.endpoint);
    await migrate(source, "lock");
    directory = await mkdtemp(join(tmpdir(), "oct-cli-"));
  });
  beforeEach(async () => {
    target = await startEmbedded();
  });
  afterEach(() => target.stop());
  afterAll(async () => {
    await source.stop();
    await rm(directory, { recursive: true });
  });

  describe("the lock", () => {
    it("is told by get, by version, and by whoever is asked to do what it forbids", async () => {
      expect((await at(source)("get", "clusterinfo")).stdout).toMatch(/DATASTOREREADY +\ndefault .* false +\n/);
      const { code, stdout, stderr } = await at(source)("version");
      expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("Cluster Type:      k8s,bgp\n") });
      expect(stderr).toMatch(/^ocicat: the datastore is locked for a migration: .* ocicat datastore migrate unlock\n$/);
    });

    it("can be set before there is anything, and taken away again", async () => {
      expect(await migrate(target, "lock")).toMatchObject({ code: 0 });
      expect(await migrate(target, "lock")).toMatchObject({ code: 0 });
      expect(await everything(target)).toMatchObject({ [CLUSTER]: { spec: { datastoreReady: false } } });
      expect(await migrate(target, "unlock")).toMatchObject({ code: 0 });
      expect(await everything(target)).toMatchObject({ [CLUSTER]: { spec: { datastoreReady: true } } });
      expect(await at(target)("version")).toMatchObject({ code: 0, stderr: "" });
    });

    it("cannot be taken from where there is no cluster", async () => {
      expectRefused(await migrate(target, "unlock"), "ClusterInformation default: does not exist");
    });
  });

  describe("an export", () => {
    it("is refused of a datastore that is not locked, or has no cluster", async () => {
      expectRefused(await migrate(target, "export"), "not locked", "ocicat datastore migrate lock");
      await loadDump(target.endpoint);
      expectRefused(await migrate(target, "export"), "not locked");
    });

    it("leaves nothing out silently: what cannot be read is an error", async () => {
      await migrate(target, "lock");
      for (const [key, value] of [
        ["/calico/resources/v3/projectcalico.org/ippools/broken", "{"],
        ["/calico/ipam/v2/handle/broken", "[]"],
      ] as const) {
        await withStore(target.endpoint, (store) => store.put(key, value));
        expectRefused(await migrate(target, "export"), `${key}: the stored value cannot be read`, "delete it");
        await withStore(target.endpoint, (store) => store.delete(key));
      }
    });

    it("has calicoctl's three parts, and no identity in the first", async () => {
      const [yaml = "", cluster = "", ipam = "", ...more] = (await exported(source)).split("===\n");
      expect(more).toEqual([]);
      expect(yaml).toMatch(/^apiVersion: projectcalico.org\/v3\nitems:\n- apiVersion/);
      expect(yaml).not.toMatch(/uid:|resourceVersion:|creationTimestamp:/);
      expect(yaml.indexOf("kind: NodeList")).toBeLessThan(yaml.indexOf("kind: FelixConfigurationList"));
      expect(JSON.parse(cluster)).toMatchObject({ kind: "ClusterInformation", spec: { datastoreReady: false } });
      expect(Object.keys(JSON.parse(ipam) as object)).toEqual([
        "block_affinities",
        "blocks",
        "handles",
        "config",
        "ocicat",
      ]);
      expect((JSON.parse(ipam) as { config: unknown }).config).toEqual({
        Key: "/calico/ipam/v2/config",
        Value: { auto_allocate_blocks: true, kubeVirtVMAddressPersistence: "Enabled" },
        TTL: 0,
      });
    });

    it("leaves out what dies with its writer", async () => {
      await withStore(target.endpoint, async (store) => {
        const lease = await store.grantLease(60);
        await store.put("/calico/felix/v2/no-region/host/node1/status", "{}", { lease });
      });
      await migrate(target, "lock");
      expect(await exported(target)).not.toContain("felix");
    });
  });

  describe("for Kubernetes", () => {
    const rename = async (name: string, kubernetes: string) => {
      const refs = JSON.stringify({ spec: { orchRefs: [{ nodeName: kubernetes, orchestrator: "k8s" }] } });
      expect(await at(target)("patch", "node", name, "-p", refs)).toMatchObject({ code: 0 });
    };

    it("every node bears the name that Kubernetes has for it, wherever it is named", async () => {
      await loadDump(target.endpoint);
      await migrate(target, "lock");
      await rename("node1", "ip-10-0-0-1");
      await withStore(target.endpoint, (store) =>
        store.put("/calico/ipam/v2/handle/ipip-tunnel-addr-node1", '{"block":{"10.244.166.128/26":1},"deleted":false}'),
      );
      const text = await exported(target, "--to", "kubernetes");
      const [yaml = "", , ipam = ""] = text.split("===\n");
      expect(yaml).toContain("name: ip-10-0-0-1\n");
      expect(yaml).toContain("name: node.ip-10-0-0-1\n");
      expect(yaml).not.toMatch(/^ +name: (?:node\.)?node1\n/m);
      expect(ipam).toContain('"/calico/ipam/v2/host/ip-10-0-0-1/ipv4/block/10.99.0.0-26"');
      expect(ipam).toContain('"/calico/ipam/v2/handle/ipip-tunnel-addr-ip-10-0-0-1"');
      expect(ipam).toContain('"affinity": "host:ip-10-0-0-1"');
      expect(ipam).toContain('"node": "ip-10-0-0-1"');
      expect(ipam).not.toContain("node1");
      expect(ipam).toContain("host:node2");
      expect(ipam).not.toContain("ocicat");
    });

    it("is refused where Kubernetes has no name for a node, or one for two", async () => {
      await loadDump(target.endpoint);
      await migrate(target, "lock");
      await rename("node1", "node2");
      expectRefused(
        await migrate(target, "export", "--to", "kubernetes"),
        "node node2: is node2 to Kubernetes, and so is node node1",
      );
      await at(target)("patch", "node", "node1", "-p", '{"spec":{"orchRefs":null}}');
      expectRefused(await migrate(target, "export", "--to", "kubernetes"), "node node1: has no orchRef");
      expectRefused(await migrate(target, "export", "--to", "wibble"), '--to: "wibble" is no datastore');
    });
  });

  describe("an import", () => {
    it("takes calicoctl's own file, with the identity of nothing and the allocations of all", async () => {
      expect(await importInto(target, await readFile(CALICOCTL_EXPORT, "utf8"))).toMatchObject({ code: 0, stderr: "" });
      const found = await everything(target);
      expect(found).toMatchObject({
        [CLUSTER]: { spec: { clusterGUID: "a23672ce163845e988147090e7eacff0", datastoreReady: false } },
        "/calico/resources/v3/projectcalico.org/nodes/node1": { spec: { bgp: { ipv4Address: "192.168.50.11/24" } } },
        "/calico/ipam/v2/assignment/ipv4/block/10.244.166.128-26": { sequenceNumber: 1795227596581463302n },
        "/calico/ipam/v2/handle/ipip-tunnel-addr-node1": { block: { "10.244.166.128/26": 1 } },
      });
      expect(Object.keys(found)).toHaveLength(7);
      await migrate(target, "unlock");
      expect((await at(target)("ipam", "show", "--ip=10.244.166.128")).stdout).toContain("type: ipipTunnelAddress");
    });

    it("takes up where one broke off, and changes nothing once it is whole", async () => {
      const text = await exported(source);
      await withStore(target.endpoint, async (store) => {
        const cluster = await withStore(source.endpoint, (from) => from.get(CLUSTER));
        await store.put(CLUSTER, cluster?.value ?? "");
      });
      expect(await importInto(target, text)).toMatchObject({ code: 0 });
      const whole = await everything(target);
      expect(whole).toEqual(await everything(source));
      await withStore(target.endpoint, (store) => store.delete("/calico/ipam/v2/config"));
      expect(await importInto(target, text)).toMatchObject({ code: 0 });
      expect(await everything(target)).toEqual(whole);
    });

    it("takes the place of the cluster that a lock has made", async () => {
      await migrate(target, "lock");
      expect(await importInto(target, await exported(source))).toMatchObject({ code: 0 });
      expect(await everything(target)).toEqual(await everything(source));
    });

    it("is refused by a datastore that is in use, and leaves it as it is", async () => {
      const text = await exported(source);
      const refused = async (...parts: readonly string[]) => {
        const before = await everything(target);
        expectRefused(await importInto(target, text), ...parts);
        expect(await everything(target)).toEqual(before);
      };
      await withStore(target.endpoint, (store) => store.put("/calico/ipam/v2/handle/stranger", "{}"));
      await refused("/calico/ipam/v2/handle/stranger: the datastore to import into is not empty");
      await withStore(target.endpoint, (store) => store.delete("/calico/ipam/v2/handle/stranger"));
      await migrate(target, "lock");
      await migrate(target, "unlock");
      await refused("in use", "ocicat datastore migrate lock");
      await migrate(target, "lock");
      await withStore(target.endpoint, (store) => store.put("/calico/ipam/v2/config", '{"strict_affinity":true}'));
      await refused("/calico/ipam/v2/config: the datastore to import into is not empty");
    });

    it("reads a file as well as standard input", async () => {
      const file = join(directory, "export");
      await writeFile(file, await exported(source));
      expect(await migrate(target, "import", "-f", file)).toMatchObject({ code: 0 });
      expectRefused(await migrate(target, "import", "-f", join(directory, "nosuch")), "there is no such file");
      expectRefused(await migrate(target, "import"), "--filename");
    });

    const broken: readonly (readonly [what: string, change: (text: string) => string, part: string])[] = [
      ["is cut off", (text) => text.slice(0, text.indexOf("===\n") + 10), "does not have three parts"],
      ["is cut off within a part", (text) => text.slice(0, -20), "standard input, third part: is not JSON"],
      [
        "has a pool with a bad CIDR",
        (text) => text.replace("cidr: 10.99.0.0/", "cidr: 10.999.0.0/"),
        "spec.cidr: is not",
      ],
      [
        "has a kind that nobody knows",
        (text) => text.replace("kind: IPReservation\n", "kind: Wibble\n"),
        '"Wibble" is not a kind',
      ],
      [
        "has a name that is none",
        (text) => text.replace("name: tiny\n", "name: ti/ny\n"),
        "no resource of this kind can have this name",
      ],
      ["has one thing twice", (text) => text.replace("name: tiny\n", "name: default-ipv4-ippool\n"), "is in it twice"],
      [
        "has a block that is not its key's",
        (text) => text.replace('"cidr": "10.99.0.0/26"', '"cidr": "10.99.0.64/26"'),
        "does not belong to this key",
      ],
      [
        "has a handle among the blocks",
        (text) =>
          text.replace(
            '"Key": "/calico/ipam/v2/assignment/ipv4/block/10.99.0.0-26"',
            '"Key": "/calico/ipam/v2/handle/x"',
          ),
        "is not the key of an IPAM block",
      ],
      [
        "has a key of somebody else's",
        (text) =>
          text.replace(
            /"key": "\/calico\/resources\/v3\/projectcalico.org\/workloadendpoints[^"]*"/,
            '"key": "/other"',
          ),
        '"/other" is not below /calico/',
      ],
      [
        "has no cluster",
        (text) => text.replace(/===\n\{[\s\S]*?\n\}\n===/, "===\n[]\n==="),
        "second part: is not a ClusterInformation",
      ],
    ];
    it.each(broken)("is refused whole if the file %s", async (_what, change, part) => {
      const text = await exported(source);
      const bad = change(text);
      expect(bad).not.toBe(text);
      expectRefused(await importInto(target, bad), part);
      expect(await everything(target)).toEqual({});
    });
  });
});
