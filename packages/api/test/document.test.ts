import { seededRandom } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import {
  API_VERSION,
  asCreated,
  asUpdated,
  decodeStored,
  encodeStored,
  formatTimestamp,
  ippool,
  printableResource,
  randomUid,
  readDocument,
  ValidationError,
} from "../src/index.ts";
import { apply, refusals } from "./support.ts";

const pool = { apiVersion: API_VERSION, kind: "IPPool", metadata: { name: "p" }, spec: { cidr: "10.0.0.0/16" } };
const endpoint = {
  apiVersion: API_VERSION,
  kind: "WorkloadEndpoint",
  metadata: { name: "n-k8s-p-eth0" },
  spec: { orchestrator: "k8s", node: "n", pod: "p", endpoint: "eth0" },
};

describe("a document", () => {
  it.each<readonly [string, unknown, readonly (readonly [string, unknown, string])[]]>([
    ["that is empty", undefined, [["", undefined, "empty"]]],
    ["that is null", null, [["", undefined, "empty"]]],
    ["that is a list", [pool], [["", [pool], "type"]]],
    ["that is a word", "IPPool", [["", "IPPool", "type"]]],
    [
      "without version and kind",
      {},
      [
        ["apiVersion", undefined, "api-version"],
        ["kind", undefined, "kind"],
      ],
    ],
    ["of another kind", { ...pool, kind: "Wibble" }, [["kind", "Wibble", "kind"]]],
    ["of another version", { ...pool, apiVersion: "v1" }, [["apiVersion", "v1", "api-version"]]],
    ["without metadata", { ...pool, metadata: undefined }, [["metadata", undefined, "required"]]],
    ["without a name", { ...pool, metadata: {} }, [["metadata.name", undefined, "required"]]],
    ["without a spec", { ...pool, spec: undefined }, [["spec.cidr", undefined, "required"]]],
    ["with a field beside the spec", { ...pool, specs: 1 }, [["specs", 1, "unknown-field"]]],
    [
      "with an unknown field in metadata",
      { ...pool, metadata: { name: "p", nme: 1 } },
      [["metadata.nme", 1, "unknown-field"]],
    ],
    [
      "with a generated name",
      { ...pool, metadata: { name: "p", generateName: "x-" } },
      [["metadata.generateName", "x-", "generate-name"]],
    ],
    [
      "with a namespace that does not belong",
      { ...pool, metadata: { name: "p", namespace: "d" } },
      [["metadata.namespace", "d", "namespace"]],
    ],
    [
      "with a creation time that is none",
      { ...pool, metadata: { name: "p", creationTimestamp: "today" } },
      [["metadata.creationTimestamp", "today", "timestamp"]],
    ],
    [
      "with labels that are none",
      { ...pool, metadata: { name: "p", labels: { "a b": "x", c: "-" } } },
      [
        ["metadata.labels", "a b", "label-key"],
        ['metadata.labels["c"]', "-", "label-value"],
      ],
    ],
    [
      "with an annotation that is none",
      { ...pool, metadata: { name: "p", annotations: { "/": "x" } } },
      [["metadata.annotations", "/", "label-key"]],
    ],
    [
      "with several mistakes",
      { ...pool, spec: { cidr: "x", blockSize: "y", z: 1 } },
      [
        ["spec.cidr", "x", "cidr"],
        ["spec.blockSize", "y", "type"],
        ["spec.z", 1, "unknown-field"],
      ],
    ],
  ])("%s is refused", (_why, document, expected) => {
    expect(refusals(() => readDocument(document))).toEqual(expected);
  });

  it("is refused with file, document and line, the resource, and every problem in one line", () => {
    const document = { ...pool, spec: { cidr: "10.0.0.1/16", blockSize: 33.5 } };
    const position = { file: "a.yaml", document: 2, line: 7 };
    expect(() => readDocument(document, { position })).toThrow(
      'a.yaml, document 2, line 7, IPPool p: spec.cidr: "10.0.0.1/16" has bits set beyond its length; ' +
        "the network is 10.0.0.0/16 [host-bits]; spec.blockSize: 33.5 is not an integer",
    );
  });

  it("says which kind and version were meant", () => {
    expect(() => readDocument({ ...pool, apiVersion: undefined })).toThrow(
      /apiVersion: is missing; write projectcalico.org\/v3 \[api-version\]$/,
    );
    expect(() => readDocument({ ...pool, apiVersion: "v1" })).toThrow(
      /apiVersion: "v1" is not projectcalico.org\/v3 \[api-version\]$/,
    );
    expect(() => readDocument({ ...pool, kind: undefined })).toThrow(/kind: is missing; write one of /);
    expect(() => readDocument({ ...pool, kind: "ippool" })).toThrow(/write IPPool \[kind\]$/);
    expect(() => readDocument({ ...pool, kind: "Wibble" })).toThrow(/write one of BGPConfiguration, /);
  });

  it("gets its position from the caller afterwards, too", () => {
    const error = new ValidationError("IPPool p", [{ field: "spec", value: 1n, rule: "r", message: "is wrong" }]);
    expect(error.message).toBe("IPPool p: spec: 1 is wrong [r]");
    expect(error.at({ file: "f" }).message).toBe("f, IPPool p: spec: 1 is wrong [r]");
    expect(error.at({ file: "f", line: 1 }, () => ({ line: 9, column: 3 })).message).toBe(
      "f, line 9, column 3, IPPool p: spec: 1 is wrong [r]",
    );
    expect(error.code).toBe("RESOURCE_INVALID");
  });

  it("says the line of each of several problems", () => {
    const problem = { value: 1, rule: "r", message: "m" };
    const error = new ValidationError("p", [
      { ...problem, field: "a" },
      { ...problem, field: "b" },
    ]);
    const at = error.at({ file: "f", line: 1 }, (field) => ({ line: field === "a" ? 3 : 7, column: 5 }));
    expect(at.message).toBe("f, line 3, column 5, p: a: 1 m [r]; line 7, column 5, b: 1 m [r]");
  });

  it("shortens a long value", () => {
    const error = new ValidationError("", [{ field: "f", value: "x".repeat(1000), rule: "r", message: "m" }]);
    expect(error.message.length).toBeLessThan(100);
  });

  it("of a namespaced kind takes the namespace that the caller has for those that name none", () => {
    expect(readDocument(endpoint, { namespace: "default" }).metadata.namespace).toBe("default");
    const own = { ...endpoint, metadata: { ...endpoint.metadata, namespace: "own" } };
    expect(readDocument(own, { namespace: "default" }).metadata.namespace).toBe("own");
    expect(readDocument(pool, { namespace: "default" }).metadata.namespace).toBeUndefined();
  });

  it("taken from Kubernetes may carry what Kubernetes puts into metadata", () => {
    const metadata = {
      name: "p",
      generation: 2,
      managedFields: [{ manager: "m" }],
      finalizers: ["f"],
      creationTimestamp: null,
    };
    expect(readDocument({ ...pool, metadata }).metadata.name).toBe("p");
  });
});

describe("storing", () => {
  const key = "/calico/resources/v3/projectcalico.org/ippools/p";
  const birth = { uid: "u", now: Date.UTC(2026, 10, 21, 2, 19, 55, 999) };

  it("gives a new resource its identity, once", () => {
    const document = {
      ...pool,
      metadata: { name: "p", uid: "mine", creationTimestamp: "2000-01-01T00:00:00Z", resourceVersion: "5" },
    };
    const created = asCreated(readDocument(document), birth);
    expect(created.metadata).toEqual({ name: "p", uid: "u", creationTimestamp: "2026-11-21T02:19:55Z" });
    const updated = asUpdated(readDocument(document), created);
    expect(updated.metadata).toEqual({
      name: "p",
      uid: "u",
      creationTimestamp: "2026-11-21T02:19:55Z",
      resourceVersion: "5",
    });
  });

  it("never stores the revision, and reads it from the store", () => {
    const created = asCreated(apply("IPPool", "p", pool.spec), birth);
    const value = encodeStored({ ...created, metadata: { ...created.metadata, resourceVersion: "5" } });
    expect(value).not.toContain("resourceVersion");
    const read = decodeStored(ippool, {
      key,
      value: value.replace('"uid"', '"resourceVersion":"1","uid"'),
      modRevision: 2n ** 60n,
    });
    expect(read.metadata.resourceVersion).toBe("1152921504606846976");
    expect(printableResource(read)).toMatchObject({ metadata: { resourceVersion: "1152921504606846976" } });
  });

  it("writes as Go does what HTML could take for markup", () => {
    const resource = apply("IPPool", "p", pool.spec);
    const value = encodeStored({ ...resource, metadata: { name: "p", annotations: { a: "<&>\u2028" } } });
    expect(value).toContain('"a":"\\u003c\\u0026\\u003e\\u2028"');
  });

  it("does not say what Go would not: false, empty text and empty lists", () => {
    const value = encodeStored(apply("IPPool", "p", { ...pool.spec, natOutgoing: false, namespaceSelector: "" }));
    expect(value).not.toMatch(/natOutgoing|disabled|namespaceSelector/);
  });

  it.each([
    ["not JSON", "{", "STORED_JSON_INVALID"],
    ["not an object", "[]", "RESOURCE_INVALID"],
    ["of another kind", JSON.stringify({ ...pool, kind: "Node" }), "RESOURCE_INVALID"],
    ["of the wrong types", JSON.stringify({ ...pool, spec: { cidr: 1 } }), "RESOURCE_INVALID"],
    ["a CIDR with host bits", JSON.stringify({ ...pool, spec: { cidr: "10.0.0.1/8" } }), "RESOURCE_INVALID"],
  ])("refuses a stored value that is %s, by its key", (_why, value, code) => {
    expect(() => decodeStored(ippool, { key, value, modRevision: 1n })).toThrow(
      expect.objectContaining({ code, where: key }),
    );
  });

  it("reads what people would be refused for, where nothing hangs on it", () => {
    const value = JSON.stringify({
      ...pool,
      metadata: { name: "p", labels: { "a b": "-" } },
      spec: { cidr: "10.0.0.0/16", blockSize: 19 },
    });
    expect(decodeStored(ippool, { key, value, modRevision: 1n }).spec.blockSize).toBe(19);
  });

  it("does not take one kind's resource or key for another's", () => {
    expect(() => decodeStored(ippool, { key: "/calico/x", value: "{}", modRevision: 1n })).toThrow(TypeError);
    expect(() => ippool.check(readDocument(endpoint, { namespace: "d" }))).toThrow(TypeError);
  });
});

it("a uid is a version 4 UUID, another one each time", () => {
  const random = seededRandom(1);
  const uids = Array.from({ length: 200 }, () => randomUid(random));
  expect(new Set(uids).size).toBe(200);
  for (const uid of uids) expect(uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(uids.map((uid) => uid.charAt(19))).size).toBe(4);
});

it("a time is in whole seconds of UTC", () => {
  expect(formatTimestamp(999)).toBe("1970-01-01T00:00:00Z");
});
