import { type AnyResource, type Kind, kindNamed } from "@ocicat/api";
import { describe, expect, it } from "vitest";
import { judge } from "../../src/takeover/judge.ts";

function resource(kind: string, name: string, spec: object): readonly [Kind, readonly AnyResource[]] {
  const known = kindNamed(kind);
  const reading = known?.read({ apiVersion: "projectcalico.org/v3", kind, metadata: { name }, spec }, "tolerant");
  if (known === undefined || reading?.ok !== true) throw new Error(`${kind} ${name} cannot be read`);
  return [known, [reading.value]];
}

const none = new Map<string, string>();

describe("what becomes of what Calico has stored", () => {
  it("pools, policies and peers are kept", () => {
    const pool = resource("IPPool", "a", { cidr: "10.0.0.0/16", ipipMode: "Always", natOutgoing: true });
    expect(judge([pool], none)).toEqual({ kept: new Map([["IPPool", 1]]), findings: [] });
  });

  it.each([
    ["FelixConfiguration", { bpfEnabled: true }, "bpfEnabled"],
    ["FelixConfiguration", { wireguardEnabled: true }, "wireguardEnabled"],
    ["FelixConfiguration", { wireguardEnabledV6: true }, "wireguardEnabledV6"],
    ["FelixConfiguration", { iptablesBackend: "Legacy" }, "iptablesBackend"],
    ["ClusterInformation", { datastoreReady: false }, "datastoreReady"],
  ])("%s %j is refused, once, with what to do", (kind, spec, field) => {
    const { findings, kept } = judge([resource(kind, "default", spec)], none);
    expect(findings.filter(({ verdict }) => verdict === "refused")).toMatchObject([
      { what: `${kind} default: ${field}` },
    ]);
    expect(findings.filter(({ what }) => what.includes(field))).toHaveLength(1);
    expect(findings[0]?.fix).toBeTruthy();
    expect(kept.size).toBe(0);
  });

  it("what it asks for and does not have to be is kept: false is no demand", () => {
    const spec = { bpfEnabled: false, wireguardEnabled: false, iptablesBackend: "NFT" };
    const { findings } = judge([resource("FelixConfiguration", "default", spec)], none);
    expect(findings.filter(({ verdict }) => verdict === "refused")).toEqual([]);
  });

  it("settings without effect are named, those of one matter together", () => {
    const { findings } = judge([resource("FelixConfiguration", "default", { bpfLogLevel: "Debug" })], none);
    expect(findings).toMatchObject([{ verdict: "changed", what: "FelixConfiguration default: bpfLogLevel" }]);
  });

  it("what cannot be read is refused, and comes first", () => {
    const unreadable = new Map([["/calico/resources/v3/projectcalico.org/tiers/a", "it is no JSON"]]);
    const { findings } = judge([resource("FelixConfiguration", "default", { bpfLogLevel: "Debug" })], unreadable);
    expect(findings.map(({ verdict }) => verdict)).toEqual(["refused", "changed"]);
  });
});
