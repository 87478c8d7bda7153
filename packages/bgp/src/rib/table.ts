import type { Prefix } from "@ocicat/net";
import type { PathAttributes } from "../wire/attributes/types.ts";
import { NONE } from "./columns.ts";
import type { LocRib } from "./loc-rib.ts";
import type { RibPeer } from "./sources.ts";

/** A path that may be used: the import policy let it in. */
export interface TablePath {
  /** Undefined: a route of this speaker's own. */
  readonly peer: RibPeer | undefined;
  /** The number that the peer gave it (RFC 7911); 0 without. */
  readonly pathId: number;
  /** As the import policy left them. The same object for equal attributes, mostly. */
  readonly attributes: PathAttributes;
}

export interface TableRow {
  readonly prefix: Prefix;
  readonly paths: readonly TablePath[];
}

/**
 * Every prefix with paths that may be used, in no order. The table may change while it is walked: a row is as it is when it is
 * reached, and prefixes that come up meanwhile may be left out.
 */
export function* tableRows(locRib: LocRib): IterableIterator<TableRow> {
  const { paths: table, store, sources } = locRib;
  for (const id of locRib.ids()) {
    const paths: TablePath[] = [];
    for (let path = table.first(id); path !== NONE; path = table.next(path)) {
      const set = table.accepted[path] ?? NONE;
      if (set === NONE) continue;
      const peer = sources.peer(table.source[path] ?? NONE);
      paths.push({ peer, pathId: table.remoteId(path), attributes: store.attributes(set) });
    }
    if (paths.length > 0) yield { prefix: locRib.prefixOf(id), paths };
  }
}
