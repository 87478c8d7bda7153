import { blockKey, blocksPrefix, HANDLES_PREFIX, handleKey } from "@ocicat/api";
import type { ValidAttachment } from "@ocicat/cni";
import { ClusterState, judge, NO_FENCE, perform, releaseOf, type Verdict } from "@ocicat/controllers/collect";
import type { Datastore, KeyValue } from "@ocicat/datastore";
import type { Clock, Logger } from "@ocicat/kit";
import { formatAddress, parsePrefix } from "@ocicat/net";
import type { AgentEndpointRow } from "../tables/rows.ts";
import type { Table } from "../tables/table.ts";

export interface CollectContext {
  readonly nodeName: string;
  readonly store: Datastore;
  readonly table: Table<AgentEndpointRow>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly cooldownSeconds: () => number;
  /** Whether an ADD or DEL of the container is under way. */
  readonly isBusy: (handleId: string) => boolean;
}

/** There may be ten thousand rows. */
const PAGE = 500;

/**
 * CNI's GC: gives back what containers of this network hold on this node that the runtime does not count among the valid
 * ones, each with its endpoint in one transaction. The guards are those of the cluster's garbage collection (whatever was
 * written since is not touched); it does not wait, because the runtime knows. Returns the endpoints that are gone.
 */
export async function collectInvalid(
  context: CollectContext,
  network: string,
  valid: readonly ValidAttachment[],
): Promise<readonly AgentEndpointRow[]> {
  const { store, isBusy } = context;
  const state = await blocksOfNode(context);
  const keep = new Set(valid.map(({ containerId }) => containerId));
  const gone: AgentEndpointRow[] = [];
  for (const handleId of state.handlesOn(context.nodeName)) {
    const container = containerOf(context, network, handleId);
    if (container === undefined || keep.has(container) || isBusy(handleId)) continue;
    // As they are before: the watch takes them out of the table while this goes on.
    const endpoints = endpointsOf(context, container);
    const verdict = await judgeInvalid(context, state, handleId, endpoints);
    if (verdict === undefined) continue;
    if (await performed(context, state, handleId, verdict)) gone.push(...endpoints);
  }
  if (!store.abilities.transactions) await collectEmpty(context, state, network, keep);
  return gone;
}

/**
 * Handles under which nothing is held: what an ADD leaves that a crash has cut off after its first write, where a datastore
 * takes one at a time. None of this node's blocks leads to them, so all are looked at.
 */
async function collectEmpty(
  context: CollectContext,
  state: ClusterState,
  network: string,
  keep: ReadonlySet<string>,
): Promise<void> {
  for await (const item of rowsUnder(context.store, HANDLES_PREFIX)) {
    const handleId = item.key.slice(HANDLES_PREFIX.length);
    const container = containerOf(context, network, handleId);
    if (container === undefined || keep.has(container) || context.isBusy(handleId)) continue;
    state.put(item);
    const counted = [...(state.handles.get(handleId)?.counts.keys() ?? [])];
    // What another node's blocks are counted for is that node's.
    const isOurs = counted.every((cidr) => state.blocks.has(blockKey(parsePrefix(cidr))));
    if (!isOurs || state.allocationsOf(handleId).size > 0) continue;
    const verdict = judge(state, `handle ${handleId}`);
    if (verdict !== undefined) await performed(context, state, handleId, verdict);
  }
}

/** False: something of it changed meanwhile. */
async function performed(
  { store, clock, logger, cooldownSeconds }: CollectContext,
  state: ClusterState,
  handleId: string,
  verdict: Verdict,
): Promise<boolean> {
  const outcome = await perform(store, [verdict], NO_FENCE, () => ({
    now: clock.now(),
    cooldownSeconds: cooldownSeconds(),
  }));
  const isDone = outcome.kind === "done" && outcome.done.length > 0;
  logger[isDone ? "info" : "warning"](isDone ? "collected" : "not collected: it changed meanwhile", {
    handle: handleId,
    reason: verdict.reason,
    addresses: [...state.allocationsOf(handleId)].map(({ address }) => formatAddress(address)),
  });
  return isDone;
}

/** Those that do not mention this node are not decoded. */
async function blocksOfNode({ store, nodeName }: CollectContext): Promise<ClusterState> {
  const state = new ClusterState();
  const mark = JSON.stringify(nodeName);
  for await (const item of rowsUnder(store, blocksPrefix())) {
    // A block of the node's that is empty mentions it as its owner.
    if (item.value.includes(mark) || item.value.includes(JSON.stringify(`host:${nodeName}`))) state.put(item);
  }
  return state;
}

async function* rowsUnder(store: Datastore, prefix: string): AsyncIterable<KeyValue> {
  let page = await store.list(prefix, { limit: PAGE });
  for (;;) {
    yield* page.items;
    const after = page.items.at(-1)?.key;
    if (!page.more || after === undefined) return;
    page = await store.list(prefix, { limit: PAGE, revision: page.revision, after });
  }
}

/**
 * The container of a handle `<network>.<container>`. Both may have dots in their names: where what follows the network's
 * name has one, it is a container's only if an endpoint says so.
 */
function containerOf(context: CollectContext, network: string, handleId: string): string | undefined {
  if (!handleId.startsWith(`${network}.`)) return undefined;
  const container = handleId.slice(network.length + 1);
  if (container === "") return undefined;
  return container.includes(".") && endpointsOf(context, container).length === 0 ? undefined : container;
}

function endpointsOf({ table }: CollectContext, container: string): readonly AgentEndpointRow[] {
  return [...table.rows()].filter(({ containerId }) => containerId === container);
}

/** Undefined: some of what the handle holds is not this node's, or not a container's. */
async function judgeInvalid(
  context: CollectContext,
  state: ClusterState,
  handleId: string,
  endpoints: readonly AgentEndpointRow[],
): Promise<Verdict | undefined> {
  const held = [...state.allocationsOf(handleId)];
  const isOurs = held.every(
    ({ node, kind }) => node === context.nodeName && (kind === "container" || kind === "bare-container"),
  );
  if (!isOurs) return undefined;
  for (const key of [handleKey(handleId), ...endpoints.map((endpoint) => endpoint.key)]) {
    const item = await context.store.get(key);
    if (item === undefined) state.remove(key);
    else state.put(item);
  }
  return releaseOf(state, handleId, held, "attachment-not-valid", "the runtime does not count it among the valid ones");
}
