import {
  type KubeControllersConfigurationSpec,
  type KubeControllersConfigurationStatus,
  kubeControllersConfiguration,
} from "@ocicat/api";
import type { ControllerName } from "../options.ts";
import type { Controller } from "./controller.ts";

const CONFIGURATIONS = kubeControllersConfiguration.storage.prefix();
const KEY = `${CONFIGURATIONS}default`;

/** What a process was started with. */
export interface Started {
  /** Those that run here. */
  readonly running: ReadonlySet<ControllerName>;
  /** Variables of its environment that say how the controllers run. */
  readonly environment: Readonly<Record<string, string>>;
  /** RECONCILER_PERIOD, which goes before each controller's. */
  readonly reconcilerPeriod: string | undefined;
}

/**
 * The status of KubeControllersConfiguration: what holds of it in the instance that leads, after its environment. Where nobody
 * configured anything there is nothing to have a status.
 */
export function runningConfig(started: Started): Controller {
  return {
    name: "configuration",
    reads: { kubernetes: [], store: [CONFIGURATIONS] },
    subjects: (side, key) => (side === "store" && key === KEY ? ["default"] : []),
    *plan(_subject, { store, settings }) {
      const present = store.read(kubeControllersConfiguration, KEY);
      if (present === undefined) return;
      const status: KubeControllersConfigurationStatus = {
        environmentVars: started.environment,
        runningConfig: configOf(settings ?? present.spec, started),
      };
      yield { key: KEY, resource: { ...present, status }, why: "it is what holds" };
    },
  };
}

/** With what is meant where nothing is said, and of the controllers those that run. */
function configOf(
  { controllers, ...spec }: KubeControllersConfigurationSpec,
  { running, reconcilerPeriod }: Started,
): KubeControllersConfigurationSpec {
  const { node, loadBalancer } = controllers;
  const period = (given: string | undefined) => ({ reconcilerPeriod: reconcilerPeriod ?? given ?? "5m0s" });
  const only = <T>(name: ControllerName, what: T): T | undefined => (running.has(name) ? what : undefined);
  const all = {
    node: only("node", {
      ...node,
      ...period(node?.reconcilerPeriod),
      syncLabels: node?.syncLabels ?? "Enabled",
      leakGracePeriod: node?.leakGracePeriod ?? "15m0s",
      hostEndpoint: {
        ...node?.hostEndpoint,
        autoCreate: node?.hostEndpoint?.autoCreate ?? "Disabled",
        createDefaultHostEndpoint: node?.hostEndpoint?.createDefaultHostEndpoint ?? "Enabled",
      },
    }),
    policy: only("policy", period(controllers.policy?.reconcilerPeriod)),
    workloadEndpoint: only("workloadendpoint", period(controllers.workloadEndpoint?.reconcilerPeriod)),
    serviceAccount: only("serviceaccount", period(controllers.serviceAccount?.reconcilerPeriod)),
    namespace: only("namespace", period(controllers.namespace?.reconcilerPeriod)),
    loadBalancer: only("loadbalancer", { assignIPs: loadBalancer?.assignIPs ?? "AllServices" }),
  };
  return {
    ...spec,
    etcdV3CompactionPeriod: spec.etcdV3CompactionPeriod ?? "10m0s",
    prometheusMetricsPort: spec.prometheusMetricsPort ?? 9094,
    controllers: Object.fromEntries(Object.entries(all).filter(([, each]) => each !== undefined)),
  };
}
