import { describe, expect, it } from "vitest";
import { controllersOptionsFrom } from "../src/options.ts";
import { Settings } from "../src/settings.ts";

const from = (env: Readonly<Record<string, string>>) => controllersOptionsFrom(env, "host", 1);

function configured(spec: object, env: Readonly<Record<string, string>> = {}): Settings {
  const settings = new Settings(from(env).overrides);
  const value = JSON.stringify({
    kind: "KubeControllersConfiguration",
    apiVersion: "projectcalico.org/v3",
    metadata: { name: "default" },
    spec,
  });
  const key = "/calico/resources/v3/projectcalico.org/kubecontrollersconfigurations/default";
  settings.put({ key, value, modRevision: 1n, createRevision: 1n, version: 1n, lease: 0n });
  return settings;
}

describe("the controllers' variables", () => {
  it("name which of them run; all do unless told", () => {
    expect(from({}).enabled.size).toBe(6);
    expect([...from({ ENABLED_CONTROLLERS: "node, LoadBalancer" }).enabled]).toEqual(["node", "loadbalancer"]);
    expect(() => from({ ENABLED_CONTROLLERS: "node,flannelmigration" })).toThrow(/no controller "flannelmigration"/);
  });

  it("go before the configuration, in kube-controllers' words", () => {
    const spec = { controllers: { node: { syncLabels: "Enabled", hostEndpoint: { autoCreate: "Disabled" } } } };
    const env = { AUTO_HOST_ENDPOINTS: "enabled", SYNC_NODE_LABELS: "false", COMPACTION_PERIOD: "1m" };
    for (const settings of [new Settings(from(env).overrides), configured(spec, env)]) {
      const { node } = settings.controllers?.controllers ?? {};
      expect([node?.syncLabels, node?.hostEndpoint?.autoCreate, settings.compactionMs]).toEqual([
        "Disabled",
        "Enabled",
        60_000,
      ]);
    }
    expect(new Settings(from({}).overrides).controllers).toBeUndefined();
  });

  it.each([
    ["AUTO_HOST_ENDPOINTS", "maybe"],
    ["COMPACTION_PERIOD", "soon"],
    ["OCICAT_CONTROLLERS_RATE", "0"],
  ])("are refused by name: %s=%s", (name, value) => {
    expect(() => from({ [name]: value })).toThrow(new RegExp(`${name}.*${value}`));
  });

  it("say how often all is looked at anew: as often as the most impatient asks", () => {
    expect(configured({}).reconcilerMs).toBe(300_000);
    const spec = { controllers: { node: { reconcilerPeriod: "10m" }, policy: { reconcilerPeriod: "2m" } } };
    expect(configured(spec).reconcilerMs).toBe(120_000);
    expect(configured(spec, { RECONCILER_PERIOD: "30s" }).reconcilerMs).toBe(30_000);
  });
});
