import { type AllocationBlock, blockOwner, WINDOWS_RESERVED_HANDLE } from "@ocicat/api/ipam";
import { formatAddress, type Prefix, parseAddress, parsePrefix } from "@ocicat/net";
import { addressOf, attributeOf, isAllocated, isCooling, sequenceOf } from "../block/index.ts";
import { type AddressUse, type Census, needsAllocation } from "../census/index.ts";
import type { CheckReport, ReportedAllocation, ReportedHandle } from "./report.ts";

/** What calicoctl's check looks for, found. */
export interface CheckResult {
  readonly blocks: readonly CheckedBlock[];
  readonly pools: readonly Prefix[];
  /** Addresses that are in use, and by whom; without nodes' own addresses. By address. */
  readonly uses: ReadonlyMap<string, readonly AddressUse[]>;
  readonly allocationsByNode: ReadonlyMap<string, number>;
  readonly cooling: number;
  /** Held by nobody who is there. */
  readonly leaked: readonly ReportedAllocation[];
  readonly usedOutsidePools: readonly Used[];
  readonly usedUnallocated: readonly Used[];
  readonly usedTwice: readonly Used[];
  readonly leakedHandles: readonly ReportedHandle[];
  readonly soundHandles: number;
  readonly missingHandles: readonly string[];
  readonly report: CheckReport;
}

export interface CheckedBlock {
  readonly cidr: string;
  readonly affinity: string | null;
  readonly allocations: readonly ReportedAllocation[];
}

export interface Used {
  readonly address: string;
  readonly uses: readonly AddressUse[];
}

/** Compares what IPAM gave out with what is in use, and with its handles. `version`: of this program, for the report. */
export function checkAllocations(census: Census, version: string): CheckResult {
  const uses = new Map(
    [...census.uses].flatMap(([address, all]) => {
      const own = all.filter(needsAllocation);
      return own.length === 0 ? [] : [[address, own] as const];
    }),
  );
  const blocks = census.blocks.map(({ value }) => checkedBlock(value, uses));
  const allocations = blocks.flatMap((block) => block.allocations);
  const held = new Set(allocations.map(({ ip }) => ip));
  const pools = census.pools.filter(({ spec }) => !spec.disabled).map(({ spec }) => parsePrefix(spec.cidr));
  const all = [...uses].map(([address, users]) => ({ address, uses: users }));
  const unallocated = all.filter(({ address }) => !held.has(address));
  const isInPool = ({ address }: Used) => pools.some((pool) => pool.has(parseAddress(address)));
  const handles = checkHandles(census, allocations);
  return {
    blocks,
    pools,
    uses,
    allocationsByNode: countBy(allocations, ({ node = "" }) => node),
    cooling: census.blocks.reduce((sum, { value }) => sum + coolingIn(value), 0),
    leaked: allocations.filter(({ inUse }) => !inUse),
    usedOutsidePools: unallocated.filter((used) => !isInPool(used)),
    usedUnallocated: unallocated.filter(isInPool),
    usedTwice: all.filter((used) => used.uses.length > 1),
    ...handles,
    report: reportOf(census, version, allocations, handles.leakedHandles),
  };
}

/** How many of them are problems: all that the check looks for. */
export function problemCount(result: CheckResult): number {
  const { leaked, usedOutsidePools, usedUnallocated, usedTwice, leakedHandles, missingHandles } = result;
  return [leaked, usedOutsidePools, usedUnallocated, usedTwice, leakedHandles, missingHandles].reduce(
    (sum, { length }) => sum + length,
    0,
  );
}

function checkedBlock(block: AllocationBlock, uses: CheckResult["uses"]): CheckedBlock {
  const ordinals = [...block.allocations.keys()].filter(
    (ordinal) => isAllocated(block, ordinal) && !isCooling(block, ordinal),
  );
  return {
    cidr: block.prefix.toString(),
    affinity: block.affinity,
    allocations: ordinals.map((ordinal) => reportedAllocation(block, ordinal, uses)),
  };
}

function reportedAllocation(block: AllocationBlock, ordinal: number, uses: CheckResult["uses"]): ReportedAllocation {
  const attribute = attributeOf(block, ordinal);
  const { pod, namespace, type, timestamp } = attribute?.secondary ?? {};
  const owner = blockOwner(block);
  const host = owner?.type === "host" ? owner.name : "";
  const node = attribute?.secondary.node || host;
  const ip = formatAddress(addressOf(block, ordinal));
  const isWindows = attribute?.handleId?.toLowerCase() === WINDOWS_RESERVED_HANDLE;
  const owners = isWindows ? ["Reserved for Windows"] : (uses.get(ip) ?? []).map(({ by }) => by);
  return {
    ip,
    ...(attribute?.handleId === undefined || isWindows ? {} : { handle: attribute.handleId }),
    sequenceNumber: sequenceOf(block, ordinal),
    ...(pod ? { pod } : {}),
    ...(namespace ? { namespace } : {}),
    node,
    ...(type ? { type } : {}),
    ...(timestamp ? { creationTimestamp: timestamp } : {}),
    inUse: owners.length > 0,
    borrowed: node !== host,
    owners: owners.length === 0 ? null : owners,
  };
}

function checkHandles({ handles }: Census, allocations: readonly ReportedAllocation[]) {
  const named = new Set(allocations.flatMap(({ handle }) => handle ?? []));
  const isKept = (id: string) => named.has(id) || id.toLowerCase() === WINDOWS_RESERVED_HANDLE;
  const leakedHandles = [...handles].flatMap(([id, { revision }]): readonly ReportedHandle[] =>
    isKept(id) ? [] : [{ ID: id, UID: null, Revision: `${revision}` }],
  );
  return {
    leakedHandles,
    soundHandles: handles.size - leakedHandles.length,
    missingHandles: [...named].filter((id) => !handles.has(id)),
  };
}

function reportOf(
  { cluster }: Census,
  version: string,
  allocations: readonly ReportedAllocation[],
  leakedHandles: readonly ReportedHandle[],
): CheckReport {
  const { clusterGUID = "", clusterType = "", datastoreReady } = cluster?.spec ?? {};
  return {
    version,
    clusterGUID,
    datastoreLocked: datastoreReady === false,
    clusterInformationRevision: cluster?.metadata.resourceVersion ?? "",
    clusterType,
    allocations: Object.fromEntries(Map.groupBy(allocations, ({ ip }) => ip)),
    ...(leakedHandles.length === 0 ? {} : { leakedHandles }),
  };
}

function coolingIn(block: AllocationBlock): number {
  return [...block.allocations.keys()].filter((ordinal) => isCooling(block, ordinal)).length;
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, number> {
  return new Map([...Map.groupBy(items, keyOf)].map(([key, members]) => [key, members.length]));
}
