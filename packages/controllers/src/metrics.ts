import type { MetricsRegistry } from "@ocicat/kit";
import { bitsOf, type Prefix } from "@ocicat/net";
import type { Action, BlockRow, Verdict } from "./collect/index.ts";
import type { Collector } from "./collector.ts";
import type { Election } from "./election/index.ts";
import type { PoolRow } from "./settings.ts";

/** What metrics say of a block in no pool, of a block of nobody's, of an address of nobody knows which node. Calico's words. */
const NO_POOL = "no_ippool";
const NO_AFFINITY = "no_affinity";
const UNKNOWN_NODE = "unknown_node";

/** How long counts of a node that is gone are told: longer than between any two scrapes. */
const FORGET_MS = 10 * 60_000;

interface Reclaimed {
  readonly ippool: string;
  readonly node: string;
  count: number;
  at: number;
}

/**
 * What has been collected, by pool and node: for the counter that Calico has for it. Nodes come and go under names that do
 * not come back, so what is counted for one that is gone is forgotten after a while.
 */
export class Reclamations {
  readonly #counts = new Map<string, Reclaimed>();
  readonly #byReason = new Map<string, number>();

  note({ reason, action, node = UNKNOWN_NODE }: Verdict, pools: readonly PoolRow[], now: number): void {
    this.#byReason.set(reason, (this.#byReason.get(reason) ?? 0) + 1);
    if (action.do !== "release") return;
    for (const { block } of action.allocations) {
      const ippool = poolOf(pools, block.prefix);
      const key = `${ippool} ${node}`;
      const entry = this.#counts.get(key) ?? { ippool, node, count: 0, at: now };
      entry.count += 1;
      entry.at = now;
      this.#counts.set(key, entry);
    }
  }

  *byNode(nodes: ReadonlySet<string>, now: number): Iterable<readonly [Record<string, string>, number]> {
    for (const [key, { ippool, node, count, at }] of this.#counts) {
      if (!nodes.has(node) && now - at > FORGET_MS) this.#counts.delete(key);
      else yield [{ ippool, node }, count];
    }
  }

  *byReason(): Iterable<readonly [Record<string, string>, number]> {
    for (const [reason, count] of this.#byReason) yield [{ reason }, count];
  }
}

interface Sources {
  readonly collector: Collector;
  readonly election: Election;
  readonly reclamations: Reclamations;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Counted from the blocks at each scrape: no count that could drift from them is kept. Names and labels are Calico's. */
export function ipamMetrics(metrics: MetricsRegistry, { collector, reclamations, now }: Sources): void {
  const blocks = () => collector.state.blocks.values();
  const pools = () => collector.settings.pools;
  const pooled = (count: (block: BlockRow) => Iterable<readonly [string, number]>) => () => {
    const totals = new Totals();
    const known = pools();
    for (const block of blocks()) {
      const ippool = poolOf(known, block.prefix);
      for (const [node, value] of count(block)) totals.add({ ippool, node }, value);
    }
    return totals.entries();
  };
  const perNode = (count: (block: BlockRow) => Iterable<readonly [string, number]>) => () => {
    const totals = new Totals();
    for (const block of blocks()) for (const [node, value] of count(block)) totals.add({ node }, value);
    return totals.entries();
  };
  metrics.gauge("ipam_allocations_in_use", "Addresses in use, by the node that gave them out.", pooled(inUse));
  metrics.gauge("ipam_allocations_borrowed", "Addresses in use of another node's block.", pooled(borrowed));
  metrics.gauge("ipam_blocks", "Blocks, by the node they are affine to.", pooled(one));
  metrics.gauge("ipam_allocations_per_node", "As ipam_allocations_in_use, of all pools.", perNode(inUse));
  metrics.gauge("ipam_allocations_borrowed_per_node", "As ipam_allocations_borrowed, of all pools.", perNode(borrowed));
  metrics.gauge("ipam_blocks_per_node", "As ipam_blocks, of all pools.", perNode(one));
  metrics.gauge("ipam_allocations_gc_candidates", "Addresses that seem to be garbage and wait.", () => {
    const totals = new Totals();
    const known = pools();
    for (const { verdict } of collector.backlog.all()) {
      for (const { block, node = UNKNOWN_NODE } of allocationsOf(verdict.action)) {
        totals.add({ ippool: poolOf(known, block.prefix), node }, 1);
      }
    }
    return totals.entries();
  });
  metrics.counter("ipam_allocations_gc_reclamations", "Addresses that were garbage and have been given back.", () =>
    reclamations.byNode(collector.state.nodes, now()),
  );
  metrics.gauge("ipam_ippool_size", "Addresses of a pool.", () =>
    pools().map(({ name, prefix }) => [{ ippool: name }, Number(prefix.size)] as const),
  );
  metrics.gauge("ipam_ippool_reserved", "Addresses of a pool that IPReservations keep back.", () =>
    pools().map(({ name, prefix }) => [{ ippool: name }, reservedIn(prefix, collector.settings.reservations)] as const),
  );
}

/** What the controllers themselves do. */
export function controllerMetrics(metrics: MetricsRegistry, sources: Sources): void {
  const { collector, election, reclamations, now } = sources;
  metrics.gauge("ocicat_controllers_leading", "1 while this instance leads.", () =>
    election.term === undefined ? 0 : 1,
  );
  metrics.gauge("ocicat_controllers_backlog", "What seems to be garbage, by reason.", () => {
    const totals = new Totals();
    for (const { verdict } of collector.backlog.all()) totals.add({ reason: verdict.reason }, 1);
    return totals.entries();
  });
  metrics.gauge("ocicat_controllers_backlog_oldest_seconds", "Since when the oldest of it has been waiting.", () => {
    const [oldest] = collector.backlog.all();
    return oldest === undefined ? 0 : (now() - oldest.since) / 1000;
  });
  metrics.counter("ocicat_controllers_collected_total", "What was collected, by reason.", () =>
    reclamations.byReason(),
  );
  metrics.counter(
    "ocicat_controllers_missed_total",
    "Subjects that a full scan judged otherwise: a defect.",
    () => collector.missed,
  );
  metrics.gauge(
    "ocicat_unreadable_values",
    "Stored values that cannot be read: nothing that rests on them is collected.",
    () => collector.state.unreadable.size + collector.settings.unreadable.size,
  );
}

/** A part that works through a queue of what has changed. */
interface Worker {
  readonly waiting: number;
  readonly problems: ReadonlyMap<string, string>;
}

/** What is kept in step with Kubernetes and with the nodes. */
export function syncMetrics(
  metrics: MetricsRegistry,
  { writes, parts }: { readonly writes: ReadonlyMap<string, number>; readonly parts: readonly Worker[] },
): void {
  metrics.counter("ocicat_controllers_writes_total", "Rows created, changed or deleted, by controller.", () =>
    [...writes].map(([controller, count]) => [{ controller }, count] as const),
  );
  metrics.gauge("ocicat_controllers_waiting", "What has changed and was not looked at yet, or failed and waits.", () =>
    parts.reduce((sum, { waiting }) => sum + waiting, 0),
  );
  metrics.gauge("ocicat_controllers_problems", "What could not be brought in step; /problems tells why.", () =>
    parts.reduce((sum, { problems }) => sum + problems.size, 0),
  );
}

class Totals {
  readonly #totals = new Map<string, [Record<string, string>, number]>();

  add(labels: Record<string, string>, value: number): void {
    const key = Object.values(labels).join(" ");
    const entry = this.#totals.get(key);
    if (entry === undefined) this.#totals.set(key, [labels, value]);
    else entry[1] += value;
  }

  entries(): IterableIterator<readonly [Record<string, string>, number]> {
    return this.#totals.values();
  }
}

function* inUse({ allocations }: BlockRow): Iterable<readonly [string, number]> {
  for (const { node = UNKNOWN_NODE } of allocations) yield [node, 1];
}

function* borrowed({ allocations, owner }: BlockRow): Iterable<readonly [string, number]> {
  for (const { node } of allocations) {
    if (node !== undefined && !(owner?.type === "host" && owner.name === node)) yield [node, 1];
  }
}

function* one({ owner, affinity }: BlockRow): Iterable<readonly [string, number]> {
  yield [owner?.type === "host" ? owner.name : (affinity ?? NO_AFFINITY), 1];
}

function allocationsOf(action: Action) {
  return action.do === "release" ? action.allocations : [];
}

function poolOf(pools: readonly PoolRow[], block: Prefix): string {
  return pools.find(({ prefix }) => prefix.covers(block))?.name ?? NO_POOL;
}

/** Each address counted once, however many reservations hold it. */
function reservedIn(pool: Prefix, reservations: readonly Prefix[]): number {
  const inside = reservations
    .filter((network) => network.overlaps(pool))
    .map((network) => (network.covers(pool) ? pool : network));
  const widest = inside.filter((network, index) => {
    const isCovered = (other: Prefix, at: number) =>
      at !== index && other.covers(network) && (other.length < network.length || at < index);
    return !inside.some(isCovered);
  });
  return widest.reduce((sum, { family, length }) => sum + 2 ** (bitsOf(family) - length), 0);
}
