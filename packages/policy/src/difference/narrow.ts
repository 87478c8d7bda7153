import type { Endpoint, NetworkSet } from "../model/endpoint.ts";
import { endpointKey } from "../model/ids.ts";
import type { PolicyModel } from "../model/model.ts";
import type { Policy } from "../model/policy.ts";
import { labelsIn } from "../verdict/labels.ts";
import type { Member } from "./party.ts";

/** A model, as far as it decides about packets between two ends: the same verdicts, from a small part of it. */
export class Narrower {
  readonly #model: PolicyModel;
  readonly #workloads: ReadonlyMap<string, Endpoint>;
  readonly #hosts: ReadonlyMap<string, readonly Endpoint[]>;
  readonly #policies = new Map<Endpoint, readonly Policy[]>();

  constructor(model: PolicyModel) {
    this.#model = model;
    this.#workloads = new Map(model.endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
    this.#hosts = Map.groupBy(
      model.endpoints.filter(({ kind }) => kind === "host"),
      ({ node }) => node,
    );
  }

  /** Policies of either direction and of any stage that apply to a member or to its node, in the model's order. */
  policiesOf(member: Member): readonly Policy[] {
    const found = new Set(this.#endpointsOf(member).flatMap((endpoint) => this.#applying(endpoint)));
    return this.#model.policies.filter((policy) => found.has(policy));
  }

  to(...members: readonly Member[]): PolicyModel {
    const endpoints = [...new Set(members.flatMap((member) => this.#endpointsOf(member)))];
    const addresses = members.flatMap((member) => member.addresses);
    const found = new Set(endpoints.flatMap((endpoint) => this.#applying(endpoint)));
    const isMet = ({ networks }: NetworkSet) =>
      networks.some((network) => addresses.some((address) => network.has(address)));
    const sets = this.#model.networkSets.filter(isMet);
    const names = new Set([...endpoints, ...sets].flatMap(({ profiles }) => profiles));
    const nodes = new Set(members.flatMap(({ node }) => node ?? []));
    return {
      ...this.#model,
      policies: [...found],
      profiles: this.#model.profiles.filter(({ name }) => names.has(name)),
      endpoints,
      networkSets: sets,
      nodeSets: (this.#model.nodeSets ?? []).filter(isMet),
      nodes: (this.#model.nodes ?? []).filter(({ node }) => nodes.has(node)),
    };
  }

  #endpointsOf({ key, node }: Member): readonly Endpoint[] {
    const own = key === undefined ? undefined : this.#workloads.get(key);
    const hosts = node === undefined ? [] : (this.#hosts.get(node) ?? []);
    return own === undefined ? hosts : [own, ...hosts];
  }

  #applying(endpoint: Endpoint): readonly Policy[] {
    let policies = this.#policies.get(endpoint);
    if (policies === undefined) {
      const labels = labelsIn(endpoint, this.#model);
      policies = this.#model.policies.filter(({ selector }) => selector.matches(labels));
      this.#policies.set(endpoint, policies);
    }
    return policies;
  }
}
