import { HANDLES_PREFIX, HOSTS_PREFIX, IPAM_PREFIX, profile, RESOURCES_PREFIX } from "@ocicat/api";
import { blocksPrefix } from "@ocicat/api/ipam";

const PROFILES = profile.storage.prefix();

/** Below these everything is one order, and its own. */
const OF_IPAM = [blocksPrefix(), HOSTS_PREFIX, HANDLES_PREFIX, `${IPAM_PREFIX}virtual/`, `${IPAM_PREFIX}config`];

/**
 * What is watched as one for a range of keys: the changes below it come in the order of their revisions, also where the
 * datastore is Kubernetes, whose kinds have an order each. Profiles are two of its kinds. Undefined: the range is of several,
 * and who wants it asks for each.
 */
export function orderOf(prefix: string): string | undefined {
  if (prefix.startsWith(PROFILES)) return profilesOf(prefix.slice(PROFILES.length));
  if (prefix.startsWith(RESOURCES_PREFIX)) {
    const slash = prefix.indexOf("/", RESOURCES_PREFIX.length);
    return slash < 0 ? undefined : prefix.slice(0, slash + 1);
  }
  return OF_IPAM.find((order) => prefix.startsWith(order));
}

function profilesOf(name: string): string | undefined {
  const kind = PROFILES_OF.find((begin) => name.startsWith(begin));
  return kind && `${PROFILES}${kind}`;
}

const PROFILES_OF = ["kns.", "ksa."];

/** The ranges to ask for instead of one that is of several orders; the range itself where it is of one. */
export function partsOf(prefix: string): readonly string[] {
  return prefix === PROFILES ? PROFILES_OF.map((begin) => `${PROFILES}${begin}`) : [prefix];
}
