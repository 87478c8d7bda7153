import type { ClusterInformation } from "@ocicat/api";
import { handleKey } from "@ocicat/api/ipam";
import { DatastoreError } from "@ocicat/datastore";
import { type Census, type CheckReport, decodeReport, findHolder, leaksInAll, readCensus } from "@ocicat/ipam";
import { OcicatError } from "@ocicat/kit";
import { type Address, formatAddress, PrefixTrie, parseAddress } from "@ocicat/net";
import { type Opened, withDatastore } from "../connect/datastore.ts";
import { ipamOf } from "../farewell/ipam.ts";
import { readText } from "../input/files.ts";
import type { IpamReleaseOptions } from "../options/ipam.ts";
import type { Surroundings } from "../surroundings.ts";
import { addressFrom } from "./ipam-address.ts";
import { type Release, releaseInBatches } from "./ipam-release-batches.ts";
import { ownVersion } from "./version.ts";

export async function releaseIpam(surroundings: Surroundings, options: IpamReleaseOptions): Promise<void> {
  const { ip, fromReport = [], force = false, config } = options;
  if ((ip === undefined) === (fromReport.length === 0)) {
    const fix = "give either --ip or --from-report";
    throw new OcicatError({ code: "CLI_ARGUMENTS", what: "it is not said what to release", fix });
  }
  const address = ip === undefined ? undefined : addressFrom("--ip", ip);
  const reports = fromReport.map((file) => ({
    file,
    report: decodeReport(file, readText(file, "IPAM_REPORT_INVALID")),
  }));
  await withDatastore(surroundings, config, async (opened) => {
    const census = await readCensus(opened.store);
    if (address === undefined) await releaseReported({ surroundings, opened, census, force }, reports);
    else await releaseOne({ surroundings, opened, census, force }, address);
  });
}

/** Nothing is given out here, and no block claimed. */
const NO_NODE = "(none)";

interface Work {
  readonly surroundings: Surroundings;
  readonly opened: Opened;
  readonly census: Census;
  readonly force: boolean;
}

async function releaseOne({ surroundings, opened, census, force }: Work, address: Address): Promise<void> {
  const text = formatAddress(address);
  const holder = findHolder(
    census.blocks.map(({ value }) => value),
    address,
  );
  if (holder === undefined || holder.releasedAt !== undefined) {
    const fix = "ocicat ipam why says what is known of it";
    throw new OcicatError({ code: "IPAM_NOT_ASSIGNED", what: `IP address ${text} is not assigned`, fix });
  }
  const users = usersOf(census, text);
  if (users !== "" && !force) {
    throw new OcicatError({
      code: "IPAM_IN_USE",
      what: `IP address ${text} is in use`,
      why: `by ${users}, which would keep it while another gets it`,
      fix: "delete that first, or release it all the same with --force",
    });
  }
  const { handleId, sequence } = holder;
  const ipam = await ipamOf(opened, NO_NODE);
  await ipam.release({ addresses: [{ address, sequence, ...(handleId === undefined ? {} : { handleId }) }] });
  surroundings.print(`Successfully released IP address ${text}\n`);
}

interface ReportFile {
  readonly file: string;
  readonly report: CheckReport;
}

async function releaseReported(work: Work, files: readonly ReportFile[]): Promise<void> {
  const { census, surroundings } = work;
  const isLocked = checkReports(work, files);
  const leaks = leaksInAll(files.map(({ report }) => report));
  const blocks = new PrefixTrie<string>();
  for (const { key, value } of census.blocks) blocks.set(value.prefix, key);
  const releases = [...leaks.allocations.values()].map(({ ip, handle, sequenceNumber }): Release => {
    const address = parseAddress(ip);
    const block = blocks.longestMatch(address)?.value;
    return { address, handleId: handle, sequence: sequenceNumber, block, users: usersOf(census, ip) };
  });
  await releaseAddresses(work, releases);
  await deleteHandles(work, leaks.handles);
  if (isLocked) surroundings.print("You may now unlock the data store.\n");
}

/** Whether the datastore is locked. Throws OcicatError where these reports are not to be gone by. */
function checkReports({ census, force, surroundings }: Work, files: readonly ReportFile[]): boolean {
  const cluster = clusterOf(census);
  for (const { file, report } of files) {
    if (report.clusterGUID !== (cluster.spec.clusterGUID ?? "")) {
      throw refusal(
        `${file} is about another cluster, ${report.clusterGUID || "without a GUID"}`,
        "use a report of this one",
      );
    }
    if (report.version === ownVersion()) continue;
    const what = `${file} was made by another version, ${report.version}`;
    if (!force) throw refusal(what, "make a new one, or go by it all the same with --force");
    surroundings.tell(`${what}; it is gone by all the same`);
  }
  const { resourceVersion } = cluster.metadata;
  if (!files.some(({ report }) => report.clusterInformationRevision === resourceVersion)) {
    throw refusal("every report is older than the state the cluster is in", "make one more now, and give it too");
  }
  if (cluster.spec.datastoreReady === false) return true;
  const what = "the datastore is not locked";
  if (!force) throw refusal(what, "lock it with ocicat datastore migrate lock, or release all the same with --force");
  surroundings.tell(`${what}; addresses are released all the same`);
  return false;
}

function clusterOf({ cluster }: Census): ClusterInformation {
  return cluster ?? refuse("there is no ClusterInformation default", "the first agent that starts writes it");
}

async function releaseAddresses({ surroundings, opened }: Work, releases: readonly Release[]): Promise<void> {
  const { print } = surroundings;
  if (releases.length === 0) return print("Report didn't contain any leaked IPs to clean up.\n");
  print(`Releasing ${releases.length} old IPs...\n`);
  const { released, absent, kept } = await releaseInBatches(await ipamOf(opened, NO_NODE), releases);
  print(`Released ${released} IPs successfully\n`);
  if (absent > 0) print(`${absent} addresses marked as leaked in the report had already been cleaned up.\n`);
  for (const { address, why } of kept) print(`  ${formatAddress(address)} is kept: ${why}\n`);
  if (kept.length > 0) print(`${kept.length} addresses marked as leaked in the report are not, and were kept.\n`);
}

async function deleteHandles(
  { surroundings: { print }, opened: { store } }: Work,
  handles: ReturnType<typeof leaksInAll>["handles"],
): Promise<void> {
  if (handles.size === 0) return print("Report didn't contain any handles to clean up.\n");
  print(`Deleting ${handles.size} handles...\n`);
  let deleted = 0;
  for (const { ID, Revision } of handles.values()) {
    try {
      await store.delete(handleKey(ID), /^\d+$/.test(Revision) ? BigInt(Revision) : 0n);
      deleted += 1;
    } catch (error) {
      // It was written or deleted since: not the one that the report is about.
      if (!(error instanceof DatastoreError) || (error.code !== "CONFLICT" && error.code !== "NOT_FOUND")) throw error;
    }
  }
  print(`Released ${deleted} handles; ${handles.size - deleted} skipped; 0 errors.\n`);
}

function usersOf({ uses }: Census, address: string): string {
  return (uses.get(address) ?? []).map(({ by }) => by).join(", ");
}

function refusal(what: string, fix: string): OcicatError {
  return new OcicatError({ code: "IPAM_REPORT_REFUSED", what, fix });
}

function refuse(what: string, fix: string): never {
  throw refusal(what, fix);
}
