import { poolRow } from "@ocicat/agent/rows";
import { checkResource, type IPPool, ippool, printableResource, readDocument } from "@ocicat/api";
import { OcicatError, stringifyJson } from "@ocicat/kit";
import { named, type Objection, type PoolPlan, planPool, type RouteClass } from "@ocicat/routing/plan";
import { readOwnInterfaces } from "../agents/answers.ts";
import { tryAgents } from "../agents/reach.ts";
import { type Opened, withDatastore } from "../connect/datastore.ts";
import { type Manifest, readManifests } from "../input/manifests.ts";
import type { PoolPlanOptions } from "../options/pool.ts";
import { DEFAULT_NAMESPACE } from "../options/shared.ts";
import type { Surroundings } from "../surroundings.ts";
import { readPlanCluster, withBlocks } from "./plan-cluster.ts";

export async function showPoolPlan(
  surroundings: Surroundings,
  name: string | undefined,
  options: PoolPlanOptions,
): Promise<void> {
  const show = SHOW[options.output];
  if (show === undefined) {
    const fix = `use one of ${Object.keys(SHOW).join(", ")}`;
    throw new OcicatError({ code: "CLI_OUTPUT", what: `"${options.output}" is not an output format`, fix });
  }
  const manifest = options.filename === undefined ? undefined : await manifestIn(surroundings, options.filename);
  if (manifest !== undefined && name !== undefined && manifest.pool.metadata.name !== name)
    throw wrong(`the file is about ${manifest.pool.metadata.name}, and the command about ${name}`, "name one of them");
  await withDatastore(surroundings, options.config, async (opened) => {
    const wanted = manifest === undefined ? await changed(opened, name, options) : await checked(opened, manifest);
    show(surroundings, await planFor(surroundings, opened, wanted), options.filename);
  });
}

/** The pool in a file, and how its place is told. */
interface PoolManifest {
  readonly pool: IPPool;
  readonly locate: Manifest["locate"];
}

async function manifestIn(surroundings: Surroundings, filename: string): Promise<PoolManifest> {
  const [first, ...others] = await readManifests(surroundings, { filename, namespace: DEFAULT_NAMESPACE });
  if (first !== undefined && others.length === 0 && ippool.is(first.resource))
    return { pool: first.resource, locate: first.locate };
  throw wrong(`there is more in ${filename} than one IPPool, or another kind`, "give a file with the IPPool alone");
}

/** Refused for what the schema and the stored pools have against it, as apply would. */
async function checked({ client }: Opened, { pool, locate }: PoolManifest): Promise<IPPool> {
  const previous = await client.find(ippool, pool.metadata.name);
  const others = (await client.list(ippool)).items;
  try {
    checkResource(pool, { previous, others });
  } catch (error) {
    throw error instanceof OcicatError ? locate(error) : error;
  }
  return pool;
}

/** The pool as it is stored, with what the options say. */
async function changed({ client }: Opened, name: string | undefined, options: PoolPlanOptions): Promise<IPPool> {
  const { vxlan: vxlanMode, ipip: ipipMode, natOutgoing } = options;
  if (name === undefined) throw wrong("it is not said of which pool", "name it, or give -f FILE");
  if (vxlanMode === undefined && ipipMode === undefined && natOutgoing === undefined)
    throw wrong("it is not said what to change", "give --vxlan, --ipip, --nat-outgoing, or -f FILE");
  const previous = await client.get(ippool, name);
  const document = printableResource(previous);
  const spec = {
    ...previous.spec,
    ...(vxlanMode === undefined ? {} : { vxlanMode }),
    ...(ipipMode === undefined ? {} : { ipipMode }),
    ...(natOutgoing === undefined ? {} : { natOutgoing: BOOLEANS[natOutgoing] ?? natOutgoing }),
  };
  const wanted = readDocument({ ...(document as object), spec });
  if (!ippool.is(wanted)) throw new TypeError("an IPPool was read as another kind");
  return wanted;
}

const BOOLEANS: Readonly<Record<string, boolean>> = { true: true, false: false };

async function planFor(surroundings: Surroundings, opened: Opened, wanted: IPPool): Promise<PoolPlan> {
  const row = poolRow(wanted);
  const [cluster, interfaces] = await Promise.all([
    readPlanCluster(opened),
    tryAgents(surroundings, "/node", readOwnInterfaces),
  ]);
  const byNode = new Map(interfaces.map(({ body: { node, ...families } }) => [node, families]));
  return planPool(row, await withBlocks(cluster, row, opened, byNode));
}

type Show = (surroundings: Surroundings, plan: PoolPlan, filename: string | undefined) => void;

const SHOW: Readonly<Record<string, Show>> = {
  ps(surroundings, plan, filename) {
    if (plan.objections.length === 0) surroundings.print(text(plan, filename));
    refuse(surroundings, plan);
  },
  json(surroundings, plan) {
    surroundings.print(`${stringifyJson(plan, 2)}\n`);
    refuse(surroundings, plan);
  },
};

function refuse({ tell, setExitCode }: Surroundings, { pool, objections }: PoolPlan): void {
  for (const objection of objections) tell(objectionLine(pool, objection));
  if (objections.length > 0) setExitCode(1);
}

/** `IPPool NAME: what: why; how to mend it`. */
export function objectionLine(pool: string, { what, why, fix }: Objection): string {
  return `IPPool ${pool}: ${what}: ${why}; ${fix}`;
}

function text(plan: PoolPlan, filename: string | undefined): string {
  const { pool, changes, steps, routes, mtu } = plan;
  if (changes.length === 0) return `IPPool ${pool}: nothing changes.\n`;
  const fields = changes.map(({ field, before, after }) => `${field} ${before === "" ? "" : `${before} → `}${after}`);
  const order = steps.map(
    ({ nodes, when, does }, index) => `  ${index + 1}. ${named(nodes)}; each when ${when}:\n     ${does}\n`,
  );
  const apply =
    filename === undefined
      ? `ocicat get ippool ${pool} -o yaml > ${pool}.yaml; change it there; ocicat apply -f ${pool}.yaml`
      : `ocicat apply -f ${filename}`;
  return [
    `IPPool ${pool}: ${fields.join(", ")}\n`,
    ...(order.length === 0 ? [] : [`What nodes do, in this order, each by itself:\n\n${order.join("")}`]),
    ...(routes.length === 0 ? [] : [`Routes:\n\n${routes.map(routeLines).join("\n")}`]),
    `MTU: ${mtu.text}.\n`,
    `Nothing was written. To do it: ${apply}\n`,
  ].join("\n");
}

function routeLines({ between, pairs, from, to, before, after }: RouteClass): string {
  const what = `  between ${between} (${pairs}), ${from} to ${to} for one:\n`;
  return before === after ? `${what}    stays   ${after}\n` : `${what}    before  ${before}\n    after   ${after}\n`;
}

function wrong(what: string, fix: string): OcicatError {
  return new OcicatError({ code: "CLI_ARGUMENTS", what, fix });
}
