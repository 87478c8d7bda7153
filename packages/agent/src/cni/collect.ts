import { blocksPrefix, handleKey } from "@ocicat/api";
import type { ValidAttachment } from "@ocicat/cni";
import { ClusterState, NO_FENCE, perform, releaseOf, type Verdict } from "@ocicat/controllers/collect";
import type { Datastore } from "@ocicat/datastore";
import type { Clock, Logger } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
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

/** Blocks in a list of few pages: there may be ten thousand, and those that do not mention this node are not decoded. */
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
  const { store, clock, logger, cooldownSeconds, isBusy } = context;
  const state = await blocksOfNode(context);
  const keep = new Set(valid.map(({ containerId }) => containerId));
  const gone: AgentEndpointRow[] = [];
  for (const handleId of state.handlesOn(context.nodeName)) {
    const container = containerOf(context, network, handleId);
    if (container === undefined || keep.has(container) || isBusy(handleId)) continue;
    // As they are before: the watch takes them out of the table while this goes on.
    const endpoints = endpointsOf(context, container);
    const verdict = await judge(context, state, handleId, endpoints);
    if (verdict === undefined) continue;
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
    if (isDone) gone.push(...endpoints);
  }
  return gone;
}

async function blocksOfNode({ store, nodeName }: CollectContext): Promise<ClusterState> {
  const state = new ClusterState();
  const mark = JSON.stringify(nodeName);
  let page = await store.list(blocksPrefix(), { limit: PAGE });
  for (;;) {
    for (const item of page.items) if (item.value.includes(mark)) state.put(item);
    const after = page.items.at(-1)?.key;
    if (!page.more || after === undefined) return state;
    page = await store.list(blocksPrefix(), { limit: PAGE, revision: page.revision, after });
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
async function judge(
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
