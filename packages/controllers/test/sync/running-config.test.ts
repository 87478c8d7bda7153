import { decodeStored, kubeControllersConfiguration } from "@ocicat/api";
import { afterEach, describe, expect, it } from "vitest";
import { type ControllerName, controllersOptionsFrom } from "../../src/options.ts";
import { runningConfig, runningNames } from "../../src/sync/index.ts";
import { Pair, put } from "./support.ts";

const PLACE = "kubecontrollersconfigurations/default";
const KEY = `/calico/resources/v3/projectcalico.org/${PLACE}`;

let pair: Pair;
afterEach(() => pair.close());

const configuration = (controllers: object) => ({
  kind: "KubeControllersConfiguration",
  apiVersion: "projectcalico.org/v3",
  metadata: { name: "default" },
  spec: { controllers },
});

function started(env: Readonly<Record<string, string>>, running: readonly ControllerName[]) {
  const { environment, overrides } = controllersOptionsFrom(env, "host", 1);
  const { reconcilerPeriod } = overrides;
  const controller = runningConfig({ running: new Set(running), environment, reconcilerPeriod });
  return new Pair({ names: [], more: [controller], overrides });
}

async function stored() {
  const item = await pair.store.get(KEY);
  return item && decodeStored(kubeControllersConfiguration, item);
}

describe("the status of KubeControllersConfiguration", () => {
  it("is what holds: the resource, after the environment, with what is meant where nothing is said", async () => {
    const env = {
      AUTO_HOST_ENDPOINTS: "enabled",
      ENABLED_CONTROLLERS: "node,loadbalancer",
      HOME: "/root",
      SYNC_NODE_LABELS: "",
    };
    pair = started(env, ["node", "loadbalancer"]);
    await put(
      pair.store,
      PLACE,
      configuration({ node: { leakGracePeriod: "1m0s" }, policy: { reconcilerPeriod: "9m0s" } }),
    );
    await pair.rest();
    expect((await stored())?.status).toEqual({
      environmentVars: { AUTO_HOST_ENDPOINTS: "enabled", ENABLED_CONTROLLERS: "node,loadbalancer" },
      runningConfig: {
        etcdV3CompactionPeriod: "10m0s",
        prometheusMetricsPort: 9094,
        controllers: {
          node: {
            reconcilerPeriod: "5m0s",
            syncLabels: "Enabled",
            leakGracePeriod: "1m0s",
            hostEndpoint: { autoCreate: "Enabled", createDefaultHostEndpoint: "Enabled" },
          },
          loadBalancer: { assignIPs: "AllServices" },
        },
      },
    });
  });

  it("follows the resource, leaves its spec as it was written, and is written once", async () => {
    pair = started({ RECONCILER_PERIOD: "7m" }, ["policy"]);
    const before = configuration({ policy: { reconcilerPeriod: "9m0s" } });
    await put(pair.store, PLACE, before);
    await pair.rest();
    expect((await stored())?.spec).toMatchObject(before.spec);
    expect((await stored())?.status?.runningConfig?.controllers).toEqual({ policy: { reconcilerPeriod: "7m0s" } });
    const { modRevision } = (await pair.store.get(KEY)) ?? {};
    pair.syncer.askAll();
    await pair.rest();
    expect((await pair.store.get(KEY))?.modRevision).toBe(modRevision);
    await put(pair.store, PLACE, { ...before, spec: { ...before.spec, prometheusMetricsPort: 0 } });
    await pair.rest();
    expect((await stored())?.status?.runningConfig?.prometheusMetricsPort).toBe(0);
  });

  it("is not there where nobody configured anything", async () => {
    pair = started({}, ["node"]);
    await pair.rest();
    expect(await stored()).toBeUndefined();
  });

  it("names the controllers that run: where Kubernetes is the datastore nothing is copied", async () => {
    pair = started({}, []);
    const all = new Set<ControllerName>([
      "node",
      "policy",
      "namespace",
      "serviceaccount",
      "workloadendpoint",
      "loadbalancer",
    ]);
    expect(runningNames(all, true, true)).toEqual(all);
    expect(runningNames(all, false, true)).toEqual(new Set(["node", "loadbalancer"]));
    expect(runningNames(all, false, false)).toEqual(new Set(["node"]));
  });
});
