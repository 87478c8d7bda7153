import { describe, expect, it } from "vitest";
import { type AnyResource, knownKind, readDocument } from "../src/index.ts";

function document(kind: string, spec: object) {
  return readDocument({ apiVersion: "projectcalico.org/v3", kind, metadata: { name: "default" }, spec });
}

const withoutEffect = (resource: AnyResource) => knownKind(resource.kind).withoutEffect(resource);

describe("what a resource sets that changes nothing yet", () => {
  it("is what BGP does not do", () => {
    const spec = { asNumber: 64513, programClusterRoutes: "Disabled", bindMode: "NodeIP" };
    expect(withoutEffect(document("BGPConfiguration", spec)).map(({ field }) => field)).toEqual([
      "spec.programClusterRoutes",
    ]);
  });

  it("is found in a FelixConfiguration by its own table", () => {
    const fields = withoutEffect(document("FelixConfiguration", { bpfEnabled: true, healthEnabled: true }));
    expect(fields.map(({ field }) => field)).toEqual(["spec.bpfEnabled"]);
  });

  it("is nothing where defaults stand", () => {
    expect(withoutEffect(document("IPPool", { cidr: "10.1.0.0/16" }))).toEqual([]);
    expect(withoutEffect(document("BGPConfiguration", {}))).toEqual([]);
  });
});
