import { handleKey, IpamCorruptError, WINDOWS_RESERVED_HANDLE } from "@ocicat/api/ipam";
import type { Datastore } from "@ocicat/datastore";
import type { Logger } from "@ocicat/kit";
import type { Address } from "@ocicat/net";
import type { Affinities } from "../client/affinity/affinities.ts";
import type { Serve } from "../client/pump/pump.ts";
import type { Rows } from "../client/rows.ts";
import { MendHandleJob } from "./mend-handle.ts";
import { findMiscounted, type Survey, surveyBlocks } from "./survey.ts";

export interface RecoverOptions {
  /**
   * Whether the holder exists: a pod, an endpoint, a tunnel, or a request under way. Without it no address is released,
   * and a holder whose handle is lost gets it back.
   */
  readonly isLive?: (handleId: string) => boolean;
  /**
   * Also releases this node's addresses whose handle is in order but whose holder is not live, if they were given at
   * least this long ago (milliseconds). Unless told they are left to DEL and to garbage collection.
   */
  readonly reclaimDeadAfterMs?: number;
  /**
   * Looks at all handles for those that count what no block gave, which a crash between single writes leaves. Unless
   * told: if the store has no transactions. Costs a list of all handles.
   */
  readonly scanHandles?: boolean;
}

export interface RecoverReport {
  /** Handles that count by now what the blocks say. */
  readonly mended: readonly string[];
  /** Addresses of holders that are gone. */
  readonly released: readonly Address[];
  /** Rows that nobody can read; they are left as they are. */
  readonly unreadable: readonly IpamCorruptError[];
}

export interface RecoverTools {
  readonly store: Datastore;
  readonly rows: Rows;
  readonly affinities: Affinities;
  readonly logger: Logger;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly serve: Serve;
}

/**
 * Brings to an end what this node left half done in a crash: claims of blocks, handles without addresses, addresses
 * without handles. Safe at any time, also while this and other nodes work: every write compares, and a handle that may
 * belong to a write under way is fenced off first (see recount).
 */
export async function recover(tools: RecoverTools, options: RecoverOptions): Promise<RecoverReport> {
  const { store, rows, affinities } = tools;
  rows.forgetAll();
  const survey = await surveyBlocks(store, rows);
  for (const family of [4, 6] as const) await affinities.load(family);
  const isScan = options.scanHandles ?? !store.abilities.transactions;
  const suspects = await findMiscounted(store, survey, isScan ? undefined : survey.holders.keys());
  for (const id of findDead(survey, options)) suspects.add(id);
  return mendAll(tools, options, survey, suspects);
}

async function mendAll(
  { rows, serve, logger, now }: RecoverTools,
  { isLive, reclaimDeadAfterMs }: RecoverOptions,
  survey: Survey,
  suspects: ReadonlySet<string>,
): Promise<RecoverReport> {
  const reclaimBefore = reclaimDeadAfterMs === undefined ? undefined : now - reclaimDeadAfterMs;
  const mended: string[] = [];
  const released: Address[] = [];
  const unreadable = [...survey.unreadable];
  for (const handleId of suspects) {
    if (handleId.toLowerCase() === WINDOWS_RESERVED_HANDLE) continue;
    const blocks = survey.holders.get(handleId) ?? [];
    for (const key of [handleKey(handleId), ...blocks]) rows.forget(key);
    try {
      const job = new MendHandleJob({ handleId, owner: rows.owner, blocks, isLive, reclaimBefore });
      const result = await serve(job);
      if (result.isMended) mended.push(handleId);
      released.push(...result.released);
    } catch (error) {
      if (!(error instanceof IpamCorruptError)) throw error;
      unreadable.push(error);
    }
  }
  if (mended.length > 0) logger.warning("mended IPAM", { handles: mended.length, released: released.length });
  return { mended, released, unreadable };
}

function findDead(survey: Survey, { isLive, reclaimDeadAfterMs }: RecoverOptions): readonly string[] {
  if (isLive === undefined || reclaimDeadAfterMs === undefined) return [];
  return [...survey.holders.keys()].filter((id) => !isLive(id));
}
