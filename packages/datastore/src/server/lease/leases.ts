import { randomBytes } from "node:crypto";
import type { Clock, Logger, Timer } from "@ocicat/kit";
import type { GroupCommit } from "../commit/group-commit.ts";
import { etcdError } from "../errors.ts";
import { MAX_LEASE_TTL, MIN_LEASE_TTL } from "../limits.ts";
import type { LeaseRow } from "../storage/lease-table.ts";
import type { Store } from "../storage/store.ts";

/** Leases may outlive their time by this much, which saves waking up for each by itself. */
const GRAIN_MS = 250;

interface Lease {
  readonly ttlSeconds: number;
  /** On the clock's monotonic scale. */
  readonly expiresAt: number;
}

export interface LeasesOptions {
  readonly store: Store;
  readonly commits: GroupCommit;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * When each lease runs out. That is known in memory only: a keep-alive costs no write, and after a restart every lease has
 * its full time again, as after a change of leader in etcd. Which leases exist is in the store.
 */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #leases = new Map<bigint, Lease>();
  #timer: { readonly at: number; readonly timer: Timer } | undefined;
  #closed = false;

  constructor(options: LeasesOptions) {
    this.#options = options;
    for (const row of options.store.leases.all()) this.#renew(row);
  }

  /** `requestedId` 0n: one is chosen. Resolves with what was granted; `revision`: the store's when it was. */
  async grant(requestedTtl: bigint, requestedId: bigint): Promise<LeaseRow & { readonly revision: number }> {
    if (requestedTtl > MAX_LEASE_TTL) throw etcdError("leaseTtlTooLarge");
    const ttlSeconds = Math.max(MIN_LEASE_TTL, Number(requestedTtl));
    return this.#options.commits.submit((writer) => {
      const id = requestedId === 0n ? freeId((candidate) => writer.leases.has(candidate)) : requestedId;
      if (writer.leases.has(id)) throw etcdError("leaseExists");
      const row = { id, ttlSeconds };
      writer.leases.add(row);
      writer.afterCommit(() => this.#renew(row));
      return { ...row, revision: writer.revision };
    });
  }

  /** Ends it and deletes its keys at one revision, which it resolves with. */
  revoke(id: bigint): Promise<number> {
    return this.#options.commits.submit((writer) => {
      if (!writer.leases.has(id)) throw etcdError("leaseNotFound");
      writer.revokeLease(id);
      writer.afterCommit(() => this.#leases.delete(id));
      return writer.revision;
    });
  }

  /** Gives the lease its full time again and returns it, in seconds; undefined if the lease does not exist any more. */
  keepAlive(id: bigint): number | undefined {
    const lease = this.#alive(id);
    if (lease === undefined) return undefined;
    this.#renew({ id, ttlSeconds: lease.ttlSeconds });
    return lease.ttlSeconds;
  }

  /** Both in seconds; undefined if the lease does not exist any more. */
  timeToLive(id: bigint): { readonly remaining: number; readonly granted: number } | undefined {
    const lease = this.#alive(id);
    if (lease === undefined) return undefined;
    const remaining = Math.floor((lease.expiresAt - this.#options.clock.monotonic()) / 1000);
    return { remaining, granted: lease.ttlSeconds };
  }

  ids(): bigint[] {
    return [...this.#leases.keys()].filter((id) => this.#alive(id) !== undefined);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.timer.cancel();
  }

  /** One whose time is over is as good as gone, even if its keys have not been deleted yet. */
  #alive(id: bigint): Lease | undefined {
    const lease = this.#leases.get(id);
    return lease !== undefined && lease.expiresAt > this.#options.clock.monotonic() ? lease : undefined;
  }

  #renew({ id, ttlSeconds }: LeaseRow): void {
    const expiresAt = this.#options.clock.monotonic() + ttlSeconds * 1000;
    this.#leases.set(id, { ttlSeconds, expiresAt });
    this.#wakeAt(expiresAt);
  }

  /** Renewing does not move the timer: it fires early then, looks around, and is set anew. */
  #wakeAt(at: number): void {
    if (this.#closed || (this.#timer !== undefined && this.#timer.at <= at)) return;
    this.#timer?.timer.cancel();
    const { clock } = this.#options;
    const delay = Math.min(at - clock.monotonic() + GRAIN_MS, LONGEST_TIMER_MS);
    this.#timer = { at, timer: clock.after(delay, "lease expiry", () => this.#expire()) };
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#options.clock.monotonic();
    let soonest = Number.POSITIVE_INFINITY;
    for (const [id, lease] of this.#leases) {
      if (lease.expiresAt > now) soonest = Math.min(soonest, lease.expiresAt);
      else this.#revokeExpired(id);
    }
    if (soonest < Number.POSITIVE_INFINITY) this.#wakeAt(soonest);
  }

  #revokeExpired(id: bigint): void {
    const { logger } = this.#options;
    this.revoke(id).then(
      () => logger.debug("a lease ran out", { lease: id.toString(16) }),
      (error: unknown) => {
        if (this.#closed || !this.#leases.has(id)) return;
        logger.warning("a lease ran out and could not be revoked; trying again", { error: String(error) });
        this.#wakeAt(this.#options.clock.monotonic() + RETRY_MS);
      },
    );
  }
}

/** setTimeout counts milliseconds in 31 bits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const RETRY_MS = 1000;

function freeId(taken: (id: bigint) => boolean): bigint {
  for (;;) {
    const id = randomBytes(8).readBigUInt64BE() >> 1n;
    if (id !== 0n && !taken(id)) return id;
  }
}
