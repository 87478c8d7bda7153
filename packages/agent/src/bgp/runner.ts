import type { BestRoute, Speaker } from "@ocicat/bgp";
import type { Ipv4 } from "@ocicat/net";
import type { Announcement, LearnedRow, RoutingChanges } from "@ocicat/routing";
import type { BgpPicture } from "./picture.ts";
import type { SessionLog } from "./session-log.ts";
import type { Session, SessionReport } from "./sessions.ts";

export interface BgpIdentity {
  readonly localAs: number;
  readonly routerId: Ipv4;
  /** Milliseconds since 1970. */
  readonly configuredAt: number;
}

/** Who does BGP for a node: this process, or a daemon that it looks after. */
export interface BgpRunner {
  /** What is to be, as the tables say it now. */
  update(picture: BgpPicture): void;
  /** Subnets or tunnels have come or gone. */
  nextHopsChanged(): void;
  /** Whom a route was learned from. */
  learnedFrom(route: BestRoute): Pick<LearnedRow, "from" | "peering">;
  announce(changes: RoutingChanges["announcements"], all: Iterable<Announcement>): void;
  /** Declares the complete set once the datastore is in sync: only then may peers be told that this is all. */
  declare(all: Iterable<Announcement>): void;
  /** Sessions as they are. */
  readonly report: () => SessionReport[];
  /** Sessions as they should be, also those that are not held. */
  readonly sessions: Iterable<Session>;
  /** Undefined while there is none, and where it is another's. */
  readonly speaker: Speaker | undefined;
  readonly log: SessionLog;
  /** Undefined while the node has no address. */
  readonly identity: BgpIdentity | undefined;
  /** Graceful: peers keep our routes while we are away. */
  stop(graceful: boolean): Promise<void>;
}
