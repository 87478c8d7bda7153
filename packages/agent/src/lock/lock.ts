import type { ClusterInformation } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import type { Table } from "../tables/table.ts";

/** Calico's words, which runtimes' logs are searched for. */
export const NOT_READY = "Calico is currently not ready to process requests";
export const WHY_LOCKED = "the datastore is locked for a migration";

export interface Holder {
  readonly waiting: number;
  release(): void;
}

/**
 * Whether the datastore is locked: `datastoreReady: false` in ClusterInformation. While it is, this node's kernel stays as
 * it is and nothing is written to the datastore, so that it can be copied, and pods find the same at the copy.
 */
export class DatastoreLock {
  readonly #listeners: ((locked: boolean) => void)[] = [];
  readonly #holders: Holder[] = [];
  #locked = false;

  constructor(cluster: Table<ClusterInformation>) {
    cluster.subscribe((_key, row) => {
      const locked = row?.spec.datastoreReady === false;
      if (locked === this.#locked) return;
      this.#locked = locked;
      for (const listener of this.#listeners) listener(locked);
    });
  }

  get locked(): boolean {
    return this.#locked;
  }

  /** Changes that wait to be told, over all who hold some back. */
  get waiting(): number {
    return this.#holders.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** Somebody who holds changes back while it is locked, and lets them go when it is unlocked. */
  addHolder(holder: Holder): void {
    this.#holders.push(holder);
    this.subscribe((locked) => {
      if (!locked) holder.release();
    });
  }

  /** Calls back when it is locked and when it is unlocked. */
  subscribe(listener: (locked: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** Now if it is not locked, else when it no longer is: for work that is done once. */
  whenOpen(work: () => void): void {
    let done = false;
    const doOnce = () => {
      if (this.#locked || done) return;
      done = true;
      work();
    };
    doOnce();
    if (!done) this.subscribe(doOnce);
  }
}

export function lockedError(): OcicatError {
  return new OcicatError({
    code: "DATASTORE_LOCKED",
    what: NOT_READY,
    why: WHY_LOCKED,
    fix: "it goes on by itself once it is unlocked: ocicat datastore migrate unlock",
    retryable: true,
  });
}
