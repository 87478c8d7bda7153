/**
 * What it costs to prove that a node's tables mean the model, for every packet: by how many policies there are, and by how many
 * apply to one endpoint. Nothing here talks to a kernel. There is no peer: nobody else proves it. `longest slice` is what an agent
 * does nothing else in.
 */
import { compileModel, verifyNodeInSteps } from "@ocicat/enforcement";
import type { PolicyModel } from "@ocicat/policy";
import { applications, type Cluster, NODE, networkSetPerPolicy } from "./policy-calculation/clusters.ts";
import { type Case, type Goal, measured, median } from "./report.ts";

const ROUNDS = 3;
/** Milliseconds: an agent that proves its tables every ten minutes. */
const FEW_SECONDS: Goal = { kind: "at most", value: 3_000 };
const NONE: Goal = { kind: "none" };

export function run(): Promise<Case[]> {
  return Promise.resolve([
    ...proved("100 policies, 1,000 endpoints, 100 here", applications(1_000, 100)),
    ...proved("1,000 policies, 10,000 endpoints, 100 here", applications(10_000, 1_000)),
    ...proved("10,000 policies, 10,000 endpoints, 100 here", applications(10_000, 10_000)),
    ...proved("1,000 policies on each of 200 endpoints, 112,000 addresses", networkSetPerPolicy(1_000, 1_000)),
  ]);
}

function proved(name: string, cluster: Cluster): Case[] {
  const model: PolicyModel = {
    ...cluster,
    tiers: [{ name: "default", order: 1_000_000, defaultAction: "deny" }],
    services: [],
    settings: {
      endpointToHost: "drop",
      failsafeInbound: [],
      failsafeOutbound: [],
      dropInvalid: true,
      allowVxlanFromWorkloads: false,
      allowIpipFromWorkloads: false,
      vxlanPort: 4789,
    },
  };
  const [table] = compileModel(model, NODE, { interfacePrefix: "cali", flowLog: false, logPrefix: "bench" });
  const rounds = Array.from({ length: ROUNDS }, () => {
    const steps = verifyNodeInSteps({ table, model, options: { node: NODE, interfacePrefixes: ["cali"] } });
    const started = cpuMs();
    let longest = 0;
    for (let since = started; ; ) {
      const { done, value } = steps.next();
      const now = cpuMs();
      longest = Math.max(longest, now - since);
      since = now;
      if (done !== true) continue;
      if (value.differences.length > 0) throw new Error(`${name}: the tables do not mean the policies`);
      return { whole: now - started, longest };
    }
  });
  const middle = (of: "whole" | "longest") => median(rounds.map((round) => round[of]));
  return [
    measured(`${name}: proof`, "ms CPU", middle("whole"), undefined, FEW_SECONDS),
    measured(`${name}: longest slice`, "ms CPU", middle("longest"), undefined, NONE),
  ];
}

/** Of this process: other work on the machine is not in it. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
