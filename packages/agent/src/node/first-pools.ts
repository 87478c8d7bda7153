import { type AnyResource, API_VERSION, type IPPool, ippool } from "@ocicat/api";
import { type ResourceClient, ResourceError } from "@ocicat/client";
import { type Logger, OcicatError, type Random } from "@ocicat/kit";
import { type Family, formatAddress, parsePrefix } from "@ocicat/net";

/** A pool that a new cluster gets; its range is made up when it is made, if none was given. */
export interface FirstPool {
  readonly family: Family;
  readonly name: string;
  readonly cidr: string | undefined;
  readonly spec: Omit<IPPool["spec"], "cidr">;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What an IPv4 pool is where nothing says otherwise: Calico's. */
const IPV4_RANGE = "192.168.0.0/16";

const MODES: Readonly<Record<string, IPPool["spec"]["ipipMode"]>> = {
  "": "Never",
  off: "Never",
  never: "Never",
  always: "Always",
  crosssubnet: "CrossSubnet",
  "cross-subnet": "CrossSubnet",
};

/** The variables behind CALICO_IPV4POOL_ and CALICO_IPV6POOL_. */
const VARIABLES = [
  "CIDR",
  "IPIP",
  "VXLAN",
  "NAT_OUTGOING",
  "BLOCK_SIZE",
  "NODE_SELECTOR",
  "DISABLE_BGP_EXPORT",
] as const;

/**
 * The pools that CALICO_IPV4POOL_… and CALICO_IPV6POOL_… ask for, checked as resources are. Those of a family that the node
 * has no address of are made only with a range; no pool is made where no such variable is set, so that an agent by itself
 * makes none. `families`: those that the node has addresses of. Throws OcicatError AGENT_CONFIG.
 */
export function firstPoolsFrom(env: Environment, families: ReadonlySet<Family>): readonly FirstPool[] {
  const wanted = ([4, 6] as const).filter((family) => isWanted(env, family, families));
  if (!flagOf(env, "NO_DEFAULT_POOLS", false)) return wanted.map((family) => firstPool(env, family));
  const given = ([4, 6] as const).map((family) => `${prefixOf(family)}CIDR`).find((name) => (env[name] ?? "") !== "");
  if (given === undefined) return [];
  throw bad(given, env[given] ?? "", "given beside NO_DEFAULT_POOLS, which means that no pool is made", "remove one");
}

function isWanted(env: Environment, family: Family, families: ReadonlySet<Family>): boolean {
  const set = VARIABLES.filter((name) => (env[prefixOf(family) + name] ?? "") !== "");
  if (env[`${prefixOf(family)}CIDR`] === "none") return false;
  return set.includes("CIDR") || (set.length > 0 && families.has(family));
}

const prefixOf = (family: Family) => `CALICO_IPV${family}POOL_`;

function firstPool(env: Environment, family: Family): FirstPool {
  const prefix = prefixOf(family);
  const text = (name: (typeof VARIABLES)[number]) => env[prefix + name] ?? "";
  const given = text("CIDR") || undefined;
  const name = `default-ipv${family}-ippool`;
  const document = {
    kind: "IPPool",
    apiVersion: API_VERSION,
    metadata: { name },
    spec: {
      cidr: given ?? (family === 4 ? IPV4_RANGE : "fd00::/48"),
      ipipMode: modeOf(prefix, "IPIP", text("IPIP")),
      vxlanMode: modeOf(prefix, "VXLAN", text("VXLAN")),
      natOutgoing: flagOf(env, `${prefix}NAT_OUTGOING`, family === 4),
      disableBGPExport: flagOf(env, `${prefix}DISABLE_BGP_EXPORT`, false),
      ...(text("BLOCK_SIZE") === "" ? {} : { blockSize: Number(text("BLOCK_SIZE")) }),
      ...(text("NODE_SELECTOR") === "" ? {} : { nodeSelector: text("NODE_SELECTOR") }),
    },
  };
  const reading = ippool.read(document, "strict");
  const problems = reading.ok ? ippool.check(reading.value) : reading.problems;
  const [problem] = problems;
  if (problem !== undefined || !reading.ok) {
    const field = problem?.field ?? "spec";
    const variable = prefix + (VARIABLE_OF[field] ?? "CIDR");
    throw bad(
      variable,
      env[variable] ?? "",
      `refused: ${field} ${problem?.message ?? ""}`,
      "see ocicat explain ippool",
    );
  }
  const { cidr: _cidr, ...spec } = reading.value.spec;
  return { family, name, cidr: given ?? (family === 4 ? IPV4_RANGE : undefined), spec };
}

/** Which variable a field of the pool comes from. */
const VARIABLE_OF: Readonly<Record<string, (typeof VARIABLES)[number]>> = {
  "spec.cidr": "CIDR",
  "spec.ipipMode": "IPIP",
  "spec.vxlanMode": "VXLAN",
  "spec.blockSize": "BLOCK_SIZE",
  "spec.nodeSelector": "NODE_SELECTOR",
};

function modeOf(prefix: string, name: string, text: string): IPPool["spec"]["ipipMode"] {
  const mode = MODES[text.toLowerCase()];
  if (mode !== undefined) return mode;
  throw bad(prefix + name, text, "not a mode", "use Always, CrossSubnet or Never");
}

const FLAGS: Readonly<Record<string, boolean>> = {
  true: true,
  false: false,
  "1": true,
  "0": false,
  yes: true,
  no: false,
};

function flagOf(env: Environment, name: string, fallback: boolean): boolean {
  const text = env[name] ?? "";
  if (text === "") return fallback;
  const flag = FLAGS[text.toLowerCase()];
  if (flag !== undefined) return flag;
  throw bad(name, text, "neither true nor false", "use true or false");
}

/**
 * Makes those of whose family there is no pool yet. Of agents that start together one makes each; what it made is not looked
 * at again: a pool is a resource, which people change.
 */
export async function makeFirstPools(
  client: ResourceClient,
  pools: readonly FirstPool[],
  random: Random,
  logger: Logger,
): Promise<void> {
  if (pools.length === 0) return;
  const { items } = await client.list(ippool);
  const present = new Set(items.filter(ippool.is).map(({ spec }) => parsePrefix(spec.cidr).family));
  for (const { family, name, cidr = localRange(random), spec } of pools) {
    if (present.has(family)) continue;
    const pool: IPPool = { kind: "IPPool", apiVersion: API_VERSION, metadata: { name }, spec: { ...spec, cidr } };
    if (await created(client, pool)) logger.info("made the first pool", { name, cidr, ...modes(spec) });
  }
}

const modes = ({ ipipMode, vxlanMode }: FirstPool["spec"]) => ({ ipipMode, vxlanMode });

async function created(client: ResourceClient, pool: AnyResource): Promise<boolean> {
  try {
    await client.create(pool);
    return true;
  } catch (error) {
    // Another node's agent was faster.
    if (error instanceof ResourceError && error.code === "RESOURCE_EXISTS") return false;
    throw error;
  }
}

/** A range of one's own, of which there are 2^40: fd00::/8 with a random global ID (RFC 4193 §3.1). */
function localRange(random: Random): string {
  const id = (BigInt(random.uint32()) << 8n) | BigInt(random.uint32() & 0xff);
  const network = (0xfdn << 120n) | (id << 80n);
  return `${formatAddress(parsePrefix(`${sixGroups(network)}/48`).address)}/48`;
}

/** An IPv6 address of 128 bits as eight groups. */
function sixGroups(value: bigint): string {
  return Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16)).join(
    ":",
  );
}

function bad(variable: string, value: string, why: string, fix: string): OcicatError {
  const where = `environment variable ${variable}`;
  return new OcicatError({ code: "AGENT_CONFIG", where, what: `"${value}" is ${why}`, fix });
}
