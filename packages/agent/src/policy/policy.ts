import type { FelixSettings } from "@ocicat/api";
import { workloadPrefixes } from "@ocicat/enforcement";
import { type Clock, type Logger, type MetricsRegistry, type Scope, silentLogger } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux";
import type { NftReconciler } from "@ocicat/nftables";
import type { PolicyModel } from "@ocicat/policy";
import { readFelix } from "../node/felix.ts";
import type { AgentOptions } from "../options.ts";
import type { RuleReconciler } from "../program/rule-reconciler.ts";
import type { Tables } from "../tables/tables.ts";
import { PolicyEngine } from "./engine.ts";
import { FlowJudge } from "./flow-judge.ts";
import { Here } from "./here.ts";
import { HostInterfaces } from "./interfaces.ts";
import { policyMetrics } from "./metrics.ts";
import { policyModel } from "./model.ts";
import { Revoker } from "./revoker.ts";
import { compileOptions, policySettings, sameForPolicy, type TunnelsInUse } from "./settings.ts";
import { Verifier } from "./verifier.ts";

export interface PolicyParts {
  readonly options: AgentOptions;
  readonly kernel: Kernel;
  readonly tables: Tables;
  readonly nft: NftReconciler;
  readonly rules: RuleReconciler;
  readonly felix: FelixSettings;
  readonly metrics: MetricsRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: Scope;
  readonly defer: (work: () => void) => void;
}

/** Policy on this node, from tables to rules, with what goes with it: settings, interfaces, revocation, metrics. */
export interface Policy {
  readonly engine: PolicyEngine;
  readonly revoker: Revoker;
  readonly verifier: Verifier;
  /** All that policy follows from, as this node knows it now. */
  readonly model: () => PolicyModel;
  /** Which tunnels this node has, also while it leaves one. */
  readonly setTunnels: (tunnels: TunnelsInUse) => void;
}

/** Writes nothing before its engine is started and the rules are flushed. */
export function makePolicy(parts: PolicyParts): Policy {
  const { options, kernel, tables, nft, rules, metrics, clock, scope, defer } = parts;
  const logger = parts.logger.child("policy");
  let felix = parts.felix;
  let tunnels: TunnelsInUse = { ipip: false, vxlan: false };
  const model = () => policyModel(tables, policySettings(felix, tunnels));
  const revoker = new Revoker({
    kernel,
    nft,
    write: () => {
      rules.touch();
      rules.flush();
      return rules.failure === undefined;
    },
    judge: (local) => new FlowJudge(model, local, new Here(kernel, local.endpoints)),
    clock,
    logger,
    defer,
  });
  scope.add("revocation", () => revoker.stop());
  const { onEnforced } = policyMetrics(metrics, tables, () => engine.local, revoker);
  const interfaces = new HostInterfaces({ kernel, scope, onChange: (now) => engine.setInterfaces(now), defer });
  const engine = new PolicyEngine({
    self: options.nodeName,
    tables,
    nft,
    compile: compileOptions(felix, tunnels),
    revoker,
    onChange: () => rules.touch(),
    onEnforced,
    onHostByAddress: () => interfaces.follow(),
    clock,
    logger,
    defer,
  });
  // A node's labels say which configurations are for it.
  const followSettings = () => {
    const now = { ...readFelix(tables, options, silentLogger), interfacePrefix: felix.interfacePrefix };
    if (sameForPolicy(now, felix)) return;
    felix = now;
    engine.setCompile(compileOptions(felix, tunnels));
  };
  const setTunnels = (now: TunnelsInUse) => {
    if (now.ipip === tunnels.ipip && now.vxlan === tunnels.vxlan) return;
    tunnels = now;
    engine.setCompile(compileOptions(felix, tunnels));
  };
  tables.felix.subscribe(followSettings);
  tables.nodes.subscribe((_key, row) => {
    if (row?.name === options.nodeName) followSettings();
  });
  const verifier = new Verifier({
    node: options.nodeName,
    kernel,
    model,
    settled: () => engine.settled && rules.failure === undefined,
    interfacePrefixes: workloadPrefixes(felix.interfacePrefix),
    intervalMs: options.policyVerifyMs,
    clock,
    logger,
    scope,
  });
  verifier.compare(rules);
  verifier.start();
  metrics.gauge("ocicat_policy_differences", "What the last proof found the kernel to do otherwise.", () =>
    verifier.last === undefined ? [] : verifier.last.differences.length,
  );
  return { engine, revoker, verifier, model, setTunnels };
}
