/**
 * What can be garbage, by a name that stays the same: a handle with all it holds, a block with its affinities, an endpoint
 * of a node that is gone, a node's bare marker.
 */
export type Subject = `handle ${string}` | `block ${string}` | `endpoint ${string}` | `marker ${string}`;
