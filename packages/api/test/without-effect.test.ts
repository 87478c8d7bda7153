import { describe, expect, it } from "vitest";
import { readDocument, storedWithoutEffect } from "../src/index.ts";

function document(kind: string, spec: object) {
  return readDocument({ apiVersion: "projectcalico.org/v3", kind, metadata: { name: "default" }, spec });
}

describe("what a resource sets that changes nothing yet", () => {
  it("is a pool's encapsulation", () => {
    expect(storedWithoutEffect(document("IPPool", { cidr: "10.1.0.0/16", ipipMode: "CrossSubnet" }))).toEqual([
      { field: "spec.ipipMode", value: "CrossSubnet", section: "encapsulation" },
    ]);
  });

  it("is what BGP does not do", () => {
    const spec = { asNumber: 64513, bindMode: "NodeIP", serviceClusterIPs: [{ cidr: "10.96.0.0/12" }] };
    expect(storedWithoutEffect(document("BGPConfiguration", spec)).map(({ field }) => field)).toEqual([
      "spec.serviceClusterIPs",
      "spec.bindMode",
    ]);
  });

  it("is found in a FelixConfiguration by its own table", () => {
    const fields = storedWithoutEffect(document("FelixConfiguration", { bpfEnabled: true, healthEnabled: true }));
    expect(fields.map(({ field }) => field)).toEqual(["spec.bpfEnabled"]);
  });

  it("is nothing where defaults stand", () => {
    expect(storedWithoutEffect(document("IPPool", { cidr: "10.1.0.0/16" }))).toEqual([]);
    expect(storedWithoutEffect(document("BGPConfiguration", {}))).toEqual([]);
  });
});
