import { setTimeout as pause } from "node:timers/promises";
import { type Difference, describeDifference, POLICY_TABLE, type VerifyReport, verifyNode } from "@ocicat/enforcement";
import { isOcicatError, OcicatError, toError } from "@ocicat/kit";
import { openKernel } from "@ocicat/linux";
import { readTables } from "@ocicat/nftables";
import type { HostInterface, PolicyModel } from "@ocicat/policy";
import { askAgent } from "../agents/ask.ts";
import { type NodeSettings, readPolicySettings } from "../agents/policy-settings.ts";
import { withDatastore } from "../connect/datastore.ts";
import { IN_MACHINE } from "../connect/lab.ts";
import type { PolicyVerifyOptions } from "../options/policy.ts";
import { oneLine } from "../output/line.ts";
import { counted } from "../policy/difference-text.ts";
import { checkOutput, print } from "../policy/output.ts";
import { readPolicyModel } from "../policy/read-model.ts";
import type { Surroundings } from "../surroundings.ts";
import type { SitePlace } from "../walk/site.ts";
import { siteOf } from "../walk/site-of.ts";

/** As doctor's: a difference is no failure to look. */
const EXIT = { differs: 1, couldNotLook: 2 } as const;

/** Between the two looks: what is only under way is no difference. */
const BETWEEN_MS = 1_000;

/** Reads nodes' tables back from their kernels, and proves that they do to every packet what is stored. */
export async function verifyPolicy(
  surroundings: Surroundings,
  node: string | undefined,
  options: PolicyVerifyOptions,
): Promise<void> {
  try {
    checkOutput(options.output);
    const nodes = await nodesInReach(surroundings, node, options);
    const outcomes = await Promise.allSettled(nodes.map((place) => verifyTwice(surroundings, place, options)));
    const looked = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    print(surroundings, options.output, { text: () => looked.map(text).join("\n"), json: () => looked.map(json) });
    if (looked.some(({ report }) => report.differences.length > 0)) surroundings.setExitCode(EXIT.differs);
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === "fulfilled") continue;
      surroundings.tell(`node ${nodes[index]?.name ?? ""} could not be verified: ${toError(outcome.reason).message}`);
      surroundings.setExitCode(EXIT.couldNotLook);
    }
  } catch (error) {
    if (!isOcicatError(error) || error.code === IN_MACHINE) throw error;
    surroundings.tell(error.message);
    surroundings.setExitCode(EXIT.couldNotLook);
  }
}

interface Verified {
  readonly node: string;
  readonly report: VerifyReport;
}

/** This node, or those of the lab. Throws OcicatError AGENT_NONE. */
async function nodesInReach(
  surroundings: Surroundings,
  wanted: string | undefined,
  options: PolicyVerifyOptions,
): Promise<readonly SitePlace[]> {
  const { places } = await siteOf(surroundings, options);
  const nodes = places.filter(({ kind, open }) => kind === "node" && open !== undefined);
  const found = nodes.filter(({ name }) => wanted === undefined || name === wanted);
  if (found.length > 0) return found;
  const fix = `use one of ${nodes.map(({ name }) => name).join(", ")}, or run this on the node`;
  throw new OcicatError({ code: "AGENT_NONE", what: `there is no node "${wanted ?? ""}" in reach`, fix });
}

/** A difference counts if it is there twice: between the datastore and the kernel a change may be under way. */
async function verifyTwice(
  surroundings: Surroundings,
  place: SitePlace,
  options: PolicyVerifyOptions,
): Promise<Verified> {
  const first = await verifyOnce(surroundings, place, options);
  if (first.differences.length === 0) return { node: place.name, report: first };
  await pause(BETWEEN_MS);
  return { node: place.name, report: await verifyOnce(surroundings, place, options) };
}

async function verifyOnce(
  surroundings: Surroundings,
  { name: node, agentSocket, open }: SitePlace,
  { config }: PolicyVerifyOptions,
): Promise<VerifyReport> {
  if (agentSocket === undefined || open === undefined)
    throw new OcicatError({
      code: "AGENT_NONE",
      where: node,
      what: "its agent does not run: it says what policy goes by",
    });
  const settings = readPolicySettings(await askAgent(agentSocket, "/policy/settings"));
  const stored = await withDatastore(surroundings, config, (opened) => readPolicyModel(surroundings, opened));
  using namespace = open();
  const kernel = openKernel({ namespace });
  try {
    const [actual] = readTables((request) => kernel.nftQuery(request), [POLICY_TABLE]);
    const addresses = Map.groupBy(kernel.addresses(), ({ linkIndex }) => linkIndex);
    const interfaces = kernel.links().map(
      ({ index, name }): HostInterface => ({
        node,
        name,
        addresses: (addresses.get(index) ?? []).map(({ address }) => address),
      }),
    );
    return verifyNode({
      table: actual?.table,
      unknown: actual?.unknown ?? [],
      model: onNode(stored, node, settings, interfaces),
      options: { node, interfacePrefixes: settings.interfacePrefixes },
    });
  } finally {
    kernel.close();
  }
}

/** With what holds on the node and its own interfaces, as its kernel has them. */
function onNode(
  model: PolicyModel,
  node: string,
  settings: NodeSettings,
  interfaces: readonly HostInterface[],
): PolicyModel {
  const others = (model.nodes ?? []).filter((one) => one.node !== node);
  return { ...model, settings, nodes: [...others, ...interfaces] };
}

function text({ node, report }: Verified): string {
  const { differences, interfaces } = report;
  if (differences.length === 0)
    return `${node}: the kernel does to every packet what policy says, shown for ${counted(interfaces, "interface")}.\n`;
  return [`${node}: ${counted(differences.length, "difference")}`, ...differences.flatMap(lines), ""].join("\n");
}

function lines(difference: Difference): readonly string[] {
  return describeDifference(difference)
    .split("\n")
    .map((line) => `  ${/^ */.exec(line)?.[0] ?? ""}${oneLine(line)}`);
}

function json({ node, report }: Verified) {
  return {
    node,
    interfaces: report.interfaces,
    differences: report.differences.map((difference) => ({
      kind: difference.kind,
      text: describeDifference(difference),
    })),
  };
}
