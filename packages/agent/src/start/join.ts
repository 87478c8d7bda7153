import { clusterInformation, randomUid } from "@ocicat/api";
import { createBackoff, isOcicatError, toError } from "@ocicat/kit";
import { type PoolRow, poolPath } from "@ocicat/routing";
import { WHY_LOCKED } from "../lock/index.ts";
import { makeFirstPools } from "../node/first-pools.ts";
import { registerCluster } from "../node/register.ts";
import { watchWhatIsNeeded } from "../tables/needed.ts";
import { watchCluster, watchTables } from "../tables/tables.ts";
import type { Foundation } from "./foundation.ts";

/**
 * From a datastore that may not answer yet to tables in sync, this node's own resource among them. An agent that starts
 * before its datastore waits for it, and says so.
 */
export async function joinCluster(foundation: Foundation): Promise<void> {
  const { options, clock, random, logger, scope, onFatal, store, reads, client, tables, lock, own, kubernetes } =
    foundation;
  const watching = { store: reads, clock, random, logger: logger.child("watch"), scope, lock };
  // First a question that has an end: who waits for the datastore says so, and stops waiting when it is told to end.
  await untilItAnswers(foundation, async () => void (await store.list(clusterInformation.storage.prefix())));
  await watchCluster(tables, watching);
  const register = () =>
    untilItAnswers(foundation, async () => {
      await registerCluster(client, () => randomUid(random).replaceAll("-", ""), options.clusterType);
      const labelled = (await kubernetes?.labelAffinities(options.nodeName)) ?? 0;
      if (labelled > 0) logger.info("affinities of an older Calico have their labels now", { blocks: labelled });
      await makeFirstPools(client, options.firstPools, random, logger.child("pools"));
    });
  // A locked cluster is there; what else it lacks it has lacked till now. An agent that need not write starts all the same.
  const fail = (error: unknown) => (scope.closed ? undefined : onFatal(toError(error)));
  if (lock.locked) lock.whenOpen(() => void register().catch(fail));
  else await register();
  await untilItAnswers(foundation, () => own.establish());
  await watchTables(tables, options.nodeName, watching);
  // A BIRD beside the agent routes no tunnels.
  const byBlocks = options.bgpDaemon === "bird" ? (pool: PoolRow) => poolPath(pool).tunnel !== undefined : undefined;
  await watchWhatIsNeeded(tables, watching, byBlocks);
}

/** Repeats `work` while the datastore does not answer. */
async function untilItAnswers({ clock, random, logger, scope }: Foundation, work: () => Promise<void>): Promise<void> {
  const backoff = createBackoff(random, { initialMs: 100, maxMs: 2_000 });
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (scope.closed || !isOcicatError(error) || !error.retryable) throw error;
      const isLocked = error.code === "DATASTORE_LOCKED";
      const why = isLocked ? WHY_LOCKED : "the datastore does not answer";
      logger.warning(`${why}, waiting for it`, { error: error.message });
      await new Promise<void>((resolve) => clock.after(backoff.next(), "datastore", resolve));
    }
  }
}
