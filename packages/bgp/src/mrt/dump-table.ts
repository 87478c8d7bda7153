import { type Ipv4, ipv4 } from "@ocicat/net";
import type { TablePath, TableRow } from "../rib/table.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";
import { encodeEntryAttributes } from "./entry-attributes.ts";
import { encodeRecord, MICROSECONDS, MRT_TYPE } from "./record.ts";
import { encodePeerIndex, encodeRow, type MrtPeer, type RibEntry } from "./table-dump.ts";

/** A peer of the speaker whose table it is. */
export interface DumpedPeer extends MrtPeer {
  /** Seconds since 1970: when its session came up. When each path came is not kept, so that this stands with all of them. */
  readonly since: number;
  /** It tells several paths to a prefix (RFC 7911). */
  readonly addPath: boolean;
}

export interface TableToDump {
  readonly routerId: Ipv4;
  readonly peers: readonly DumpedPeer[];
  readonly rows: Iterable<TableRow>;
  /** Microseconds since 1970. */
  readonly time: bigint;
}

/** Who is named for the speaker's own routes: what BIRD and FRR put there. */
const SELF: DumpedPeer = { routerId: ipv4(0), address: ipv4(0), as: 0, since: 0, addPath: false };

/**
 * A table as TABLE_DUMP_V2 (RFC 6396 §4.3), record by record: first the peers, then a record for each prefix; with several
 * paths from one peer, one with path identifiers (RFC 8050). Paths of peers that are not named are left out: they came later.
 */
export function* dumpTable({ routerId, peers, rows, time }: TableToDump): IterableIterator<Uint8Array> {
  const named = [SELF, ...peers];
  const indexes = new Map(named.map((peer, index) => [peer.address, index]));
  const record = (form: { readonly subtype: number; readonly body: Uint8Array }) =>
    encodeRecord({ time: time - (time % MICROSECONDS), type: MRT_TYPE.tableDumpV2, ...form });
  yield record(encodePeerIndex({ collector: routerId, view: "", peers: named }));
  const encoded = memoised(encodeEntryAttributes);
  let sequence = 0;
  for (const { prefix, paths } of rows) {
    const told = paths.flatMap((path) => {
      const index = indexes.get(path.peer?.address ?? SELF.address);
      const peer = index === undefined ? undefined : named[index];
      return index === undefined || peer === undefined ? [] : [{ index, peer, path }];
    });
    if (told.length === 0) continue;
    const withIds = told.some(({ peer }) => peer.addPath);
    const entries = told.map(({ index, peer, path }) => entryOf(index, peer, path, withIds, encoded));
    yield record(encodeRow({ sequence, prefix, entries }));
    sequence += 1;
  }
}

function entryOf(
  peer: number,
  { since }: DumpedPeer,
  { pathId, attributes }: TablePath,
  withIds: boolean,
  encoded: (attributes: PathAttributes) => Uint8Array,
): RibEntry {
  return { peer, since, pathId: withIds ? pathId : undefined, attributes: encoded(attributes) };
}

/** Most paths share their attributes with others. */
function memoised(encode: (attributes: PathAttributes) => Uint8Array): (attributes: PathAttributes) => Uint8Array {
  const known = new WeakMap<PathAttributes, Uint8Array>();
  return (attributes) => {
    const before = known.get(attributes);
    if (before !== undefined) return before;
    const bytes = encode(attributes);
    known.set(attributes, bytes);
    return bytes;
  };
}
