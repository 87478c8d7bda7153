import type { FelixSettings } from "@ocicat/api";
import { parsePrefix } from "@ocicat/net";
import { type Failsafe, type PolicySettings, Protocol } from "@ocicat/policy";

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
