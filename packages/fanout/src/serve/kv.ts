import { create } from "@bufbuild/protobuf";
import type { KeyValue } from "@ocicat/datastore";
import {
  GrpcCode,
  GrpcError,
  type GrpcRouter,
  KV,
  RangeRequest_SortTarget,
  RangeResponseSchema,
} from "@ocicat/datastore/serving";
import { compareKeys } from "@ocicat/datastore/shared";
import type { Cache } from "../cache/cache.ts";
import type { Snapshot } from "../cache/stream.ts";
import type { Counters } from "./counters.ts";
import type { Identity } from "./identity.ts";
import { isBelow, isIn, type KeyRange, rangeOf, wireItem } from "./range.ts";

/** In etcd's words, by which its clients know what to do: list again, or wait. */
const COMPACTED = "etcdserver: mvcc: required revision has been compacted";
const FUTURE = "etcdserver: mvcc: required revision is a future revision";

/** Lists, from the cache alone. Nothing is written here, and nothing asked for upstream but the first time. */
export function serveKv(router: GrpcRouter, cache: Cache, identity: Identity, counters: Counters): void {
  router.unary(KV.method.range, async (request) => {
    const range = rangeOf(request.key, request.rangeEnd);
    const stream = cache.streamOf(range.key);
    if (stream === undefined || !isBelow(range, stream.prefix)) throw severalOrders(range);
    if (
      request.sortTarget !== RangeRequest_SortTarget.KEY ||
      request.minModRevision > 0n ||
      request.maxModRevision > 0n
    ) {
      throw new GrpcError(GrpcCode.UNIMPLEMENTED, "the fan-out lists by key, and all of a range");
    }
    await stream.filled;
    const asked = request.revision > 0n ? request.revision : undefined;
    const snapshot = stream.snapshot(asked);
    if (snapshot === undefined) {
      const isFuture = asked !== undefined && asked > stream.revision;
      throw new GrpcError(GrpcCode.OUT_OF_RANGE, isFuture ? FUTURE : COMPACTED);
    }
    counters.lists += 1;
    const found = itemsIn(snapshot, range);
    const limit = request.limit > 0n ? Number(request.limit) : found.length;
    const kvs = request.countOnly ? [] : found.slice(0, limit).map(wireItem);
    return create(RangeResponseSchema, {
      header: identity.headerAt(snapshot.revision),
      kvs: request.keysOnly ? kvs.map((kv) => ({ ...kv, value: new Uint8Array() })) : kvs,
      more: found.length > limit,
      count: BigInt(found.length),
    });
  });
}

export function severalOrders({ key }: KeyRange): GrpcError {
  return new GrpcError(
    GrpcCode.INVALID_ARGUMENT,
    `the fan-out serves one kind of resource at a time, and ${key} is above several: ask for each`,
  );
}

function itemsIn({ items }: Snapshot, range: KeyRange): readonly KeyValue[] {
  const first = placeOf(items, range.key);
  if (range.end === undefined) return items.slice(first, first + 1).filter(({ key }) => isIn(range, key));
  return items.slice(first, placeOf(items, range.end));
}

/** The place of the first item whose key is this one or a later one. */
function placeOf(items: readonly KeyValue[], key: string): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(items[middle]?.key ?? "", key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
