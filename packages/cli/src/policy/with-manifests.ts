import type { AnyResource, PlaceOf } from "@ocicat/api";
import {
  globalNetworkPolicy,
  globalNetworkSet,
  hostEndpoint,
  networkPolicy,
  networkSet,
  profile,
  stagedGlobalNetworkPolicy,
  stagedKubernetesNetworkPolicy,
  stagedNetworkPolicy,
  tier,
  workloadEndpoint,
} from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import {
  type PolicyId,
  type PolicyModel,
  policyId,
  readHost,
  readNetworkSet,
  readPolicy,
  readProfile,
  readTier,
  readWorkload,
} from "@ocicat/policy";
import type { Manifest } from "../input/manifests.ts";
import type { PolicyManifest } from "./read-file.ts";

/** What becomes of a model when what files hold is applied, or deleted. */
export type What = "applied" | "deleted";

/** The model as it would be. Throws OcicatError POLICY_KIND on what policy does not follow from. */
export function withManifests(model: PolicyModel, manifests: readonly PolicyManifest[], what: What): PolicyModel {
  return manifests.reduce((changed, manifest) => {
    if ("policy" in manifest) return put(changed, "policies", manifest.policy, what);
    return withResource(changed, manifest, what);
  }, model);
}

function withResource(model: PolicyModel, manifest: Manifest, what: What): PolicyModel {
  const change = CHANGES.flatMap((candidate) => candidate(model, manifest.resource, what) ?? []).at(0);
  if (change !== undefined) return change;
  throw manifest.locate(
    new OcicatError({
      code: "POLICY_KIND",
      where: manifest.resource.kind,
      what: "policy does not follow from this kind",
      fix: "leave it out of the file",
    }),
  );
}

type Change = (model: PolicyModel, resource: AnyResource, what: What) => PolicyModel | undefined;

/** Undefined: it is of another kind. */
const CHANGES: readonly Change[] = [
  (model, resource, what) => (tier.is(resource) ? put(model, "tiers", readTier(resource), what) : undefined),
  (model, resource, what) => (profile.is(resource) ? put(model, "profiles", readProfile(resource), what) : undefined),
  (model, resource, what) =>
    workloadEndpoint.is(resource) ? put(model, "endpoints", readWorkload(resource), what) : undefined,
  (model, resource, what) =>
    hostEndpoint.is(resource) ? put(model, "endpoints", readHost(resource), what) : undefined,
  (model, resource, what) =>
    networkSet.is(resource) || globalNetworkSet.is(resource)
      ? put(model, "networkSets", readNetworkSet(resource), what)
      : undefined,
  (model, resource, what) =>
    networkPolicy.is(resource) ||
    globalNetworkPolicy.is(resource) ||
    stagedNetworkPolicy.is(resource) ||
    stagedGlobalNetworkPolicy.is(resource) ||
    stagedKubernetesNetworkPolicy.is(resource)
      ? put(model, "policies", readPolicy(resource), what)
      : undefined,
];

type Part = "tiers" | "profiles" | "endpoints" | "networkSets" | "policies";

/** In the place of the one of the same name, or at the end. All others stay the same objects. */
function put<P extends Part>(model: PolicyModel, part: P, item: PolicyModel[P][number], what: What): PolicyModel {
  const items: readonly PolicyModel[P][number][] = model[part];
  const key = keyOf(item);
  const others = items.filter((other) => keyOf(other) !== key);
  if (what === "deleted") return { ...model, [part]: others };
  if (others.length === items.length) return { ...model, [part]: [...items, item] };
  return { ...model, [part]: items.map((other) => (keyOf(other) === key ? item : other)) };
}

function keyOf(item: PolicyModel[Part][number]): string {
  const kind = "kind" in item ? item.kind : "";
  return `${kind} ${"id" in item ? item.id : item.name}`;
}

/** Where each policy of the files stands, by its id: a field's line and column. */
export type PolicyPlaces = ReadonlyMap<PolicyId, { readonly file: string; readonly placeOf: PlaceOf }>;

export function placesOf(manifests: readonly PolicyManifest[]): PolicyPlaces {
  return new Map(
    manifests.map((manifest) => [idOf(manifest), { file: manifest.position.file ?? "", placeOf: manifest.placeOf }]),
  );
}

function idOf(manifest: PolicyManifest): PolicyId {
  if ("policy" in manifest) return manifest.policy.id;
  const { kind, metadata } = manifest.resource;
  return policyId(kind, metadata.namespace, metadata.name);
}
