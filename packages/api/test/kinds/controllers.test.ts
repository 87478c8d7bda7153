import { describe, expect, it } from "vitest";
import { calicoNodeStatus, decodeStored, encodeStored, knownKind, resourceTable } from "../../src/index.ts";
import { apply, refusals } from "../support.ts";

describe("KubeControllersConfiguration", () => {
  const configuration = (spec: object, name = "default") => apply("KubeControllersConfiguration", name, spec);

  it("has its controllers and a status, if only empty ones", () => {
    expect(encodeStored(configuration({}))).toBe(
      '{"kind":"KubeControllersConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"controllers":{}},"status":{}}',
    );
  });

  it("keeps a port of 0, which turns metrics off, and writes durations as Go does", () => {
    const spec = { prometheusMetricsPort: 0, controllers: { node: { leakGracePeriod: "15m" } } };
    expect(configuration(spec).spec).toEqual({
      prometheusMetricsPort: 0,
      controllers: { node: { leakGracePeriod: "15m0s" } },
    });
  });

  const hostEndpoint = (template: object) => ({ controllers: { node: { hostEndpoint: { templates: [template] } } } });
  const at = "spec.controllers.node.hostEndpoint.templates[0]";
  it.each<readonly [string, object, readonly [string, unknown, string]]>([
    ["a template for no interface", hostEndpoint({ generateName: "x" }), [at, { generateName: "x" }, "template"]],
    ["a pattern that is none", hostEndpoint({ interfacePattern: "(" }), [`${at}.interfacePattern`, "(", "regex"]],
    ["a controller that there is not", { controllers: { pods: {} } }, ["spec.controllers.pods", {}, "unknown-field"]],
    ["a mode that is none", { healthChecks: "On" }, ["spec.healthChecks", "On", "choice"]],
  ])("is refused for %s", (_why, spec, refusal) => {
    expect(refusals(() => configuration(spec))).toEqual([refusal]);
  });

  it("is called default", () => {
    expect(refusals(() => configuration({}, "other"))).toEqual([["metadata.name", "other", "configuration-name"]]);
  });

  it("says what of it has no effect, at any depth", () => {
    const resource = configuration({
      debugProfilePort: 6060,
      controllers: { policyMigration: { enabled: "Disabled" } },
    });
    expect(knownKind(resource.kind).withoutEffect(resource)).toEqual([
      { field: "spec.debugProfilePort", value: 6060, section: "the controllers' process" },
      {
        field: "spec.controllers.policyMigration",
        value: { enabled: "Disabled" },
        section: "names of policies",
      },
    ]);
  });
});

describe("CalicoNodeStatus", () => {
  const status = (spec: object) => apply("CalicoNodeStatus", "s", spec);
  const spec = { node: "node1", classes: ["BGP", "Agent"], updatePeriodSeconds: 0 };
  // As Go writes a struct of structs, none of them behind a pointer.
  const value =
    '{"kind":"CalicoNodeStatus","apiVersion":"projectcalico.org/v3","metadata":{"name":"s"},' +
    '"spec":{"node":"node1","classes":["BGP","Agent"],"updatePeriodSeconds":0},' +
    '"status":{"lastUpdated":null,"agent":{"birdV4":{},"birdV6":{}},' +
    '"bgp":{"numberEstablishedV4":0,"numberNotEstablishedV4":0,"numberEstablishedV6":0,"numberNotEstablishedV6":0},' +
    '"routes":{}}}';

  it("has a report from the beginning, that says nothing yet", () => {
    expect(encodeStored(status(spec))).toBe(value);
  });

  it("keeps what a node reported", () => {
    const reported = value
      .replace('"lastUpdated":null', '"lastUpdated":"2026-11-21T02:19:55Z"')
      .replace('"birdV4":{}', '"birdV4":{"state":"Ready","version":"v0.3.3","routerID":"10.0.0.1"}')
      .replace(
        '"routes":{}',
        '"routes":{"routesV4":[{"type":"FIB","destination":"10.244.0.0/26","learnedFrom":{"sourceType":"Direct"}}]}',
      );
    const key = "/calico/resources/v3/projectcalico.org/caliconodestatuses/s";
    expect(encodeStored(decodeStored(calicoNodeStatus, { key, value: reported, modRevision: 1n }))).toBe(reported);
  });

  it.each<readonly [string, object, readonly [string, unknown, string]]>([
    ["no node", { node: undefined }, ["spec.node", undefined, "required"]],
    ["nothing to report", { classes: [] }, ["spec.classes", [], "required"]],
    ["a class twice", { classes: ["BGP", "BGP"] }, ["spec.classes[1]", "BGP", "duplicate"]],
    ["more than a day", { updatePeriodSeconds: 86_401 }, ["spec.updatePeriodSeconds", 86_401, "range"]],
  ])("is refused for %s", (_why, changed, refusal) => {
    expect(refusals(() => status({ ...spec, ...changed }))).toEqual([refusal]);
  });

  it("has all its effects, and shows its classes", () => {
    expect(calicoNodeStatus.withoutEffect(status(spec))).toEqual([]);
    expect(resourceTable(calicoNodeStatus, [status(spec)], { wide: true }).rows).toEqual([["s", "node1", "BGP,Agent"]]);
  });
});
