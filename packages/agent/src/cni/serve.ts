import type { FelixSettings } from "@ocicat/api";
import type { ResourceClient } from "@ocicat/client";
import { createCniServer } from "@ocicat/cni";
import type { Datastore } from "@ocicat/datastore";
import type { Ipam } from "@ocicat/ipam";
import { type Clock, type Logger, OcicatError, type Random, type Scope } from "@ocicat/kit";
import type { KubernetesDatastore } from "@ocicat/kubernetes";
import type { Kernel } from "@ocicat/linux";
import { wantedTunnels } from "@ocicat/routing";
import type { DatastoreLock } from "../lock/index.ts";
import { ipamSettings } from "../node/ipam.ts";
import { podMtu } from "../node/mtu.ts";
import { writeNodenameFile } from "../node/register.ts";
import type { AgentOptions } from "../options.ts";
import type { PolicyEngine } from "../policy/engine.ts";
import { ensureProfile, networkProfile } from "../policy/network-profile.ts";
import type { RouteReconciler } from "../program/route-reconciler.ts";
import type { RuleReconciler } from "../program/rule-reconciler.ts";
import type { Engine } from "../resolve/engine.ts";
import type { AgentEndpointRow } from "../tables/rows.ts";
import { endpointSink, type Tables } from "../tables/tables.ts";
import { createCniBackend } from "./backend.ts";
import { collectInvalid } from "./collect.ts";
import { Endpoints } from "./endpoints.ts";
import { PodRecorder } from "./pod-recorder.ts";
import { statusFor } from "./status.ts";
import { TransactionRecorder } from "./transaction-recorder.ts";

export interface CniParts {
  readonly options: AgentOptions;
  readonly kernel: Kernel;
  readonly store: Datastore;
  readonly kubernetes: KubernetesDatastore | undefined;
  readonly client: ResourceClient;
  readonly tables: Tables;
  readonly engine: Engine;
  readonly routes: RouteReconciler;
  readonly rules: RuleReconciler;
  readonly policy: PolicyEngine;
  readonly ipam: Ipam;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly scope: Scope;
  readonly felix: FelixSettings;
  readonly lock: DatastoreLock;
}

/** Opens the plugin's socket, over everything that an ADD needs. From here on pods may come. */
export async function serveCni(parts: CniParts): Promise<void> {
  const {
    options,
    kernel,
    store,
    kubernetes,
    client,
    tables,
    engine,
    routes,
    rules,
    policy,
    ipam,
    clock,
    random,
    logger,
    scope,
    felix,
    lock,
  } = parts;
  const unprogrammed = (endpoint: AgentEndpointRow) => [
    ...(rules.knows(endpoint.interfaceName) ? [] : [`the guard does not know ${endpoint.interfaceName}`]),
    ...(policy.knows(`workload ${endpoint.id}`) ? [] : [`${endpoint.interfaceName} has no policy rules`]),
    ...routes.missing(endpoint.addresses),
  ];
  const sink = endpointSink(tables, options.nodeName);
  const recording = { nodeName: options.nodeName, store, ipam, table: tables.endpoints, sink, clock, random };
  const endpoints = new Endpoints({
    nodeName: options.nodeName,
    store,
    ipam,
    table: tables.endpoints,
    sink,
    recorder:
      kubernetes === undefined ? new TransactionRecorder(recording) : new PodRecorder({ ...recording, kubernetes }),
    ensureProfile: async ({ network, endpoint, options: { makesProfile } }) => {
      // Kubernetes' profiles are its namespaces and service accounts.
      if (!makesProfile || kubernetes !== undefined) return;
      const table = tables.policy.profiles;
      await ensureProfile({ store, client, table }, networkProfile(network, endpoint.orchestrator));
    },
    affinities: tables.affinities,
    pools: tables.pools,
    unprogrammed,
  });
  const collecting = {
    nodeName: options.nodeName,
    store,
    table: tables.endpoints,
    clock,
    logger: logger.child("gc"),
    cooldownSeconds: () => ipamSettings(tables).config.ipCooldownSeconds,
  };
  const backend = createCniBackend({
    kernel,
    endpoints,
    logger: logger.child("cni"),
    defaultMtu: podMtu(kernel, felix, () => wantedTunnels(tables.pools.rows(), options.backend), scope),
    program: (endpoint, link) => {
      routes.linkMade(link);
      engine.flush();
      policy.flush();
      rules.flush();
      rules.linkMade(link);
      routes.flush();
      const problems = unprogrammed(endpoint);
      if (problems.length > 0 || rules.failure !== undefined) {
        throw notProgrammed(endpoint, rules.failure === undefined ? problems : [...problems, rules.failure]);
      }
    },
    linkLeaves: (link) => rules.linkLeaves(link),
    lock,
    status: (request) =>
      statusFor({ store, settings: () => ipamSettings(tables), guardFailure: () => rules.failure }, request),
    collect: (network, valid, isBusy) => collectInvalid({ ...collecting, isBusy }, network, valid),
    notReady: () => ([...tables.pools.rows()].length === 0 ? "there is no IPPool" : undefined),
  });
  writeNodenameFile(options.paths.nodenameFile, options.nodeName);
  const server = await createCniServer({
    backend,
    logger: logger.child("cni"),
    clock,
    nodeName: options.nodeName,
    path: options.paths.cniSocket,
  });
  scope.add("cni socket", () => server.close());
}

function notProgrammed(endpoint: AgentEndpointRow, problems: readonly string[]): OcicatError {
  return new OcicatError({
    code: "ENDPOINT_NOT_PROGRAMMED",
    where: endpoint.workload,
    what: "the kernel does not hold what the endpoint needs",
    why: problems.join("; "),
    retryable: true,
  });
}
