import { blocksPrefix, KUBERNETES_OBJECTS } from "@ocicat/api";
import type { Policy } from "@ocicat/policy";
import type { PoolRow } from "@ocicat/routing";
import { HeldSink } from "../lock/index.ts";
import { policyTables } from "../policy/tables.ts";
import { allRanges } from "../services/ranges.ts";
import { Reflector, type ReflectorSink } from "../watch/reflector.ts";
import type { Table } from "./table.ts";
import type { Tables, WatchOptions } from "./tables.ts";

/** What is read from the first need of it on: there may be much of it, and most clusters do not need it. */
interface NeededTable {
  readonly prefix: string;
  readonly sink: ReflectorSink;
  /** Each calls back for each row that needs it, those that are there among them. */
  readonly needs: readonly ((need: () => void) => void)[];
}

function neededTables(
  { pools, blocks, services, serviceRanges, serviceClusterIps, policy }: Tables,
  routedByBlocks: (pool: PoolRow) => boolean,
): readonly NeededTable[] {
  const inRanges = rowsThat(serviceRanges, (ranges) => allRanges(ranges).length > 0);
  const announcing = serviceClusterIps.length > 0 ? (need: () => void) => need() : inRanges;
  return [
    {
      prefix: blocksPrefix(),
      sink: blocks,
      needs: [rowsThat(pools, routedByBlocks)],
    },
    {
      prefix: KUBERNETES_OBJECTS.service.storage.prefix(),
      sink: services,
      needs: [announcing],
    },
    {
      prefix: KUBERNETES_OBJECTS.endpointSlice.storage.prefix(),
      sink: policy.endpointSlices,
      needs: [announcing, ...policyTables(policy).map((table) => rowsThat(table, namesService))],
    },
  ];
}

function rowsThat<Row>(table: Table<Row>, needs: (row: Row) => boolean): (need: () => void) => void {
  return (need) =>
    table.subscribe((_key, row) => {
      if (row !== undefined && needs(row)) need();
    });
}

function namesService({ ingress, egress }: Policy): boolean {
  return [...ingress, ...egress].some(
    ({ source, destination }) => source.service !== undefined || destination.service !== undefined,
  );
}

/**
 * Watches the blocks from the first VXLAN pool on, and services with their endpoints from the first policy that names one, or
 * the first range of them that is announced. Resolves when all that is needed now has been read once.
 */
export async function watchWhatIsNeeded(
  tables: Tables,
  options: WatchOptions,
  routedByBlocks: (pool: PoolRow) => boolean = ({ vxlanMode }) => vxlanMode !== "Never",
): Promise<void> {
  await Promise.all(neededTables(tables, routedByBlocks).map((each) => watchFromFirstNeed(each, options)));
}

async function watchFromFirstNeed({ prefix, sink, needs }: NeededTable, options: WatchOptions): Promise<void> {
  const watches: Reflector[] = [];
  const begin = () => {
    if (watches.length > 0) return;
    watches.push(new Reflector({ ...options, prefix, sink: new HeldSink(sink, options.lock) }));
  };
  for (const each of needs) each(begin);
  await watches[0]?.inSync;
}
