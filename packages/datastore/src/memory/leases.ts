import type { Clock, Timer } from "@ocicat/kit";
import { leaseNotFound } from "../shared/failures.ts";
import { compareKeys } from "../shared/keys.ts";
import type { Change } from "./history.ts";

interface Lease {
  readonly ttlSeconds: number;
  readonly keys: Set<string>;
  timer: Timer;
}

/** Leases and the keys bound to them. `onExpiry` is called with the keys, in order, when a lease has run out. */
export class Leases {
  readonly #clock: Clock;
  readonly #onExpiry: (keys: readonly string[]) => void;
  readonly #leases = new Map<bigint, Lease>();
  #lastId = 0n;

  constructor(clock: Clock, onExpiry: (keys: readonly string[]) => void) {
    this.#clock = clock;
    this.#onExpiry = onExpiry;
  }

  grant(ttlSeconds: number): bigint {
    this.#lastId += 1n;
    const id = this.#lastId;
    this.#leases.set(id, { ttlSeconds, keys: new Set(), timer: this.#expireIn(id, ttlSeconds) });
    return id;
  }

  /** Throws NOT_FOUND unless the lease lives. */
  check(id: bigint): void {
    this.#get(id);
  }

  keepAlive(id: bigint): number {
    const lease = this.#get(id);
    lease.timer.cancel();
    lease.timer = this.#expireIn(id, lease.ttlSeconds);
    return lease.ttlSeconds;
  }

  /** Ends a lease; returns the keys that die with it, in order. */
  revoke(id: bigint): readonly string[] {
    const lease = this.#get(id);
    lease.timer.cancel();
    this.#leases.delete(id);
    return [...lease.keys].sort(compareKeys);
  }

  /** Keeps the bindings as the writes made them: a key belongs to the lease of its last put. */
  follow(change: Change): void {
    for (const event of change.events) {
      const key = event.type === "put" ? event.item.key : event.key;
      if (event.previous !== undefined) this.#leases.get(event.previous.lease)?.keys.delete(key);
      if (event.type === "put") this.#leases.get(event.item.lease)?.keys.add(key);
    }
  }

  close(): void {
    for (const lease of this.#leases.values()) lease.timer.cancel();
    this.#leases.clear();
  }

  #get(id: bigint): Lease {
    const lease = this.#leases.get(id);
    if (lease === undefined) throw leaseNotFound(id);
    return lease;
  }

  #expireIn(id: bigint, seconds: number): Timer {
    return this.#clock.after(seconds * 1000, `lease ${id}`, () => this.#onExpiry(this.revoke(id)));
  }
}
