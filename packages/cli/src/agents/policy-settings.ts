import { parsePrefix } from "@ocicat/net";
import type { Failsafe, PolicySettings } from "@ocicat/policy";
import { fieldsOf, list, texts, unexpected } from "./answers.ts";

const WHERE = "/policy/settings";

/** What policy goes by on a node: FelixConfiguration and the agent's environment, as the agent reports it. */
export interface NodeSettings extends PolicySettings {
  /** What workloads' interfaces begin with: one of these. */
  readonly interfacePrefixes: readonly string[];
}

export function readPolicySettings(body: unknown): NodeSettings {
  const text = texts(body, WHERE);
  const field = fieldsOf(body, WHERE);
  const flag = (name: string) => {
    const value = field(name);
    if (typeof value === "boolean") return value;
    throw unexpected(WHERE, `"${name}" as true or false`);
  };
  const endpointToHost = (["drop", "accept", "return"] as const).find((one) => one === text("endpointToHost"));
  if (endpointToHost === undefined) throw unexpected(WHERE, '"endpointToHost" as drop, accept or return');
  return {
    endpointToHost,
    failsafeInbound: list(field("failsafeInbound"), WHERE).map(readFailsafe),
    failsafeOutbound: list(field("failsafeOutbound"), WHERE).map(readFailsafe),
    dropInvalid: flag("dropInvalid"),
    allowVxlanFromWorkloads: flag("allowVxlanFromWorkloads"),
    allowIpipFromWorkloads: flag("allowIpipFromWorkloads"),
    vxlanPort: numberIn(field("vxlanPort"), "vxlanPort"),
    interfacePrefixes: text("interfacePrefix").split(","),
  };
}

function readFailsafe(entry: unknown): Failsafe {
  const field = fieldsOf(entry, WHERE);
  const network = field("network");
  return {
    protocol: numberIn(field("protocol"), "protocol"),
    port: numberIn(field("port"), "port"),
    network: typeof network === "string" ? parsePrefix(network) : undefined,
  };
}

function numberIn(value: unknown, name: string): number {
  if (typeof value === "number") return value;
  throw unexpected(WHERE, `"${name}" as a number`);
}
