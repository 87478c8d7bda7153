import { durationMs, type FelixConfiguration, felixFromEnvironment, parseDuration } from "@ocicat/api";
import type { OcicatError } from "@ocicat/kit";
import { type Settings, settingsFromEnv } from "@ocicat/kubernetes/open";
import { type Family, isAddress, type Prefix, parseAddress, parsePrefix } from "@ocicat/net";
import { BACKENDS, type Backend } from "@ocicat/routing";
import { type Environment, numberVariable, refusedVariable } from "@ocicat/service";
import type { RouterId } from "./bgp/router-id.ts";
import { type AddressSource, METHODS, parseMethod, parseSource } from "./node/detection-method.ts";
import { type FirstPool, firstPoolsFrom } from "./node/first-pools.ts";
import { type NodeExtras, nodeExtrasFrom } from "./node/register.ts";

/** Where an agent's things are on a node. Paths that Calico users know keep their names. */
export interface AgentPaths {
  /** The plugin's socket. */
  readonly cniSocket: string;
  /** The command line's socket: status, why. */
  readonly apiSocket: string;
  /** Where BIRD's control sockets are, for birdcl. */
  readonly birdSockets: string;
  /** Where a BIRD's configuration is that the agent looks after. */
  readonly birdConfiguration: string;
  /** Passwords of BGP sessions, as `<secret>/<key>`. */
  readonly secrets: string;
  /** Tells the plugin and other tools the node's name, as Calico's does. */
  readonly nodenameFile: string;
}

export interface AgentOptions {
  readonly nodeName: string;
  /** Where the agent's own pod is; its secrets are there. */
  readonly namespace: string;
  /** Which datastore, and how it is reached. */
  readonly datastore: Settings;
  /** Who watches the datastore for many agents; undefined: each for itself. */
  readonly fanout?: FanoutSettings | undefined;
  /** Where the node's own addresses come from. */
  readonly ip: AddressSource;
  readonly ip6: AddressSource;
  /** What the node's resource says besides its addresses. */
  readonly extras: NodeExtras;
  /** The pools of a cluster that has none. */
  readonly firstPools: readonly FirstPool[];
  /** Words for ClusterInformation's clusterType, each of which is to be there. */
  readonly clusterType: readonly string[];
  /** Refuses an address that another node has. */
  readonly checksOwnAddress: boolean;
  /** How often the addresses are looked for again, milliseconds; 0: only when the host's links or addresses change. */
  readonly addressRefreshMs: number;
  /** The node is Calico's so far: what Calico left in its kernel is taken away when ours stands. */
  readonly takesOver: boolean;
  /** What carries packets between nodes. */
  readonly backend: Backend;
  /** Blocks of this node that lie side by side are announced as one. */
  readonly aggregateBlocks: boolean;
  /** Who does BGP: the agent itself, or a BIRD that it looks after. */
  readonly bgpDaemon: BgpDaemon;
  /** Instead of what BGPConfiguration says; undefined: that. */
  readonly bgpPort: number | undefined;
  /** BGP's identifier; undefined: the node's IPv4 address, or one from its name where it has none. */
  readonly routerId: RouterId | undefined;
  /** What goes before the datastore's FelixConfigurations. */
  readonly felix: Partial<FelixConfiguration["spec"]>;
  /** Announced of the services' own addresses, instead of what BGPConfiguration says; empty: that. */
  readonly serviceClusterIps: readonly Prefix[];
  /** Between proofs that the kernel does what policy wants, milliseconds; 0: only when asked. */
  readonly policyVerifyMs: number;
  readonly healthHost: string;
  readonly healthPort: number;
  readonly paths: AgentPaths;
  /** Milliseconds between samples of the event loop's lag; small values cost CPU. */
  readonly lagResolutionMs: number;
}

export const BGP_DAEMONS = ["ocicat", "bird"] as const;
export type BgpDaemon = (typeof BGP_DAEMONS)[number];

/** Where fan-outs are, and as whom this agent comes to them. */
export interface FanoutSettings {
  readonly endpoints: readonly string[];
  readonly tls: {
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
    readonly serverName?: string;
  };
}

export const DEFAULT_PATHS: AgentPaths = {
  cniSocket: "/run/ocicat/cni.sock",
  apiSocket: "/run/ocicat/agent.sock",
  birdSockets: "/var/run/calico",
  birdConfiguration: "/etc/calico/confd/config",
  secrets: "/etc/ocicat/secrets",
  nodenameFile: "/var/lib/calico/nodename",
};

const NODE_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/**
 * The agent's options from its environment, by the names that calico-node uses. Throws OcicatError AGENT_CONFIG, naming
 * the variable, its value and what would do.
 */
export function agentOptionsFrom(env: Environment, hostname: string): AgentOptions {
  const nodeName = (env.NODENAME ?? hostname).trim().toLowerCase();
  if (nodeName.length > 253 || !NODE_NAME.test(nodeName)) {
    throw bad("NODENAME", nodeName, "not a node name", "use lower-case letters, digits, '-' and '.', as in a DNS name");
  }
  const ip = addressSourceFrom(env, "IP", 4, "autodetect");
  // As with Calico, IPv6 is for those who ask for it.
  const ip6 = addressSourceFrom(env, "IP6", 6, "none");
  const families = new Set<Family>([
    ...(ip.kind === "none" ? [] : [4 as const]),
    ...(ip6.kind === "none" ? [] : [6 as const]),
  ]);
  return {
    nodeName,
    namespace: env.POD_NAMESPACE || "kube-system",
    datastore: settingsFromEnv(env),
    fanout: fanoutFrom(env),
    ip,
    ip6,
    extras: nodeExtrasFrom(env),
    firstPools: firstPoolsFrom(env, families),
    clusterType: (env.CLUSTER_TYPE ?? "").split(",").flatMap((word) => word.trim() || []),
    checksOwnAddress: !flagFrom(env, "DISABLE_NODE_IP_CHECK"),
    addressRefreshMs: durationFrom(env, "AUTODETECT_POLL_INTERVAL", "60s"),
    takesOver: takesOverFrom(env),
    backend: backendFrom(env),
    aggregateBlocks: flagFrom(env, "OCICAT_BGP_AGGREGATE_BLOCKS"),
    bgpDaemon: daemonFrom(env),
    bgpPort: env.OCICAT_BGP_PORT ? numberFrom(env, "OCICAT_BGP_PORT", 179, 0, 65535) : undefined,
    routerId: routerIdFrom(env),
    felix: felixFromEnvironment(env),
    serviceClusterIps: prefixesFrom(env, "CALICO_ADVERTISE_CLUSTER_IPS"),
    policyVerifyMs: durationFrom(env, "OCICAT_POLICY_VERIFY_INTERVAL", "10m"),
    healthHost: env.FELIX_HEALTHHOST ?? "127.0.0.1",
    healthPort: numberFrom(env, "FELIX_HEALTHPORT", 9099, 0, 65535),
    paths: {
      cniSocket: env.OCICAT_CNI_SOCKET ?? DEFAULT_PATHS.cniSocket,
      apiSocket: env.OCICAT_AGENT_SOCKET ?? DEFAULT_PATHS.apiSocket,
      birdSockets: env.OCICAT_BIRD_SOCKETS ?? DEFAULT_PATHS.birdSockets,
      birdConfiguration: env.OCICAT_BIRD_CONFIG_DIR ?? DEFAULT_PATHS.birdConfiguration,
      secrets: env.OCICAT_SECRETS_DIR ?? DEFAULT_PATHS.secrets,
      nodenameFile: env.OCICAT_NODENAME_FILE ?? env.CALICO_NODENAME_FILE ?? DEFAULT_PATHS.nodenameFile,
    },
    lagResolutionMs: numberFrom(env, "OCICAT_LAG_RESOLUTION_MS", 100, 1, 10_000),
  };
}

const CODE = "AGENT_CONFIG";

/** Any of those named will do: all tell the same. Without endpoints a service of Kubernetes may be named. */
function fanoutFrom(env: Environment): FanoutSettings | undefined {
  const named = (env.OCICAT_FANOUT_ENDPOINTS ?? "").split(",").flatMap((endpoint) => endpoint.trim() || []);
  const endpoints = named.length > 0 ? named : serviceFrom(env);
  if (endpoints.length === 0) return undefined;
  const files = {
    caFile: env.OCICAT_FANOUT_CA_FILE,
    certFile: env.OCICAT_FANOUT_CERT_FILE,
    keyFile: env.OCICAT_FANOUT_KEY_FILE,
    serverName: env.OCICAT_FANOUT_SERVER_NAME,
  };
  return { endpoints, tls: Object.fromEntries(Object.entries(files).filter(([, value]) => value)) };
}

/** Where the kubelet says that the service is: variables, as it has them for every service of the pod's namespace. */
function serviceFrom(env: Environment): readonly string[] {
  const name = env.OCICAT_FANOUT_SERVICE ?? "";
  if (name === "" || name === "none") return [];
  const prefix = `${name.toUpperCase().replaceAll("-", "_")}_SERVICE_`;
  const [host, port] = [env[`${prefix}HOST`], env[`${prefix}PORT`]];
  if (host && port) return [`https://${host.includes(":") ? `[${host}]` : host}:${port}`];
  throw bad(
    "OCICAT_FANOUT_SERVICE",
    name,
    "no service that the kubelet knows",
    "make the service before this pod, or use none",
  );
}

function addressSourceFrom(env: Environment, name: "IP" | "IP6", family: Family, fallback: string): AddressSource {
  const methodName = `${name}_AUTODETECTION_METHOD`;
  const methodText = env[methodName] ?? "";
  const method = parseMethod(methodText, family);
  if ("unusable" in method)
    throw bad(methodName, methodText, `not usable: ${method.unusable}`, `use one of ${METHODS}`);
  const text = env[name] === undefined || env[name] === "" ? fallback : env[name];
  const source = parseSource(text, family, method);
  if ("unusable" in source)
    throw bad(
      name,
      text,
      `not usable: ${source.unusable}`,
      "use an address of this node, address/length, autodetect or none",
    );
  return source;
}

function durationFrom(env: Environment, name: string, fallback: string): number {
  const text = env[name] === undefined || env[name] === "" ? fallback : env[name];
  const nanoseconds = parseDuration(text);
  if (nanoseconds === undefined || nanoseconds < 0n)
    throw bad(name, text, "not a duration", "write it like 60s or 1m30s; 0s switches it off");
  return durationMs(text);
}

function prefixesFrom(env: Environment, name: string): readonly Prefix[] {
  const words = (env[name] ?? "").split(",").flatMap((word) => word.trim() || []);
  return words.map((word) => {
    try {
      return parsePrefix(word, { hostBits: "clear" });
    } catch {
      throw bad(name, word, "not a network", "write networks as 10.96.0.0/12, separated by commas");
    }
  });
}

function takesOverFrom(env: Environment): boolean {
  const text = env.OCICAT_TAKE_OVER || "none";
  if (text === "none" || text === "calico") return text === "calico";
  throw bad("OCICAT_TAKE_OVER", text, "nothing that can be taken over", "use calico or none");
}

function backendFrom(env: Environment): Backend {
  const text = env.CALICO_NETWORKING_BACKEND ?? "";
  const backend = text === "" ? "bird" : BACKENDS.find((each) => each === text);
  if (backend !== undefined) return backend;
  throw bad("CALICO_NETWORKING_BACKEND", text, "not a networking backend", `use one of ${BACKENDS.join(", ")}`);
}

function flagFrom(env: Environment, name: string): boolean {
  const text = (env[name] ?? "").trim().toLowerCase();
  if (["true", "enabled", "1"].includes(text)) return true;
  if (["", "false", "disabled", "0"].includes(text)) return false;
  throw bad(name, text, "neither true nor false", "use true or false");
}

function daemonFrom(env: Environment): BgpDaemon {
  const text = env.OCICAT_BGP_DAEMON ?? "";
  const daemon = text === "" ? "ocicat" : BGP_DAEMONS.find((each) => each === text);
  if (daemon !== undefined) return daemon;
  throw bad("OCICAT_BGP_DAEMON", text, "not a BGP daemon", `use one of ${BGP_DAEMONS.join(", ")}`);
}

function routerIdFrom(env: Environment): RouterId | undefined {
  const text = (env.CALICO_ROUTER_ID ?? "").trim();
  if (text === "" || text === "hash") return text || undefined;
  const address = isAddress(text) ? parseAddress(text) : undefined;
  if (typeof address === "number" && address !== 0) return address;
  throw bad("CALICO_ROUTER_ID", text, "no BGP identifier", "use an IPv4 address, or hash for one from the node's name");
}

function numberFrom(env: Environment, name: string, fallback: number, min: number, max: number): number {
  return numberVariable(env, name, { code: CODE, fallback, min, max });
}

function bad(variable: string, value: string, why: string, fix: string): OcicatError {
  return refusedVariable(CODE, variable, `"${value}" is ${why}`, fix);
}
