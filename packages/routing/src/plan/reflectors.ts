/** What a plan needs to know of a node. */
export interface ReflectorCandidate {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly hasAddress: boolean;
  readonly clusterId: string | undefined;
}

/** Which nodes reflect, and what follows from it. */
export interface ReflectorPlan {
  readonly reflectors: readonly string[];
  readonly clusterId: string;
  /** Sessions of a node that does not reflect, before and after. */
  readonly sessionsBefore: number;
  readonly sessionsAfter: number;
}

/** The label by which nodes peer with a reflector, and the BGPPeer that says so. */
export const REFLECTOR_LABEL = "ocicat.io/route-reflector";
export const REFLECTOR_PEER = "ocicat-route-reflectors";
/** As in Calico's own instructions. */
const CLUSTER_ID = "244.0.0.1";
const ZONE = "topology.kubernetes.io/zone";
/** One may fail at two; beyond this many nodes each of three has less to do. */
const MANY = 200;

/**
 * Proposes reflectors: nodes that reflect already, then one of each zone, by name. Undefined where a mesh is as well: below two
 * nodes besides the reflectors there is nothing to reflect between.
 */
export function planReflectors(
  nodes: readonly ReflectorCandidate[],
  count: number = nodes.length > MANY ? 3 : 2,
): ReflectorPlan | undefined {
  const able = nodes.filter(({ hasAddress }) => hasAddress).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (able.length < count + 2) return undefined;
  const chosen: ReflectorCandidate[] = able.filter(({ clusterId }) => clusterId !== undefined).slice(0, count);
  while (chosen.length < count) chosen.push(next(able, chosen));
  return {
    reflectors: chosen.map(({ name }) => name),
    clusterId: chosen.find(({ clusterId }) => clusterId !== undefined)?.clusterId ?? CLUSTER_ID,
    sessionsBefore: able.length - 1,
    sessionsAfter: count,
  };
}

/** From a zone that has none yet, if there is one. */
function next(able: readonly ReflectorCandidate[], chosen: readonly ReflectorCandidate[]): ReflectorCandidate {
  const zones = new Set(chosen.map(({ labels }) => labels[ZONE]));
  const left = able.filter((node) => !chosen.includes(node));
  const found = left.find(({ labels }) => !zones.has(labels[ZONE])) ?? left[0];
  if (found === undefined) throw new Error("fewer nodes than reflectors");
  return found;
}
