import type { Endpoint } from "./endpoint.ts";
import type { Policy, PolicyId, Profile, Stage } from "./policy.ts";
import type { SetId, SetMember, SetSpec } from "./sets.ts";

/**
 * What this node's endpoints need, as the index works it out: everything that is to be enforced here, and nothing else. A
 * change of it tells what is otherwise than before; taken one after the other they make the whole.
 *
 * Order of application: sets, policies and profiles, endpoints; what goes, the other way round.
 */
export interface NeedsChange {
  readonly sets: ReadonlyMap<SetId, SetChange>;
  /** Undefined: not needed any more. */
  readonly policies: ReadonlyMap<PolicyId, Policy | undefined>;
  /** Undefined: not needed any more. `missing`: named by an endpoint and not there, so that it allows nothing. */
  readonly profiles: ReadonlyMap<string, Profile | "missing" | undefined>;
  /** By kind and id: `workload default/…`, `host …`. */
  readonly endpoints: ReadonlyMap<string, EndpointNeeds | undefined>;
}

/** A member may be held by several: it is added with the first and removed with the last. */
export type SetChange =
  | {
      readonly kind: "made";
      readonly spec: SetSpec;
      readonly members: readonly SetMember[];
    }
  | {
      readonly kind: "changed";
      readonly spec: SetSpec;
      readonly added: readonly SetMember[];
      readonly removed: readonly SetMember[];
    }
  | { readonly kind: "gone"; readonly spec: SetSpec };

/** What decides about an endpoint's packets, in the order in which it is asked. */
export interface EndpointNeeds {
  readonly endpoint: Endpoint;
  /** `normal` for workloads; for host endpoints also the others. A stage without a tier is not there. */
  readonly stages: ReadonlyMap<Stage, StageNeeds>;
  /** Asked last, where no tier has decided; of stage normal only. */
  readonly profiles: readonly string[];
}

export interface StageNeeds {
  readonly ingress: readonly TierNeeds[];
  readonly egress: readonly TierNeeds[];
}

/** Only tiers with a policy that applies in the direction, in force or staged. */
export interface TierNeeds {
  readonly name: string;
  readonly defaultAction: "deny" | "pass";
  /** In order; staged ones among them, which decide nothing. A tier of staged ones alone is passed by. */
  readonly policies: readonly PolicyId[];
}
