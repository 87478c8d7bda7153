import { readdirSync, readFileSync } from "node:fs";
import { parseJson, stringifyJson } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import {
  type AnyResource,
  asCreated,
  checkResource,
  decodeStored,
  encodeStored,
  findKind,
  formatTable,
  kindNamed,
  knownKind,
  parseResourceKey,
  printableResource,
  readDocument,
  resourceKey,
  resourceTable,
  type StoredResource,
  ValidationError,
} from "../src/index.ts";

const golden = new URL("golden/", import.meta.url);
const text = (path: string) => readFileSync(new URL(path, golden), "utf8");

const stored: readonly StoredResource[] = text("etcd-dump.jsonl")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as { key: string; value: string })
  .map((row) => ({ ...row, modRevision: 7n }));

const ours = stored.flatMap((row) => {
  const found = parseResourceKey(row.key);
  return found === undefined ? [] : [{ ...row, ...found }];
});

function decode(row: StoredResource & { readonly kind: string }): AnyResource {
  return decodeStored(knownKind(row.kind), row);
}

function resourcesOf(word: string): readonly AnyResource[] {
  const kind = findKind(word);
  return ours.filter((row) => row.kind === kind?.kind).map(decode);
}

function documents(file: string): readonly unknown[] {
  return parseAllDocuments(text(`in/${file}`)).map((document): unknown => document.toJS());
}

function isOfKnownKind(document: unknown): boolean {
  return (
    typeof document === "object" &&
    document !== null &&
    "kind" in document &&
    kindNamed(String(document.kind)) !== undefined
  );
}

describe("what a real Calico stored", () => {
  it("holds resources of every kind that is stored as a resource, and of the IPAM views", () => {
    expect(new Set(ours.map((row) => row.kind))).toEqual(
      new Set([
        "BGPConfiguration",
        "BGPFilter",
        "BGPPeer",
        "BlockAffinity",
        "ClusterInformation",
        "FelixConfiguration",
        "GlobalNetworkPolicy",
        "GlobalNetworkSet",
        "HostEndpoint",
        "IPAMConfiguration",
        "IPPool",
        "IPReservation",
        "NetworkPolicy",
        "NetworkSet",
        "Node",
        "Profile",
        "Tier",
        "WorkloadEndpoint",
      ]),
    );
  });

  const writable = ours.filter((row) => row.kind !== "BlockAffinity");
  it.each(writable.map((row) => [row.key, row] as const))("%s comes back as the same bytes", (_key, row) => {
    expect(encodeStored(decode(row))).toBe(row.value);
  });

  it.each(writable.map((row) => [row.key, row] as const))("%s has the key that its name says", (_key, row) => {
    const { kind, metadata } = decode(row);
    expect(resourceKey(kind, metadata.name, metadata.namespace)).toBe(row.key);
  });

  it.each(writable.map((row) => [row.key, row] as const))("%s would be accepted from a person", (_key, row) => {
    const document = printableResource(decode(row));
    expect(printableResource(readDocument(document))).toEqual(document);
  });
});

describe("good input", () => {
  const files = readdirSync(new URL("in/", golden)).sort();
  const good = files
    .flatMap((file) => documents(file).map((document) => ({ file, document })))
    .filter(({ document }) => isOfKnownKind(document))
    .flatMap(({ file, document }) => {
      const { kind, metadata } = document as { kind: string; metadata: { name: string; namespace?: string } };
      const row = ours.find((candidate) => candidate.kind === kind && candidate.name === metadata.name);
      return row === undefined ? [] : [{ title: `${kind} ${metadata.name} of ${file}`, document, row }];
    });

  it("is there for each kind that the files hold", () => {
    expect(good.map(({ title }) => title)).toEqual([
      "BGPConfiguration default of bgp.yaml",
      "BGPPeer rack-tor of bgp.yaml",
      "BGPPeer node2-peer of bgp.yaml",
      "BGPFilter f1 of bgp.yaml",
      "FelixConfiguration default of bgp.yaml",
      "FelixConfiguration node.node1 of bgp.yaml",
      "IPReservation resv of bgp.yaml",
      "HostEndpoint node1-eth0 of bgp.yaml",
      "IPPool default-ipv4-ippool of ippool.yaml",
      "NetworkPolicy allow-web of netpol.yaml",
      "GlobalNetworkPolicy deny-metadata of netpol.yaml",
      "Tier security of netpol.yaml",
      "GlobalNetworkPolicy security.block-bad of netpol.yaml",
      "GlobalNetworkSet bad-nets of netpol.yaml",
      "NetworkSet ns-set of netpol.yaml",
      "Profile kns.default of netpol.yaml",
      "Node node1 of node1.yaml",
      "Node node2 of node2.yaml",
      "Node node3 of node3.yaml",
      "IPPool tiny of tiny-pool.yaml",
    ]);
  });

  it.each(good.map((entry) => [entry.title, entry] as const))("%s is stored as Calico stored it", (_title, entry) => {
    const { uid = "", creationTimestamp = "" } = decode(entry.row).metadata;
    const resource = asCreated(readDocument(entry.document), { uid, now: Date.parse(creationTimestamp) });
    expect(encodeStored(resource)).toBe(entry.row.value);
  });
});

describe("bad input", () => {
  const pools = resourcesOf("ippool");
  const cases: Readonly<Record<string, { field: string; value: unknown; rule: string; column?: number }>> = {
    "badact.yaml": { field: "spec.ingress[0].action", value: "Permit", rule: "choice" },
    "badport.yaml": { field: "spec.ingress[0].destination.ports", value: [80], rule: "ports-protocol" },
    "badsel.yaml": { field: "spec.selector", value: 'app = "x"', rule: "selector", column: 5 },
    "bad-cidr.yaml": { field: "spec.cidr", value: "10.300.0.0/16", rule: "cidr" },
    "badbs.yaml": { field: "spec.blockSize", value: 19, rule: "block-size" },
    "badname.yaml": { field: "metadata.name", value: "Bad_Name", rule: "name" },
    "bothenc.yaml": { field: "spec.vxlanMode", value: "Always", rule: "one-encapsulation" },
    "hostbits.yaml": { field: "spec.cidr", value: "10.98.1.5/16", rule: "host-bits" },
    "overlap.yaml": { field: "spec.cidr", value: "10.244.128.0/20", rule: "overlap" },
    "small.yaml": { field: "spec.cidr", value: "10.98.0.0/27", rule: "pool-size" },
    "unkfield.yaml": { field: "spec.wibble", value: 3, rule: "unknown-field" },
    "unkkind.yaml": { field: "kind", value: "Wibble", rule: "kind" },
    "unkver.yaml": { field: "apiVersion", value: "projectcalico.org/v9", rule: "api-version" },
  };

  it.each(Object.entries(cases))("%s is refused, with field, value and rule", (file, expected) => {
    const error = refusal(() => {
      for (const document of documents(file)) {
        checkResource(readDocument(document, { position: { file } }), { others: pools }, { file });
      }
    });
    expect(error.problems).toEqual([{ ...expected, message: expect.any(String) }]);
    expect(error.message).toContain(file);
    expect(error.message).toContain(expected.field);
    expect(error.message).toContain(stringifyJson(expected.value));
  });

  function refusal(action: () => void): ValidationError {
    try {
      action();
    } catch (error) {
      if (error instanceof ValidationError) return error;
      throw error;
    }
    throw new Error("it was accepted");
  }
});

describe("tables", () => {
  const cases: readonly (readonly [
    file: string,
    word: string,
    options: { wide?: boolean; showNamespace?: boolean },
  ])[] = [
    ["016-get-ippool", "ippool", {}],
    ["022-get-ippool-ps", "ippool", {}],
    ["026-get-node-wide", "node", { wide: true }],
    ["028-get-wep-A", "workloadendpoints", { showNamespace: true }],
    ["032-get-wep-n", "wep", { showNamespace: true }],
    ["046-get-bgppeer-wide", "bgppeer", { wide: true }],
    ["048-get-bgpconfig-wide", "bgpconfig", { wide: true }],
    ["052-get-felixconfig-wide", "felixconfig", { wide: true }],
    ["054-get-netpol-A", "networkpolicy", { showNamespace: true }],
    ["058-get-gnp-wide", "gnp", { wide: true }],
    ["060-get-gns", "globalnetworkset", {}],
    ["062-get-netset", "networkset", { showNamespace: true }],
    ["068-get-hep", "hep", {}],
    ["070-get-ipreservation", "ipreservation", {}],
  ];

  it.each(cases)("%s", (file, word, options) => {
    const kind = findKind(word);
    if (kind === undefined) throw new Error(`no kind ${word}`);
    expect(`${formatTable(resourceTable(kind, resourcesOf(word), options))}\n`).toBe(text(`calicoctl/${file}.out`));
  });

  it("of filters, where calicoctl fails", () => {
    expect(resourceTable(knownKind("BGPFilter"), resourcesOf("bgpfilter"))).toEqual({
      headings: ["NAME", "NUMEXPORTV4", "NUMIMPORTV4", "NUMEXPORTV6", "NUMIMPORTV6"],
      rows: [["f1", "1", "1", "0", "0"]],
    });
  });

  it("020-get-ippool-name", () => {
    const kind = knownKind("IPPool");
    const named = resourcesOf("ippool").filter(({ metadata }) => metadata.name === "default-ipv4-ippool");
    expect(`${formatTable(resourceTable(kind, named))}\n`).toBe(text("calicoctl/020-get-ippool-name.out"));
  });
});

describe("-o yaml", () => {
  it.each([
    ["018-get-ippool-yaml", "ippool"],
    ["030-get-wep-A-yaml", "wep"],
    ["074-get-clusterinfo-yaml", "clusterinfo"],
  ])("%s shows what printableResource says, revisions aside", (file, word) => {
    const list = parse(text(`calicoctl/${file}.out`)) as { items: { metadata: object }[] };
    const shown = resourcesOf(word).map(printableResource);
    const withoutRevision = (item: { metadata?: unknown }) => ({
      ...item,
      metadata: { ...(item.metadata as object), resourceVersion: undefined },
    });
    expect(shown.map(withoutRevision)).toEqual(list.items.map(withoutRevision));
  });

  it("has the revision of the store", () => {
    expect(resourcesOf("clusterinfo").map(({ metadata }) => metadata.resourceVersion)).toEqual(["7"]);
  });
});

describe("exactness", () => {
  it("keeps fields that a newer writer put in, at every depth, and 64-bit integers in them", () => {
    const row = ours.find((candidate) => candidate.name === "tiny");
    if (row === undefined) throw new Error("no pool tiny");
    const value = row.value
      .replace('"spec":{', '"spec":{"shade":{"of":[1795227597070457866,{"deep":-9007199254740993}]},')
      .replace('"metadata":{', '"metadata":{"clusterName":"c",')
      .replace(/\}$/, ',"epilogue":null}');
    const written = encodeStored(decode({ ...row, value }));
    expect(parseJson(written)).toEqual(parseJson(value));
    expect(written).toContain("1795227597070457866");
    expect(written).toContain("-9007199254740993");
    expect(encodeStored(decode({ ...row, value: written }))).toBe(written);
  });
});
