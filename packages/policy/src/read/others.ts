import type * as api from "@ocicat/api";
import type { NetworkSet } from "../model/endpoint.ts";
import type { Profile, Tier } from "../model/policy.ts";
import { readNetwork } from "./network.ts";
import { readRule } from "./rule.ts";
import { NAMESPACE_LABEL } from "./selectors.ts";

export function readTier({ metadata, spec }: api.Tier): Tier {
  return { name: metadata.name, order: spec.order, defaultAction: spec.defaultAction === "Pass" ? "pass" : "deny" };
}

export function readProfile({ metadata, spec }: api.Profile): Profile {
  const { ingress = [], egress = [], labelsToApply = {} } = spec;
  return {
    name: metadata.name,
    labels: labelsToApply,
    ingress: ingress.map((rule, index) => readRule(rule, undefined, `spec.ingress[${index}]`)),
    egress: egress.map((rule, index) => readRule(rule, undefined, `spec.egress[${index}]`)),
  };
}

/** One of a namespace has that namespace's labels too. */
export function readNetworkSet({ kind, metadata, spec }: api.NetworkSet | api.GlobalNetworkSet): NetworkSet {
  const { namespace, name, labels = {} } = metadata;
  return {
    id: namespace === undefined ? name : `${namespace}/${name}`,
    kind,
    labels: namespace === undefined ? labels : { ...labels, [NAMESPACE_LABEL]: namespace },
    profiles: namespace === undefined ? [] : [`kns.${namespace}`],
    networks: (spec.nets ?? []).map((text) => readNetwork(text)),
  };
}
