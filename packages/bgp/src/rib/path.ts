import type { Address, Ipv4, Prefix } from "@ocicat/net";
import type { AttributeSet } from "./attribute-store.ts";

/** A peer as the RIB knows it. One object for the life of the peering; the identifier comes with each OPEN. */
export interface RibPeer {
  readonly name: string;
  readonly address: Address;
  readonly as: number;
  readonly internal: boolean;
  routerId: Ipv4;
}

/** A way to a prefix. */
export interface Path {
  /** Undefined: a route of our own. */
  readonly source: RibPeer | undefined;
  /** Why a route of our own exists. */
  readonly origin: string | undefined;
  /** As it came. */
  readonly received: AttributeSet;
  /** After the import policy; undefined: it was refused. */
  readonly accepted: AttributeSet | undefined;
  /** Why it was refused. */
  readonly refusal: string | undefined;
  /** Kept over a restart of the peer and not heard of since (RFC 4724 §4.2). */
  stale: boolean;
}

/** What the decision process chose for a prefix. */
export interface Selection {
  readonly best: Path;
  /** The paths that tie with the best up to the next hop's metric; the best is the first. */
  readonly multipath: readonly Path[];
  /** The step that left only the best. */
  readonly step: string;
}

/** A prefix with all that is known of it. Exists while it has a path, a selection, or a holder. */
export interface Destination {
  readonly prefix: Prefix;
  paths: readonly Path[];
  selected: Selection | undefined;
  /** Queues that hold it; while there are any it stays the same object. */
  holders: number;
}

/** True if nobody outside can tell the difference. */
export function samePath(a: Path, b: Path): boolean {
  return a === b || (a.source === b.source && a.accepted?.key === b.accepted?.key && a.origin === b.origin);
}
