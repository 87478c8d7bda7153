import { defineKind } from "../define-kind.ts";
import type { Problem } from "../problem.ts";
import type { Resource } from "../resource.ts";
import {
  addressOrNetwork,
  always,
  assumed,
  checkLabelKey,
  checkLabelValue,
  choice,
  dnsSubdomain,
  duration,
  type Infer,
  integer,
  list,
  map,
  object,
  optional,
  regex,
  text,
} from "../schema/index.ts";
import { selector } from "../selector/index.ts";
import { storedOnly } from "../without-effect.ts";
import { defaultName } from "./configuration-name.ts";

const enabled = choice("Enabled", "Disabled");
const portOrNone = integer(0, 65_535);
const labels = map(text("a label key", checkLabelKey), text("a label value", checkLabelValue));

const template = object(
  {
    generateName: optional(dnsSubdomain(), ""),
    interfaceCIDRs: optional(list(addressOrNetwork()), []),
    interfacePattern: optional(regex(), ""),
    labels: optional(labels),
    annotations: optional(map(text("an annotation's key", checkLabelKey), text())),
    nodeSelector: optional(selector(), ""),
  },
  {
    generateName: "What the names of its host endpoints end with.",
    interfaceCIDRs: "Ranges; addresses of the node in them are expected at the endpoint.",
    interfacePattern: "Interfaces that get an endpoint each, as a regular expression.",
    labels: "Labels of the endpoints; they go before those of the node.",
    annotations: "Annotations of the endpoints.",
    nodeSelector: "The nodes that get them, by their labels.",
  },
);

const hostEndpoint = object(
  {
    autoCreate: assumed(enabled, "Disabled"),
    createDefaultHostEndpoint: assumed(enabled, "Enabled"),
    templates: optional(list(template), []),
  },
  {
    autoCreate: "Make host endpoints for every node.",
    createDefaultHostEndpoint: "Make one for all of a node's interfaces.",
    templates: "Host endpoints to make besides it.",
  },
);

const node = object(
  {
    reconcilerPeriod: assumed(duration(), "5m0s"),
    syncLabels: assumed(enabled, "Enabled"),
    hostEndpoint: optional(hostEndpoint),
    leakGracePeriod: assumed(duration(), "15m0s"),
  },
  {
    reconcilerPeriod: "How often everything is looked at anew.",
    syncLabels: "Copy labels of Kubernetes' nodes.",
    hostEndpoint: "Host endpoints made for nodes.",
    leakGracePeriod: "How long an address that nobody seems to use is left alone; 0s is for ever.",
  },
);

const periodic = object(
  { reconcilerPeriod: assumed(duration(), "5m0s") },
  { reconcilerPeriod: "How often everything is looked at anew." },
);

const loadBalancer = object(
  { assignIPs: assumed(choice("AllServices", "RequestedServicesOnly"), "AllServices") },
  { assignIPs: "Which services of type LoadBalancer get an address: all, or those that ask for one." },
);

const policyMigration = object(
  { enabled: assumed(enabled, "Enabled") },
  { enabled: "Bring names of policies that older versions stored to their present form." },
);

const controllers = object(
  {
    node: optional(node),
    policy: optional(periodic),
    workloadEndpoint: optional(periodic),
    serviceAccount: optional(periodic),
    namespace: optional(periodic),
    loadBalancer: optional(loadBalancer),
    policyMigration: optional(policyMigration),
  },
  {
    node: "Cleans up after nodes and pods that are gone.",
    policy: "Copies Kubernetes' network policies.",
    workloadEndpoint: "Copies labels of pods.",
    serviceAccount: "Makes profiles of service accounts.",
    namespace: "Makes profiles of namespaces.",
    loadBalancer: "Gives addresses to services.",
    policyMigration: "Renames policies.",
  },
);

const spec = object(
  {
    logSeverityScreen: assumed(choice("None", "Debug", "Info", "Warning", "Error", "Fatal", "Panic"), "Info"),
    healthChecks: assumed(enabled, "Enabled"),
    etcdV3CompactionPeriod: assumed(duration(), "10m0s"),
    prometheusMetricsPort: assumed(portOrNone, 9094),
    controllers: always(controllers),
    debugProfilePort: optional(portOrNone),
  },
  {
    logSeverityScreen: "How much the controllers log.",
    healthChecks: "Whether they answer if they are well.",
    etcdV3CompactionPeriod: "How often etcd's history is made shorter; 0s is never.",
    prometheusMetricsPort: "The port at which metrics are served; 0 is none.",
    controllers: "The controllers, each as it is set.",
    debugProfilePort: "The port for profiles; none unless told.",
  },
);

const status = object(
  { runningConfig: optional(spec), environmentVars: optional(map(text(), text())) },
  {
    runningConfig: "What holds: this resource, and what the controllers' environment changes in it.",
    environmentVars: "The variables of the environment that change it.",
  },
);

export interface KubeControllersConfigurationSpec extends Infer<typeof spec> {}
export interface KubeControllersConfigurationStatus extends Infer<typeof status> {}
/** How the cluster's controllers run. There is one. */
export type KubeControllersConfiguration = Resource<
  KubeControllersConfigurationSpec,
  KubeControllersConfigurationStatus,
  "KubeControllersConfiguration"
>;

export const kubeControllersConfiguration = defineKind<KubeControllersConfiguration>({
  kind: "KubeControllersConfiguration",
  description: "How the cluster's controllers run. There is one.",
  plural: "kubecontrollersconfigurations",
  aliases: ["kubecontrollersconfig", "kubecontrollersconfigs", "kcc", "kccs"],
  namespaced: false,
  name: defaultName,
  spec,
  status,
  storesEmptyStatus: true,
  rules: { "A template of host endpoints has interfaceCIDRs, an interfacePattern, or both.": checkTemplates },
  withoutEffect: storedOnly<KubeControllersConfigurationSpec>({
    "the controllers' process": {
      logSeverityScreen: null,
      healthChecks: null,
      debugProfilePort: null,
    },
    "names of policies": { "controllers.policyMigration": null },
  }),
  example: { name: "default", spec: { controllers: { node: { leakGracePeriod: "15m0s" } } } },
  columns: [{ heading: "NAME", cell: ({ metadata }) => metadata.name }],
});

function* checkTemplates({ spec }: KubeControllersConfiguration): Iterable<Problem> {
  const templates = spec.controllers.node?.hostEndpoint?.templates ?? [];
  for (const [index, template] of templates.entries()) {
    if (template.interfaceCIDRs !== undefined || template.interfacePattern !== undefined) continue;
    const field = `spec.controllers.node.hostEndpoint.templates[${index}]`;
    yield { field, value: template, rule: "template", message: "names neither interfaceCIDRs nor an interfacePattern" };
  }
}
