import { stringifyJson } from "@ocicat/kit";
import { felixConfiguration, fieldsWithoutEffect, type IneffectiveField } from "./kinds/felix-configuration.ts";
import type { AnyResource } from "./resource.ts";
import { isObject } from "./schema/index.ts";

interface StoredOnly {
  /** What the field is about, for people. */
  readonly section: string;
  /** The value under which nothing is missed. */
  readonly standard: unknown;
}

const SERVICES = { section: "announcing services", standard: undefined };
const COMMUNITIES = { section: "BGP communities", standard: undefined };
const SESSIONS = { section: "BGP sessions", standard: undefined };
const PROGRAMMING = { section: "route programming", standard: undefined };

/** By kind, what this version stores and does not act on. Who builds the feature deletes its row. */
const STORED_ONLY: Readonly<Record<string, Readonly<Record<string, StoredOnly>>>> = {
  IPPool: {
    ipipMode: { section: "encapsulation", standard: "Never" },
    vxlanMode: { section: "encapsulation", standard: "Never" },
    namespaceSelector: { section: "allocation", standard: undefined },
  },
  BGPConfiguration: {
    serviceLoadBalancerIPs: SERVICES,
    serviceExternalIPs: SERVICES,
    serviceClusterIPs: SERVICES,
    communities: COMMUNITIES,
    prefixAdvertisements: COMMUNITIES,
    nodeMeshPassword: SESSIONS,
    nodeMeshMaxRestartTime: SESSIONS,
    bindMode: SESSIONS,
    localWorkloadPeeringIPV4: SESSIONS,
    localWorkloadPeeringIPV6: SESSIONS,
    ignoredInterfaces: PROGRAMMING,
    programClusterRoutes: PROGRAMMING,
    ipv4NormalRoutePriority: PROGRAMMING,
    ipv6NormalRoutePriority: PROGRAMMING,
  },
};

/** What a resource sets that changes nothing yet, of any kind: for telling whoever set it. */
export function storedWithoutEffect(resource: AnyResource): readonly IneffectiveField[] {
  if (felixConfiguration.is(resource)) return fieldsWithoutEffect(resource);
  const spec = isObject(resource.spec) ? resource.spec : {};
  return Object.entries(STORED_ONLY[resource.kind] ?? {}).flatMap(([name, { section, standard }]) => {
    const value = spec[name];
    if (value === undefined || stringifyJson(value) === stringifyJson(standard)) return [];
    return [{ field: `spec.${name}`, value, section }];
  });
}
