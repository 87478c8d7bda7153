import type { Gate } from "../auth/gate.ts";
import type { Tokens } from "../auth/tokens.ts";
import type { GroupCommit } from "../commit/group-commit.ts";
import type { Compactor } from "../compaction/compactor.ts";
import type { Leases } from "../lease/leases.ts";
import type { Checkpointer } from "../storage/checkpoint.ts";
import type { Space } from "../storage/space.ts";
import type { Store } from "../storage/store.ts";
import type { WatchHub } from "../watch/hub.ts";
import type { Identity } from "./identity.ts";

/** What the methods work with. What they read from the store they answer with `commits.settled`. */
export interface Services {
  readonly identity: Identity;
  readonly store: Store;
  readonly space: Space;
  readonly commits: GroupCommit;
  readonly compactor: Compactor;
  readonly checkpointer: Checkpointer;
  readonly leases: Leases;
  readonly watches: WatchHub;
  readonly gate: Gate;
  readonly tokens: Tokens;
  /** The URLs under which clients reach this server. */
  readonly clientUrls: () => readonly string[];
}
