import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  API_VERSION,
  asCreated,
  asUpdated,
  decodeStored,
  encodeStored,
  knownKind,
  printableResource,
  readDocument,
  resourceKey,
  ValidationError,
} from "../../src/index.ts";

/** Fields with values of the right form and of others: most policies are refused for what does not fit together. */
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const oneOf = (...values: readonly unknown[]) => optional(fc.constantFrom(...values));
const listOf = (...values: readonly unknown[]) => optional(fc.array(fc.constantFrom(...values), { maxLength: 3 }));
const selector = oneOf("all()", "a == 'b'", "!has(x) || c in {'d'}", "global()", "a = b", "");

const end = fc.record({
  nets: listOf("10.0.0.0/8", "fd00::/8", "0.0.0.0/0", "10.0.0.1"),
  notNets: listOf("10.1.0.0/16", "FD00:1::/32"),
  selector,
  notSelector: selector,
  namespaceSelector: selector,
  ports: listOf(80, "443", "1:2", "2:1", "http", 0),
  notPorts: listOf(80, "a-b"),
  services: oneOf({ name: "s" }, { name: "s", namespace: "n" }, {}),
  serviceAccounts: oneOf({ names: ["a"] }, { selector: "has(a)" }, {}),
});

const icmp = oneOf({ type: 8 }, { type: 3, code: 1 }, { code: 1 }, {});

const rule = fc.record({
  action: fc.constantFrom("Allow", "Deny", "Log", "Pass"),
  ipVersion: oneOf(4, 6),
  protocol: oneOf("TCP", "tcp", 17, "132", "ICMP", "ICMPv6", "any", 0),
  notProtocol: oneOf("UDPLite", 58),
  icmp,
  notICMP: icmp,
  source: optional(end),
  destination: optional(end),
  http: oneOf({ methods: ["GET"] }, { paths: [{ exact: "/a" }] }, { paths: [{}] }, {}),
  metadata: oneOf({ annotations: { b: "1", a: "2" } }, {}),
});

const rules = optional(fc.array(rule, { maxLength: 2 }));

const spec = fc.record({
  tier: oneOf("default", "a"),
  order: oneOf(0, 1, 0.5, 1e6, -3),
  ingress: rules,
  egress: rules,
  selector,
  types: listOf("Ingress", "Egress"),
  performanceHints: listOf("AssumeNeededOnEveryNode"),
});

const KINDS = ["NetworkPolicy", "GlobalNetworkPolicy", "StagedNetworkPolicy", "StagedGlobalNetworkPolicy"];
const document = fc.record({
  apiVersion: fc.constant(API_VERSION),
  kind: fc.constantFrom(...KINDS),
  metadata: fc.record({ name: fc.constantFrom("p", "t.p", "default.p") }),
  spec,
});

/** Few of what is drawn fits together: enough that does, in two seconds. */
const RUNS = 4_000;

describe("a policy", () => {
  it("is refused with its problems, or stored, read and shown without a loss, however it is put together", () => {
    let accepted = 0;
    const property = fc.property(document, (drawn) => {
      const written: unknown = JSON.parse(JSON.stringify(drawn));
      const { kind } = drawn;
      const namespace = knownKind(kind).namespaced ? "default" : undefined;
      try {
        const created = asCreated(readDocument(written, { namespace: "default" }), { uid: "u", now: 0 });
        const key = resourceKey(kind, created.metadata.name, namespace);
        const value = encodeStored(created);
        const read = decodeStored(knownKind(kind), { key, value, modRevision: 1n });
        expect(encodeStored(read)).toBe(value);
        expect(encodeStored(asUpdated(readDocument(printableResource(read)), read))).toBe(value);
        accepted++;
      } catch (error) {
        if (!(error instanceof ValidationError)) throw error;
        expect(error.problems).not.toEqual([]);
      }
    });
    fc.assert(property, { numRuns: RUNS, seed: 20_261_121 });
    expect(accepted).toBeGreaterThan(RUNS / 20);
  });
});
