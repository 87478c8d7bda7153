import type { FelixSettings } from "@ocicat/api";
import type { CompileOptions } from "@ocicat/enforcement";
import { parsePrefix } from "@ocicat/net";
import { type Failsafe, type PolicySettings, Protocol } from "@ocicat/policy";

/** What of it is in the tables. */
export function compileOptions(felix: FelixSettings): CompileOptions {
  return {
    settings: policySettings(felix),
    interfacePrefix: felix.interfacePrefix,
    flowLog: felix.flowLogsLocalReporter === "Enabled",
    logPrefix: felix.logPrefix,
  };
}

/** Whether two of them mean the same to the tables: by what is written, which is texts, numbers and lists of them. */
export function sameForPolicy(a: FelixSettings, b: FelixSettings): boolean {
  return OF_POLICY.every((name) => JSON.stringify(a[name]) === JSON.stringify(b[name]));
}

const OF_POLICY = [
  "defaultEndpointToHostAction",
  "failsafeInboundHostPorts",
  "failsafeOutboundHostPorts",
  "allowVXLANPacketsFromWorkloads",
  "allowIPIPPacketsFromWorkloads",
  "vxlanPort",
  "interfacePrefix",
  "flowLogsLocalReporter",
  "logPrefix",
] as const satisfies readonly (keyof FelixSettings)[];

/** What FelixConfiguration says of policy. */
export function policySettings(felix: FelixSettings): PolicySettings {
  return {
    endpointToHost: ENDPOINT_TO_HOST[felix.defaultEndpointToHostAction],
    failsafeInbound: felix.failsafeInboundHostPorts.map(failsafe),
    failsafeOutbound: felix.failsafeOutboundHostPorts.map(failsafe),
    allowVxlanFromWorkloads: felix.allowVXLANPacketsFromWorkloads,
    allowIpipFromWorkloads: felix.allowIPIPPacketsFromWorkloads,
    vxlanPort: felix.vxlanPort,
  };
}

const ENDPOINT_TO_HOST = { Drop: "drop", Accept: "accept", Return: "return" } as const;

function failsafe({ protocol, port, net }: FelixSettings["failsafeInboundHostPorts"][number]): Failsafe {
  const network = net === undefined ? undefined : parsePrefix(net, { hostBits: "clear" });
  return { protocol: Protocol[protocol], port, network };
}
