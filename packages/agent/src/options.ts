import { OcicatError } from "@ocicat/kit";

/** Where an agent's things are on a node. Paths that Calico users know keep their names. */
export interface AgentPaths {
  /** The plugin's socket. */
  readonly cniSocket: string;
  /** The command line's socket: status, why. */
  readonly apiSocket: string;
  /** Tells the plugin and other tools the node's name, as Calico's does. */
  readonly nodenameFile: string;
}

export interface AgentOptions {
  readonly nodeName: string;
  readonly endpoints: readonly string[];
  /** The node's own address: "autodetect", or address/length. */
  readonly ip: string;
  readonly bgpPort: number;
  readonly healthHost: string;
  readonly healthPort: number;
  readonly paths: AgentPaths;
  /** Milliseconds between samples of the event loop's lag; small values cost CPU. */
  readonly lagResolutionMs: number;
}

export const DEFAULT_PATHS: AgentPaths = {
  cniSocket: "/run/ocicat/cni.sock",
  apiSocket: "/run/ocicat/agent.sock",
  nodenameFile: "/var/lib/calico/nodename",
};

const NODE_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/**
 * The agent's options from its environment, by the names that calico-node uses. Throws OcicatError AGENT_CONFIG, naming
 * the variable, its value and what would do.
 */
export function agentOptionsFrom(env: Readonly<Record<string, string | undefined>>, hostname: string): AgentOptions {
  const nodeName = (env.NODENAME ?? hostname).trim().toLowerCase();
  if (nodeName.length > 253 || !NODE_NAME.test(nodeName)) {
    throw bad("NODENAME", nodeName, "not a node name", "use lower-case letters, digits, '-' and '.', as in a DNS name");
  }
  return {
    nodeName,
    endpoints: (env.ETCD_ENDPOINTS ?? "http://127.0.0.1:2379").split(",").map((text) => text.trim()),
    ip: env.IP === undefined || env.IP === "" ? "autodetect" : env.IP,
    bgpPort: numberFrom(env, "OCICAT_BGP_PORT", 179, 0, 65535),
    healthHost: env.FELIX_HEALTHHOST ?? "127.0.0.1",
    healthPort: numberFrom(env, "FELIX_HEALTHPORT", 9099, 0, 65535),
    paths: {
      cniSocket: env.OCICAT_CNI_SOCKET ?? DEFAULT_PATHS.cniSocket,
      apiSocket: env.OCICAT_AGENT_SOCKET ?? DEFAULT_PATHS.apiSocket,
      nodenameFile: env.OCICAT_NODENAME_FILE ?? DEFAULT_PATHS.nodenameFile,
    },
    lagResolutionMs: numberFrom(env, "OCICAT_LAG_RESOLUTION_MS", 100, 1, 10_000),
  };
}

function numberFrom(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  fallback: number,
  min: number,
  max: number,
): number {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw bad(name, text, "not a number in its range", `use a whole number from ${min} to ${max}`);
  }
  return value;
}

function bad(variable: string, value: string, why: string, fix: string): OcicatError {
  return new OcicatError({
    code: "AGENT_CONFIG",
    where: `environment variable ${variable}`,
    what: `"${value}" is ${why}`,
    fix,
  });
}
