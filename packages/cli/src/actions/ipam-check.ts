import { writeFileSync } from "node:fs";
import {
  type Census,
  type CheckResult,
  checkAllocations,
  encodeReport,
  problemCount,
  type ReportedAllocation,
  readCensus,
  type Used,
} from "@ocicat/ipam";
import { OcicatError, toError } from "@ocicat/kit";
import { withDatastore } from "../connect/datastore.ts";
import type { IpamCheckOptions } from "../options/ipam.ts";
import type { Surroundings } from "../surroundings.ts";
import { tellUnreadable } from "./ipam-unreadable.ts";
import { ownVersion } from "./version.ts";

export async function checkIpam(surroundings: Surroundings, options: IpamCheckOptions): Promise<void> {
  const census = await withDatastore(surroundings, options.config, ({ store }) => readCensus(store));
  const result = checkAllocations(census, ownVersion());
  surroundings.print(`${lines(census, result, options).join("\n")}\n`);
  if (options.output !== undefined) writeReport(options.output, encodeReport(result.report));
  tellUnreadable(surroundings, census.unreadable);
}

/** As calicoctl tells it, section by section. */
function lines(census: Census, result: CheckResult, options: IpamCheckOptions): readonly string[] {
  const all = options.showAllIps === true;
  const problems = all || options.showProblemIps === true;
  return [
    "Checking IPAM for inconsistencies...",
    "",
    ...given(result, all),
    "",
    ...inUse(census, result, all),
    "",
    ...busiestNodes(result),
    "",
    ...contradictions(result, all, problems),
    `Check complete; found ${problemCount(result)} problems.`,
  ];
}

function given({ blocks, pools, cooling }: CheckResult, all: boolean): readonly string[] {
  const count = blocks.reduce((sum, { allocations }) => sum + allocations.length, 0);
  return [
    "Loading all IPAM blocks...",
    `Found ${blocks.length} IPAM blocks.`,
    ...blocks.flatMap(({ cidr, affinity, allocations }) => [
      ` IPAM block ${cidr} affinity=${affinity ?? "<none>"}:`,
      ...(all ? allocations.map((entry) => `  ${entry.ip} allocated; attrs ${attributesOf(entry)}`) : []),
    ]),
    `IPAM blocks record ${count} allocations.`,
    ...(cooling === 0 ? [] : [`${cooling} more addresses rest after their release.`]),
    "",
    "Loading all IPAM pools...",
    ...pools.map((pool) => `  ${pool}`),
    `Found ${pools.length} active IP pools.`,
  ];
}

function inUse({ nodes, endpoints }: Census, { uses }: CheckResult, all: boolean): readonly string[] {
  const claims = [...uses].flatMap(([address, users]) => users.map((use) => ({ address, use })));
  const [ofWorkloads, ofNodes] = [true, false].map((wanted) =>
    claims.filter(({ use }) => (use.as === "workload") === wanted),
  );
  const shown = (members: typeof claims = []) =>
    all ? members.map(({ address, use }) => `  ${address} belongs to ${use.by}`) : [];
  return [
    `Loading all nodes (${nodes.length}).`,
    ...shown(ofNodes),
    `Found ${ofNodes?.length ?? 0} node tunnel IPs.`,
    "",
    `Loading all workload endpoints (${endpoints.length}).`,
    ...shown(ofWorkloads),
    `Found ${ofWorkloads?.length ?? 0} workload IPs.`,
    `Workloads and nodes are using ${uses.size} IPs.`,
  ];
}

const NODES_SHOWN = 20;

function busiestNodes({ allocationsByNode }: CheckResult): readonly string[] {
  const nodes = [...allocationsByNode].sort(([, a], [, b]) => b - a);
  const most = nodes[0]?.[1];
  const median = nodes[Math.floor(nodes.length / 2)]?.[1];
  return [
    `Looking for top (up to ${NODES_SHOWN}) nodes by allocations...`,
    ...nodes.slice(0, NODES_SHOWN).map(([node, count]) => `  ${node} has ${count} allocations`),
    ...(most === undefined ? [] : [`Node with most allocations has ${most}; median is ${median}`]),
  ];
}

function contradictions(result: CheckResult, all: boolean, problems: boolean): readonly string[] {
  const shown = (texts: readonly string[]) => (problems ? texts.map((text) => `  ${text}`) : []);
  const users = (used: readonly Used[], what: string) =>
    used.flatMap(({ address, uses }) => uses.map(({ by }) => `${address} in use by ${by} ${what}`));
  const { leaked, usedTwice, usedOutsidePools, usedUnallocated, leakedHandles, missingHandles } = result;
  return [
    "Scanning for IPs that are allocated but not actually in use...",
    ...shown(leaked.map((entry) => `${entry.ip} leaked; attrs ${attributesOf(entry)}`)),
    `Found ${leaked.length} IPs that are allocated in IPAM but not actually in use.`,
    "Scanning for IPs that are in use by a workload or node but not allocated in IPAM...",
    ...shown(usedTwice.map(({ address, uses }) => `${address} has multiple owners: ${names(uses)}.`)),
    ...shown(users(usedOutsidePools, "is not in any active IP pool.")),
    ...shown(users(usedUnallocated, "and in active IPAM pool but has no IPAM allocation.")),
    ...(usedTwice.length === 0 ? [] : [`Found ${usedTwice.length} in-use IPs with more than one owner.`]),
    `Found ${usedOutsidePools.length} in-use IPs that are not in active IP pools.`,
    `Found ${usedUnallocated.length} in-use IPs that are in active IP pools but have no corresponding IPAM allocation.`,
    "",
    "Scanning for IPAM handles with no matching IPs...",
    ...(all ? leakedHandles.map(({ ID }) => `  ${ID} doesn't have any active IPs.`) : []),
    `Found ${leakedHandles.length} handles with no matching IPs (and ${result.soundHandles} handles with matches).`,
    "Scanning for IPs with missing handle...",
    ...shown(missingHandles.map((id) => `${id} is in use in a block but doesn't exist.`)),
    `Found ${missingHandles.length} handles mentioned in blocks with no matching handle resource.`,
  ];
}

function names(uses: Used["uses"]): string {
  return uses.map(({ by }) => by).join(", ");
}

function attributesOf({ handle = "<none>", creationTimestamp: timestamp, ...entry }: ReportedAllocation): string {
  const { namespace, node, pod, type } = entry;
  const extra = Object.entries({ namespace, node, pod, timestamp, type })
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => `${name}=${value}`);
  return `Main:${handle} Extra:${extra.join(",")}`;
}

function writeReport(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new OcicatError({
      code: "CLI_OUTPUT",
      where: file,
      what: `the report cannot be written: ${toError(cause).message}`,
      fix: "give the path of a file that can",
      cause,
    });
  }
}
