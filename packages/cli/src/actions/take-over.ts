import { type AnyResource, type Kind, kinds } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import { ApiClient, targetOf } from "@ocicat/kubernetes";
import { findConnection } from "../connect/connection.ts";
import { withDatastore } from "../connect/datastore.ts";
import type { DatastoreOptions } from "../options/shared.ts";
import type { TakeOverCommandOptions } from "../options/take-over.ts";
import type { Surroundings } from "../surroundings.ts";
import { type Judgement, judge } from "../takeover/judge.ts";
import { NodeByNode } from "../takeover/nodes.ts";

/** Shows what would become of everything; exit code 1 if something stands in the way. */
export async function plan(surroundings: Surroundings, { config }: DatastoreOptions): Promise<void> {
  const judgement = await read(surroundings, config);
  surroundings.print(format(judgement));
  if (refused(judgement).length > 0) surroundings.setExitCode(1);
}

/** Moves nodes one after the other. Throws OcicatError; nodes before the one that failed are moved. */
export async function moveNodes(
  surroundings: Surroundings,
  verb: "takeOver" | "giveBack",
  names: readonly string[],
  options: TakeOverCommandOptions,
): Promise<void> {
  if ((names.length === 0) === (options.all !== true)) throw usage();
  if (verb === "takeOver") await mustBePossible(surroundings, options);
  const api = await openApi(surroundings, options.config);
  try {
    const moving = new NodeByNode({
      api,
      tell: (line) => surroundings.print(`${line}\n`),
      now: Date.now,
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      nodeMs: secondsIn(options.timeout) * 1000,
    });
    const all = await moving.nodes();
    const missing = names.find((name) => all.every((node) => node.name !== name));
    if (missing !== undefined)
      throw noNode(
        missing,
        all.map(({ name }) => name),
      );
    if (verb === "takeOver") await moving.prepare();
    const wanted = options.all === true ? all : all.filter(({ name }) => names.includes(name));
    for (const { name, isOurs } of wanted) {
      if (isOurs !== (verb === "takeOver")) await moving[verb](name);
      else surroundings.print(`${name}: is so already\n`);
    }
  } finally {
    await api.close();
  }
}

async function mustBePossible(surroundings: Surroundings, { config }: DatastoreOptions): Promise<void> {
  const [first, ...more] = refused(await read(surroundings, config));
  if (first === undefined) return;
  throw new OcicatError({
    code: "TAKE_OVER_REFUSED",
    where: first.what,
    what: `stands in the way${more.length === 0 ? "" : `, and ${more.length} more`}`,
    why: first.why,
    fix: first.fix ?? "see ocicat migrate calico plan",
  });
}

const refused = ({ findings }: Judgement) => findings.filter(({ verdict }) => verdict === "refused");

function read(surroundings: Surroundings, config: string | undefined): Promise<Judgement> {
  return withDatastore(surroundings, config, async ({ client }) => {
    const resources: (readonly [Kind, readonly AnyResource[]])[] = [];
    const unreadable = new Map<string, string>();
    for (const kind of kinds) {
      const list = await client.list(kind);
      resources.push([kind, list.items]);
      for (const { key, reason } of list.unreadable) unreadable.set(key, reason);
    }
    return judge(resources, unreadable);
  });
}

const TITLES = { refused: "Refused: in the way of a takeover", changed: "Changed: kept, and different here" };

/** As `kind  count` lines, and a paragraph for each finding. */
function format({ kept, findings }: Judgement): string {
  const width = Math.max(0, ...[...kept.keys()].map((kind) => kind.length));
  const lines = [...kept].map(([kind, count]) => `  ${kind.padEnd(width)}  ${count}`);
  const sections = (["refused", "changed"] as const).flatMap((verdict) => {
    const own = findings.filter((finding) => finding.verdict === verdict);
    if (own.length === 0) return [];
    return [
      `\n${TITLES[verdict]}`,
      ...own.map(({ what, why, fix }) => `  ${what}\n    ${why}${fix === undefined ? "" : `\n    ${fix}`}`),
    ];
  });
  const end = findings.some(({ verdict }) => verdict === "refused") ? [] : ["\nNothing stands in the way."];
  return `${["Kept: means here what it means to Calico", ...lines, ...sections, ...end].join("\n")}\n`;
}

/** The cluster's API, also where Calico's datastore is an etcd: nodes and DaemonSets are there. */
async function openApi(surroundings: Surroundings, config: string | undefined): Promise<ApiClient> {
  const connection = await findConnection(surroundings, config);
  const { env } = surroundings;
  const target = connection.type === "kubernetes" ? connection.target : targetOf({ kubeconfig: env.KUBECONFIG }, env);
  return new ApiClient({ target, userAgent: "ocicat-cli" });
}

function secondsIn(text: string): number {
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds > 0) return seconds;
  throw new OcicatError({
    code: "CLI_USAGE",
    where: "--timeout",
    what: `"${text}" is not a number of seconds`,
    fix: "use a whole number",
  });
}

function usage(): OcicatError {
  return new OcicatError({
    code: "CLI_USAGE",
    where: "migrate calico",
    what: "nodes are named, or --all is given, and not both",
    fix: "name one node first: ocicat migrate calico take-over NODE",
  });
}

function noNode(name: string, all: readonly string[]): OcicatError {
  return new OcicatError({
    code: "TAKE_OVER_SETUP",
    where: `node ${name}`,
    what: "is not in the cluster",
    fix: `use one of ${all.join(", ")}`,
  });
}
