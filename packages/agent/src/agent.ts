import { MetricsRegistry, Scope } from "@ocicat/kit";
import { openKernel } from "@ocicat/linux";
import { processMetrics } from "@ocicat/service";
import { serveBirdControl } from "./bgp/bird-ctl/index.ts";
import { reportNodeState } from "./bgp/report-state.ts";
import { serveCni } from "./cni/serve.ts";
import { collectFlows } from "./flows/index.ts";
import { readFelix } from "./node/felix.ts";
import { forwardIpv4, forwardIpv6WhenNeeded } from "./node/forwarding.ts";
import { leavePools, mendIpam } from "./node/ipam.ts";
import { tellNetwork } from "./node/network-condition.ts";
import { reportOwn } from "./node/own-addresses.ts";
import { collectGarbage, Tidier } from "./node/tidier.ts";
import type { AgentOptions } from "./options.ts";
import { limitTraffic } from "./qos/index.ts";
import { agentMetrics } from "./serve/metrics.ts";
import { answerWhenAsked, serveHealth } from "./start/answers.ts";
import { makeDataplane, startDataplane } from "./start/dataplane.ts";
import { type Foundation, layFoundation } from "./start/foundation.ts";
import { joinCluster } from "./start/join.ts";
import type { Surroundings } from "./surroundings.ts";
import { allTables } from "./tables/tables.ts";
import { checkFelixRules, removeFelixRules } from "./takeover/index.ts";

/** By then what a start leaves behind is garbage, and pods that waited for it have been added. */
const AFTER_START_MS = 2_000;

/** Everything that lives as long as the agent. */
export interface RunningAgent {
  /** Graceful: peers keep our routes, the kernel keeps everything. */
  stop(): Promise<void>;
}

/**
 * One agent, from its options to programming:
 *
 *   own address → datastore → tables in sync → resolvers → reconcilers (first write here) → BGP → the plugin's socket
 *
 * Nothing is written to the kernel before the datastore is in sync, and no ADD is taken before the kernel is. Who may want
 * it to end before it runs (a signal, a port that is taken) hands in a scope and closes that.
 */
export async function startAgent(
  options: AgentOptions,
  surroundings: Surroundings,
  scope: Scope = new Scope(`agent ${options.nodeName}`),
): Promise<RunningAgent> {
  await scope.whole(() => start(options, surroundings, scope));
  return { stop: () => scope.close() };
}

async function start(options: AgentOptions, surroundings: Surroundings, scope: Scope): Promise<void> {
  const { clock, logger } = surroundings;
  const metrics = new MetricsRegistry();
  processMetrics(metrics, options.lagResolutionMs, scope);
  const kernel = openKernel();
  scope.add("kernel", () => kernel.close());
  if (options.takesOver) checkFelixRules(kernel);
  forwardIpv4(kernel);
  const health = await serveHealth({ options, kernel, metrics, logger, scope });

  const foundation = await layFoundation({ ...surroundings, options, kernel, metrics, scope });
  const { tables, lock, own } = foundation;
  const answers = await answerWhenAsked(foundation, health);
  await joinCluster(foundation);

  const felix = readFelix(tables, options, logger);
  answers.attachFlows(collectFlows({ options, kernel, tables, clock, logger: logger.child("flows"), metrics, scope }));
  own.watch(felix.interfacePrefix);
  forwardIpv6WhenNeeded(kernel, tables, { nodeName: options.nodeName, interfacePrefix: felix.interfacePrefix, logger });

  const dataplane = makeDataplane(foundation, felix);
  const { engine, routes, rules, policy, mesh, tunnels, ipam, restarting } = dataplane;
  answers.attach(dataplane);
  agentMetrics(metrics, { routes, rules, mesh, tables, lock });
  await startDataplane(foundation, dataplane);
  if (options.takesOver) removeFelixRules(kernel, logger.child("take over"));

  if (options.backend === "bird" && options.bgpDaemon === "ocicat") await serveBirdControl(foundation, dataplane);
  reportNodeState(foundation, dataplane);
  policy.verifier.compare(limitTraffic({ ...foundation, felix, logger: logger.child("qos") }));
  await serveCni({ ...foundation, engine, routes, rules, policy: policy.engine, ipam, felix });
  health.ready(foundation.reaches);
  tellNetwork(foundation);
  lock.whenOpen(() => void mendIpam(ipam, logger.child("ipam"), foundation.kubernetes === undefined));
  leavePools({ ipam, tables, lock, defer: setImmediate, logger: logger.child("ipam") });
  // What was to be written meanwhile need not wait for its next try.
  lock.subscribe((locked) => {
    if (locked) return;
    own.lookAgain();
    tunnels.schedule();
  });
  tidyFromNowOn(foundation);
  logger.info("ready", { node: options.nodeName, ...reportOwn(own), restarting });
}

function tidyFromNowOn({ clock, scope, tables }: Foundation): void {
  const tidier = new Tidier({ clock, scope, tidy: collectGarbage });
  const begin = clock.after(AFTER_START_MS, "garbage of the start", () => tidier.due());
  scope.add("garbage of the start", () => begin.cancel());
  let isTold = false;
  for (const table of allTables(tables)) table.subscribe(() => isTold && tidier.changed());
  isTold = true;
}
