import type { Datastore } from "@ocicat/datastore";
import { type DatastoreLock, lockedError } from "./lock.ts";

/**
 * The store, but that nothing is written while it is locked: whoever tries gets DATASTORE_LOCKED, which is worth another
 * try. One place for all writers, so that none can forget to ask. Leases go on: letting one die would be a write.
 */
export function guardedStore(store: Datastore, lock: DatastoreLock): Datastore {
  const unlocked = async <T>(write: () => Promise<T>): Promise<T> => {
    if (lock.locked) throw lockedError();
    return await write();
  };
  return {
    abilities: store.abilities,
    get: (key, revision) => store.get(key, revision),
    list: (prefix, options) => store.list(prefix, options),
    watch: (prefix, options) => store.watch(prefix, options),
    create: (key, value, options) => unlocked(() => store.create(key, value, options)),
    update: (key, value, revision, options) => unlocked(() => store.update(key, value, revision, options)),
    put: (key, value, options) => unlocked(() => store.put(key, value, options)),
    delete: (key, revision) => unlocked(() => store.delete(key, revision)),
    commit: (transaction) => unlocked(() => store.commit(transaction)),
    grantLease: (ttlSeconds) => unlocked(() => store.grantLease(ttlSeconds)),
    keepLeaseAlive: (lease) => store.keepLeaseAlive(lease),
    revokeLease: (lease) => unlocked(() => store.revokeLease(lease)),
    close: () => store.close(),
  };
}
