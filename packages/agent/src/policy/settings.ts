import type { FelixSettings } from "@ocicat/api";
import type { CompileOptions } from "@ocicat/enforcement";
import { parsePrefix } from "@ocicat/net";
import { type Failsafe, type PolicySettings, Protocol } from "@ocicat/policy";
import type { PoolRow } from "@ocicat/routing";

/** Which tunnels there are between nodes. */
export interface TunnelsInUse {
  readonly ipip: boolean;
  readonly vxlan: boolean;
}

/** Those that pools want. */
export function tunnelsInUse(pools: Iterable<Pick<PoolRow, "ipipMode" | "vxlanMode">>): TunnelsInUse {
  const all = [...pools];
  return {
    ipip: all.some(({ ipipMode }) => ipipMode !== "Never"),
    vxlan: all.some(({ vxlanMode }) => vxlanMode !== "Never"),
  };
}

/** What of it is in the tables. */
export function compileOptions(felix: FelixSettings, tunnels: TunnelsInUse): CompileOptions {
  return {
    settings: policySettings(felix, tunnels),
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
  "disableConntrackInvalidCheck",
  "allowVXLANPacketsFromWorkloads",
  "allowIPIPPacketsFromWorkloads",
  "vxlanPort",
  "interfacePrefix",
  "flowLogsLocalReporter",
  "logPrefix",
] as const satisfies readonly (keyof FelixSettings)[];

/**
 * What FelixConfiguration says of policy. The nodes' own tunnels are among what no host endpoint closes, or every pod behind it would
 * lose its way; that only nodes send such packets is the tunnels' own table's affair.
 */
export function policySettings(felix: FelixSettings, tunnels: TunnelsInUse): PolicySettings {
  const tunnelPorts: readonly Failsafe[] = [
    ...(tunnels.ipip ? [{ protocol: Protocol.ipip, port: undefined, network: undefined }] : []),
    ...(tunnels.vxlan ? [{ protocol: Protocol.udp, port: felix.vxlanPort, network: undefined }] : []),
  ];
  return {
    endpointToHost: ENDPOINT_TO_HOST[felix.defaultEndpointToHostAction],
    failsafeInbound: [...felix.failsafeInboundHostPorts.map(failsafe), ...tunnelPorts],
    failsafeOutbound: [...felix.failsafeOutboundHostPorts.map(failsafe), ...tunnelPorts],
    dropInvalid: !felix.disableConntrackInvalidCheck,
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
