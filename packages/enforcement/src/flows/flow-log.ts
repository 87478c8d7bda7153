import { FlowBucket } from "./bucket.ts";
import type { Flow, FlowSighting } from "./flow.ts";

export interface FlowLogLimits {
  /** Length of a bucket, milliseconds. */
  readonly intervalMs: number;
  /** Buckets kept: what is older is forgotten. */
  readonly buckets: number;
  /** Flows told apart in a bucket (see FlowBucket). */
  readonly perBucket: number;
  /** Flows in all: the oldest buckets go where there are more, however young they are. */
  readonly total: number;
}

/** A quarter of a minute, and an hour of them, in some 10 MiB at the most. */
export const FLOW_LOG_LIMITS: FlowLogLimits = { intervalMs: 15_000, buckets: 240, perBucket: 2_000, total: 20_000 };

/** The last flows, by intervals. Bounded, whatever is sent. */
export class FlowLog {
  readonly limits: FlowLogLimits;
  /** The oldest first. */
  #buckets: FlowBucket[] = [];
  /** Since the last turn of the page, for those who follow; undefined if nobody does. */
  #page: FlowBucket | undefined;
  #forgotten = 0;

  constructor(limits: FlowLogLimits = FLOW_LOG_LIMITS) {
    this.limits = limits;
  }

  add(sighting: FlowSighting, now: number): void {
    this.#bucketAt(now).add(sighting, now);
    this.#page?.add(sighting, now);
  }

  /** Flows of which a packet was seen at that time or later, the oldest bucket first. */
  *since(time: number): Iterable<Flow> {
    for (const bucket of this.#buckets) {
      for (const flow of bucket.flows()) if (flow.until >= time) yield flow;
    }
  }

  /** Packets that were of too many different flows to be counted with one of them, since the start. */
  get uncounted(): number {
    return this.#buckets.reduce((sum, { uncounted }) => sum + uncounted, this.#forgotten);
  }

  /** Flows since the last call, counted anew; for those who follow. The first call says nothing and begins. */
  turnPage(now: number): Iterable<Flow> {
    const page = this.#page;
    this.#page = new FlowBucket(now, this.limits.perBucket);
    return page?.flows() ?? [];
  }

  /** Nobody follows any more. */
  closePage(): void {
    this.#page = undefined;
  }

  /** A clock that was set back goes on filling the newest bucket. */
  #bucketAt(now: number): FlowBucket {
    const start = now - (now % this.limits.intervalMs);
    const newest = this.#buckets.at(-1);
    if (newest !== undefined && newest.start >= start) return newest;
    const bucket = new FlowBucket(start, this.limits.perBucket);
    this.#buckets.push(bucket);
    this.#forget(start - this.limits.intervalMs * (this.limits.buckets - 1));
    return bucket;
  }

  #forget(oldest: number): void {
    const { perBucket, total } = this.limits;
    let room = total - perBucket * FULL;
    const kept = this.#buckets.toReversed().filter((bucket, age) => {
      room -= bucket.size;
      return age === 0 || (bucket.start >= oldest && room >= 0);
    });
    const isKept = new Set(kept);
    for (const bucket of this.#buckets) if (!isKept.has(bucket)) this.#forgotten += bucket.uncounted;
    this.#buckets = kept.toReversed();
  }
}

/** What a bucket holds at the most, of its limit: room is kept for the one that is being filled. */
const FULL = 1.25;
