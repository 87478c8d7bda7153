import { type Logger, type MetricsRegistry, type Scope, silentLogger } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux";
import { type Conditions, healthRoutes, serveLocally, unmet } from "@ocicat/service";
import { agentFacts } from "../doctor/agent-facts.ts";
import type { Examination } from "../doctor/examine.ts";
import { type FlowCollector, flowRoutes } from "../flows/index.ts";
import { missingGatewayRoute } from "../node/address.ts";
import { readFelix } from "../node/felix.ts";
import type { AgentOptions } from "../options.ts";
import { doctorRoutes } from "../serve/doctor.ts";
import { policyRoutes } from "../serve/policy.ts";
import { type Running, statusRoutes } from "../serve/status.ts";
import type { Foundation } from "./foundation.ts";

/** What /readyz answers by, from the first moment on. */
export interface Health {
  readonly conditions: Conditions;
  /** From now on it is ready while the datastore can be reached; a BGP peer that is down is no reason not to be. */
  ready(reaches: () => boolean): void;
}

/** Health and metrics over TCP, before there is anything to be healthy. */
export async function serveHealth(parts: {
  readonly options: AgentOptions;
  readonly kernel: Kernel;
  readonly metrics: MetricsRegistry;
  readonly logger: Logger;
  readonly scope: Scope;
}): Promise<Health> {
  const { options, kernel, metrics, logger, scope } = parts;
  let waiting = (): string | undefined => "not in sync yet";
  // Pods' gateway of IPv4; that of IPv6 is on the cable itself.
  const gateway = () => (options.ip.kind === "none" ? undefined : missingGatewayRoute(kernel, options.nodeName));
  const conditions: Conditions = { datastore: () => waiting(), gateway };
  const noGateway = gateway();
  if (noGateway !== undefined) logger.warning(noGateway);
  await serveLocally(
    { host: options.healthHost, port: options.healthPort },
    healthRoutes(conditions, metrics),
    logger.child("health"),
    scope,
  );
  return {
    conditions,
    ready(reaches) {
      waiting = () => (reaches() ? undefined : "it cannot be reached; what is programmed stays");
    },
  };
}

/** What is told of once it runs. */
export interface Answers {
  attach(running: Running): void;
  attachFlows(flows: FlowCollector): void;
}

/** The command line's socket, open from the start: who asks before the agent runs is told that it does not yet. */
export async function answerWhenAsked(foundation: Foundation, { conditions }: Health): Promise<Answers> {
  const { options, kernel, clock, random, logger, scope, metrics, store, client, tables, own, resolver } = foundation;
  const status = statusRoutes({ ...options, tables, resolver, own });
  let flows: FlowCollector | undefined;
  const patient: Examination = {
    node: options.nodeName,
    kernel,
    clock,
    random,
    store,
    client,
    interfacePrefix: () => readFelix(tables, options, silentLogger).interfacePrefix,
    pods: () => new Map([...tables.endpoints.rows()].map((row) => [row.interfaceName, row.workload])),
    agent: () => ({ ok: true, value: agentFacts(status.running(), own.found, unmet(conditions)) }),
  };
  // Most agents are never asked: what it takes to look is loaded then.
  const whenAsked = async () => (await import("../doctor/examine.ts")).examine(patient);
  await serveLocally(
    { path: options.paths.apiSocket },
    {
      ...healthRoutes(conditions, metrics),
      ...status.routes,
      ...policyRoutes({ tables, kernel, running: () => status.running() }),
      ...doctorRoutes(whenAsked),
      ...flowRoutes(() => flows, options.nodeName, clock),
    },
    logger.child("api"),
    scope,
  );
  return {
    attach: (running) => status.attach(running),
    attachFlows(collector) {
      flows = collector;
    },
  };
}
