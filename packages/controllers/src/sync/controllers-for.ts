import type { ControllerName } from "../options.ts";
import type { Controller } from "./controller.ts";
import { workloadEndpoints } from "./endpoints.ts";
import { hostEndpoints } from "./host-endpoints.ts";
import { nodes } from "./nodes.ts";
import { networkPolicies } from "./policies.ts";
import { namespaces, serviceAccounts } from "./profiles.ts";

interface Enabled {
  /** As ENABLED_CONTROLLERS names it. */
  readonly name: ControllerName;
  /** Only where Kubernetes is beside the datastore: where it is the datastore, what would be copied is there. */
  readonly copies: boolean;
  readonly controller: Controller;
}

const CONTROLLERS: readonly Enabled[] = [
  { name: "node", copies: false, controller: hostEndpoints },
  { name: "node", copies: true, controller: nodes },
  { name: "namespace", copies: true, controller: namespaces },
  { name: "serviceaccount", copies: true, controller: serviceAccounts },
  { name: "policy", copies: true, controller: networkPolicies },
  { name: "workloadendpoint", copies: true, controller: workloadEndpoints },
];

/** What is kept in step. `isBeside`: there is a Kubernetes, and it is not the datastore. */
export function controllersFor(enabled: ReadonlySet<string>, isBeside: boolean): readonly Controller[] {
  return CONTROLLERS.filter((each) => runs(each, enabled, isBeside)).map(({ controller }) => controller);
}

/** Those of which something runs; `hasServices`: there is a Kubernetes, so that the load balancer has something to do. */
export function runningNames(
  enabled: ReadonlySet<ControllerName>,
  isBeside: boolean,
  hasServices: boolean,
): ReadonlySet<ControllerName> {
  const here = CONTROLLERS.filter((each) => runs(each, enabled, isBeside)).map(({ name }) => name);
  return new Set([...enabled].filter((name) => here.includes(name) || (name === "loadbalancer" && hasServices)));
}

function runs({ name, copies }: Enabled, enabled: ReadonlySet<string>, isBeside: boolean): boolean {
  return enabled.has(name) && (isBeside || !copies);
}
