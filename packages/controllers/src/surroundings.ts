import type { Datastore } from "@ocicat/datastore";
import type { Clock, Logger, Random } from "@ocicat/kit";
import type { Compactable } from "./compaction.ts";
import type { LeaseStore } from "./election/index.ts";
import type { TellAddresses } from "./load-balancer/load-balancer.ts";

/** Kubernetes beside a datastore that is not Kubernetes, or as the datastore itself. */
export interface KubernetesSide {
  /** Its objects as rows: nodes, endpoints of pods, profiles, policies, services. */
  readonly rows: Pick<Datastore, "list" | "watch" | "abilities">;
  readonly tell: TellAddresses;
  /** By which one leads where the datastore is Kubernetes. */
  readonly lease: LeaseStore;
}

/** The world controllers live in. */
export interface Surroundings {
  readonly store: Datastore & Partial<Compactable>;
  /** Undefined: nothing is known of any. */
  readonly kubernetes?: KubernetesSide | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}
