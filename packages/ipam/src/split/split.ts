import {
  asCreated,
  asUpdated,
  clusterInformation,
  decodeStored,
  encodeStored,
  type IPPool,
  ippool,
  randomUid,
  resourceKey,
} from "@ocicat/api";
import { type Datastore, DatastoreError, type KeyValue, MAX_TRANSACTION_OPERATIONS } from "@ocicat/datastore";
import type { Clock, Random } from "@ocicat/kit";
import { listAll } from "../client/search/list.ts";
import { IpamError } from "../errors.ts";
import { partsOf } from "./parts.ts";

export interface SplitTools {
  readonly store: Datastore;
  readonly clock: Clock;
  readonly random: Random;
}

export interface SplitRequest {
  /** The pool's name or its CIDR. */
  readonly pool: string;
  /** A power of two, from 2 on; a part is at least one block. */
  readonly parts: number;
}

export interface SplitResult {
  /** The name of the pool that is gone. */
  readonly pool: string;
  /** What took its place, in the order of addresses. */
  readonly parts: readonly { readonly name: string; readonly cidr: string }[];
}

interface StoredPool {
  readonly row: KeyValue;
  readonly pool: IPPool;
}

/**
 * Puts smaller pools in the place of one. Blocks and addresses stay as they are: each lies in one of the parts. The
 * datastore must be locked, as for calicoctl, for an agent that is half-way through an ADD goes by the pool it knows.
 *
 * One transaction where the store has them and the parts fit. Otherwise the pool is disabled, the parts are created, and
 * the pool is deleted last: asked again after a crash, it finishes. Throws IpamError IPAM_NOT_LOCKED, IPAM_NO_POOL,
 * IPAM_SPLIT_INVALID (nothing was done), IPAM_CONTENTION (ask again), DatastoreError.
 */
export async function splitPool(tools: SplitTools, request: SplitRequest): Promise<SplitResult> {
  const lock = await lockOf(tools.store);
  const stored = await storedPools(tools.store);
  const old = findPool(stored, request.pool);
  const parts = partsOf(old.pool, request.parts);
  const missing = parts.filter((part) => !isThere(stored, part));
  const isOneStep = tools.store.abilities.transactions && missing.length + 2 <= MAX_TRANSACTION_OPERATIONS;
  await (isOneStep ? replaceAtOnce(tools, lock, old, missing) : replaceOneByOne(tools, old, missing));
  return {
    pool: old.pool.metadata.name,
    parts: parts.map(({ metadata, spec }) => ({ name: metadata.name, cidr: spec.cidr })),
  };
}

async function replaceAtOnce(tools: SplitTools, lock: KeyValue, old: StoredPool, parts: readonly IPPool[]) {
  const rows = parts.map((part) => rowOf(tools, part));
  const result = await tools.store.commit({
    compares: [
      { key: lock.key, modRevision: lock.modRevision },
      { key: old.row.key, modRevision: old.row.modRevision },
      ...rows.map(({ key }) => ({ key, exists: false })),
    ],
    operations: [...rows.map(({ key, value }) => ({ put: key, value })), { delete: old.row.key }],
  });
  if (!result.committed) throw changed(old);
}

async function replaceOneByOne(tools: SplitTools, old: StoredPool, parts: readonly IPPool[]) {
  const { store } = tools;
  try {
    const disabled = { ...old.pool, spec: { ...old.pool.spec, disabled: true } };
    const text = encodeStored(asUpdated(disabled, old.pool));
    const row = old.pool.spec.disabled ? old.row : await store.update(old.row.key, text, old.row.modRevision);
    for (const part of parts) {
      const { key, value } = rowOf(tools, part);
      await store.create(key, value);
    }
    await store.delete(row.key, row.modRevision);
  } catch (error) {
    if (error instanceof DatastoreError && LOST.has(error.code)) throw changed(old);
    throw error;
  }
}

const LOST: ReadonlySet<string> = new Set(["CONFLICT", "NOT_FOUND", "ALREADY_EXISTS"]);

function rowOf({ clock, random }: SplitTools, part: IPPool): { readonly key: string; readonly value: string } {
  const resource = asCreated(part, { uid: randomUid(random), now: clock.now() });
  return { key: resourceKey("IPPool", part.metadata.name), value: encodeStored(resource) };
}

/** The row that says the datastore is locked: compared with, so that it stays so. */
async function lockOf(store: Datastore): Promise<KeyValue> {
  const row = await store.get(resourceKey("ClusterInformation", "default"));
  if (row !== undefined && decodeStored(clusterInformation, row).spec.datastoreReady === false) return row;
  throw new IpamError({
    code: "IPAM_NOT_LOCKED",
    what: "the datastore is not locked",
    why: "agents must not allocate from a pool while it is split",
    fix: "lock it with `datastore migrate lock`, split, and unlock it with `datastore migrate unlock`",
  });
}

async function storedPools(store: Datastore): Promise<readonly StoredPool[]> {
  const rows = await listAll(store, ippool.storage.prefix());
  return rows.flatMap((row) =>
    ippool.storage.parse(row.key) === undefined ? [] : [{ row, pool: decodeStored(ippool, row) }],
  );
}

function findPool(stored: readonly StoredPool[], wanted: string): StoredPool {
  const found = stored.find(({ pool }) => pool.metadata.name === wanted || pool.spec.cidr === wanted);
  if (found !== undefined) return found;
  throw new IpamError({
    code: "IPAM_NO_POOL",
    what: `there is no IP pool ${wanted}`,
    fix: `name one of ${stored.map(({ pool }) => `${pool.metadata.name} (${pool.spec.cidr})`).join(", ") || "the pools, once one exists"}`,
  });
}

/** True if an earlier attempt made it. Throws IPAM_SPLIT_INVALID if something else has its name. */
function isThere(stored: readonly StoredPool[], part: IPPool): boolean {
  const other = stored.find(({ pool }) => pool.metadata.name === part.metadata.name)?.pool;
  if (other === undefined) return false;
  if (other.spec.cidr === part.spec.cidr && other.spec.blockSize === part.spec.blockSize) return true;
  throw new IpamError({
    code: "IPAM_SPLIT_INVALID",
    what: `there is an IP pool ${other.metadata.name} already, for ${other.spec.cidr}`,
    why: `the part ${part.spec.cidr} would have that name`,
    fix: "delete it, or split it first",
  });
}

function changed({ pool }: StoredPool): IpamError {
  return new IpamError({
    code: "IPAM_CONTENTION",
    what: `IP pool ${pool.metadata.name} could not be split`,
    why: "it, one of its parts or the lock was written meanwhile",
    fix: "ask again",
  });
}
