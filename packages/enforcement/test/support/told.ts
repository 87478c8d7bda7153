import { endpointKey, type NeedsChange, PolicyIndex, type PolicyModel } from "@ocicat/policy";

/** A node's index that is told of one model after the other: of what is otherwise. */
export class Told {
  readonly #index: PolicyIndex;
  readonly #tell: (model: PolicyModel) => void;

  constructor(node: string) {
    const index = new PolicyIndex(node);
    this.#index = index;
    const tiers = difference<string, PolicyModel["tiers"][number]>((key, value) => index.setTier(key, value));
    const policies = difference<PolicyId, PolicyModel["policies"][number]>((key, value) => index.setPolicy(key, value));
    const profiles = difference<string, PolicyModel["profiles"][number]>((key, value) => index.setProfile(key, value));
    const sets = difference<string, PolicyModel["networkSets"][number]>((key, value) =>
      index.setNetworkSet(key, value),
    );
    const nodes = difference<string, PolicyModel["networkSets"][number]>((key, value) => index.setNodeSet(key, value));
    const endpoints = difference<string, PolicyModel["endpoints"][number]>((key, value) =>
      index.setEndpoint(key, value),
    );
    const services = difference<string, PolicyModel["services"][number]>((key, value) => index.setService(key, value));
    this.#tell = (model) => {
      tiers(model.tiers.map((tier) => [tier.name, tier]));
      policies(model.policies.map((policy) => [policy.id, policy]));
      profiles(model.profiles.map((profile) => [profile.name, profile]));
      sets(model.networkSets.map((set) => [`${set.kind} ${set.id}`, set]));
      nodes((model.nodeSets ?? []).map((set) => [set.id, set]));
      endpoints(model.endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
      services(model.services.map((service) => [`${service.namespace}/${service.name}`, service]));
    };
  }

  tell(model: PolicyModel): NeedsChange {
    this.#tell(model);
    return this.#index.flush();
  }
}

type PolicyId = PolicyModel["policies"][number]["id"];

/** Tells of what is otherwise than the last time. */
function difference<K, V>(set: (key: K, value: V | undefined) => void): (now: readonly (readonly [K, V])[]) => void {
  let known = new Map<K, V>();
  return (now) => {
    const wanted = new Map(now);
    for (const key of known.keys()) if (!wanted.has(key)) set(key, undefined);
    for (const [key, value] of wanted) if (known.get(key) !== value) set(key, value);
    known = wanted;
  };
}
