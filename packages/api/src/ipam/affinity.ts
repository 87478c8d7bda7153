import { type JsonObject, joinObject, readObject, toGoJson } from "./json.ts";

const STATES = ["confirmed", "pending", "pendingDeletion"] as const;

/**
 * `pending`: wanted, the block may not exist yet. `confirmed`: the block is this owner's. `pendingDeletion`: being given
 * up. Only a confirmed one counts for routes.
 */
export type AffinityState = (typeof STATES)[number];

export interface BlockAffinity {
  readonly state: AffinityState;
  readonly deleted: boolean;
  readonly unknown: JsonObject;
}

/** An empty value, or one without a state, is from before claims had two phases: confirmed. Throws IpamCorruptError. */
export function decodeAffinity(key: string, text: string): BlockAffinity {
  const reader = readObject(key, text === "" ? "{}" : text);
  const state = reader.string("state");
  const known = STATES.find((candidate) => candidate === (state === undefined || state === "" ? "confirmed" : state));
  return {
    state: known ?? reader.fail("state", `"${state}" is none of ${STATES.join(", ")}`),
    deleted: reader.boolean("deleted") ?? false,
    unknown: reader.rest(),
  };
}

export function encodeAffinity(affinity: BlockAffinity): string {
  return joinObject(
    [
      ["state", toGoJson(affinity.state)],
      ["deleted", `${affinity.deleted}`],
    ],
    affinity.unknown,
  );
}

export function newAffinity(state: AffinityState): BlockAffinity {
  return { state, deleted: false, unknown: {} };
}
