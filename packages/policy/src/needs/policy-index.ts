import type { Labels } from "@ocicat/api";
import type { Endpoint, NetworkSet, Service } from "../model/endpoint.ts";
import type { NeedsChange, SetChange } from "../model/needs.ts";
import type { Policy, PolicyId, Profile, Tier } from "../model/policy.ts";
import { setsOfRules } from "../model/rule-sets.ts";
import type { SetId } from "../model/sets.ts";
import { AppliedPolicies } from "./applied-policies.ts";
import { Item, isEndpoint, networksOf, portsOf } from "./items.ts";
import { changedLabels } from "./labels/difference.ts";
import { Profiles } from "./profiles.ts";
import type { Replaced } from "./replaced.ts";
import { same } from "./same.ts";
import { NeededSets } from "./sets/needed-sets.ts";

/** How much there is of what an index keeps. */
export interface IndexCounts {
  /** In the cluster. */
  readonly endpoints: number;
  readonly networkSets: number;
  readonly policies: number;
  /** Those that are there, and those that are only named. */
  readonly profiles: number;
  /** That endpoints and network sets have, each counted once. */
  readonly addresses: number;
  readonly labels: number;
  /** On this node. */
  readonly localEndpoints: number;
  /** By which policies choose endpoints. */
  readonly policySelectors: number;
  /** By which rules in use choose addresses. */
  readonly selectors: number;
  readonly sets: number;
}

/** An item that is about to be otherwise; without a value it is about to go. */
interface ItemChange {
  readonly item: Item;
  readonly fresh: boolean;
  readonly value: Endpoint | NetworkSet | undefined;
  readonly labels: Labels;
}

/**
 * What one node's endpoints need, change by change: from the cluster's policies and all that they select, the little that is to
 * be enforced here.
 *
 *     policies ─┐                     ┌─► policies in use ─┐
 *     tiers    ─┼─► applied policies ─┤                    ├─► sets needed ─► members
 *     profiles ─┤                     └─► endpoints' needs │                    ▲
 *        │ labels                          profiles in use ┘                    │
 *     endpoints, network sets,
 *     nodes ────────────────────────────────────────────────────────────────────┘
 *
 * Setting a value only notes it; flush() works out what follows from all that was noted, so that what comes and goes between
 * two flushes costs nothing, and the order in which things become known makes no difference.
 */
export class PolicyIndex {
  readonly #node: string;
  readonly #applied = new AppliedPolicies();
  readonly #profiles = new Profiles();
  readonly #sets = new NeededSets();
  readonly #endpoints = new Map<string, Item>();
  readonly #networkSets = new Map<string, Item>();
  readonly #nodeSets = new Map<string, Item>();
  readonly #noted = {
    tiers: new Map<string, Tier | undefined>(),
    policies: new Map<PolicyId, Policy | undefined>(),
    profiles: new Map<string, Profile | undefined>(),
    networkSets: new Map<string, NetworkSet | undefined>(),
    nodeSets: new Map<string, NetworkSet | undefined>(),
    endpoints: new Map<string, Endpoint | undefined>(),
    services: new Map<string, Service | undefined>(),
  };

  /** `node`: whose endpoints are to be enforced. Those of others matter as what rules select. */
  constructor(node: string) {
    this.#node = node;
  }

  setTier(name: string, tier: Tier | undefined): void {
    this.#noted.tiers.set(name, tier);
  }

  setPolicy(id: PolicyId, policy: Policy | undefined): void {
    this.#noted.policies.set(id, policy);
  }

  setProfile(name: string, profile: Profile | undefined): void {
    this.#noted.profiles.set(name, profile);
  }

  /** `key`: unique among network sets of both kinds. */
  setNetworkSet(key: string, networkSet: NetworkSet | undefined): void {
    this.#noted.networkSets.set(key, networkSet);
  }

  /** `key`: the node's name. */
  setNodeSet(key: string, nodeSet: NetworkSet | undefined): void {
    this.#noted.nodeSets.set(key, nodeSet);
  }

  /** `key`: as endpointKey makes it. */
  setEndpoint(key: string, endpoint: Endpoint | undefined): void {
    this.#noted.endpoints.set(key, endpoint);
  }

  /** `key`: `namespace/name`. */
  setService(key: string, service: Service | undefined): void {
    this.#noted.services.set(key, service);
  }

  /** What is kept, as of the last flush. */
  get counts(): IndexCounts {
    return {
      ...this.#applied.counts,
      ...this.#sets.selected.counts,
      endpoints: this.#endpoints.size,
      networkSets: this.#networkSets.size,
      profiles: this.#profiles.size,
      sets: this.#sets.size,
    };
  }

  /** What is needed otherwise than after the flush before; empty maps where nothing is. */
  flush(): NeedsChange {
    const { tiers, policies, services } = this.#noted;
    for (const [name, tier] of tiers) this.#applied.setTier(name, tier);
    for (const [id, policy] of policies) this.#applied.setPolicy(id, policy);
    for (const [key, service] of services) this.#sets.services.setService(key, service);
    const items = this.#takeItems();
    for (const change of items) this.#settleLocally(change);
    const change = { policies: this.#applied.takePolicies(), profiles: this.#profiles.takeChanges() };
    const sets = this.#changeSets([...change.policies.values(), ...change.profiles.values()], items);
    for (const noted of Object.values(this.#noted)) noted.clear();
    return {
      sets,
      policies: present(change.policies),
      profiles: present(change.profiles),
      endpoints: this.#applied.takeEndpoints(),
    };
  }

  #takeItems(): readonly ItemChange[] {
    const heirs = new Set<Item>();
    for (const [name, profile] of this.#noted.profiles)
      for (const item of this.#profiles.set(name, profile)) heirs.add(item);
    const changes = [
      ...[...this.#noted.endpoints].map(([key, value]) => this.#changeOf(this.#endpoints, key, value)),
      ...[...this.#noted.networkSets].map(([key, value]) => this.#changeOf(this.#networkSets, key, value)),
      ...[...this.#noted.nodeSets].map(([key, value]) => this.#changeOf(this.#nodeSets, key, value)),
    ].filter((change) => change !== undefined);
    for (const { item } of changes) heirs.delete(item);
    return [...changes, ...[...heirs].map((item) => this.#become(item, item.value, false))];
  }

  #changeOf<T extends Endpoint | NetworkSet>(
    items: Map<string, Item>,
    key: string,
    value: T | undefined,
  ): ItemChange | undefined {
    const known = items.get(key);
    if (value === undefined) {
      if (known === undefined) return undefined;
      items.delete(key);
      this.#profiles.detach(known, known.value.profiles);
      return { item: known, fresh: false, value, labels: known.labels };
    }
    const item = known ?? new Item(key, value, value.labels);
    items.set(key, item);
    if (!same(item.value.profiles, value.profiles)) this.#profiles.detach(item, item.value.profiles);
    this.#profiles.attach(item, value.profiles);
    return this.#become(item, value, known === undefined);
  }

  #become(item: Item, value: Endpoint | NetworkSet, fresh: boolean): ItemChange {
    return { item, fresh, value, labels: this.#profiles.labelsOf(value) };
  }

  /** For an endpoint that is, or was, one of this node. */
  #settleLocally({ item, fresh, value, labels }: ItemChange): void {
    const before = fresh ? undefined : this.#local(item.value);
    const after = this.#local(value);
    if (before === undefined && after === undefined) return;
    this.#applied.setEndpoint(item.key, after, labels);
    this.#profiles.use(after?.profiles ?? []);
    this.#profiles.release(before?.profiles ?? []);
  }

  #local(value: Endpoint | NetworkSet | undefined): Endpoint | undefined {
    return value !== undefined && isEndpoint(value) && value.node === this.#node ? value : undefined;
  }

  #changeSets(
    users: readonly Replaced<Policy | Profile | "missing">[],
    items: readonly ItemChange[],
  ): ReadonlyMap<SetId, SetChange> {
    const changes = new Map<SetId, SetChange>();
    for (const { before, after } of users) {
      for (const spec of setsOf(after)) this.#sets.need(spec);
      for (const spec of setsOf(before)) this.#sets.drop(spec);
    }
    this.#sets.takeGone(changes);
    for (const change of items) this.#settle(change);
    this.#sets.takeChanges(changes);
    return changes;
  }

  /** In the sets' view. */
  #settle({ item, fresh, value, labels }: ItemChange): void {
    const selected = item.value.kind === "Node" ? this.#sets.nodes : this.#sets.selected;
    if (value === undefined) selected.delete(item);
    else if (fresh || !holdsAlike(item.value, value)) {
      if (!fresh) selected.delete(item);
      item.value = value;
      item.labels = labels;
      selected.add(item);
    } else {
      item.value = value;
      if (changedLabels(item.labels, labels).length > 0) selected.relabel(item, labels);
    }
  }
}

function holdsAlike(a: Endpoint | NetworkSet, b: Endpoint | NetworkSet): boolean {
  return same(networksOf(a), networksOf(b)) && same(portsOf(a), portsOf(b));
}

function setsOf(user: Policy | Profile | "missing" | undefined) {
  return user === undefined || user === "missing" ? [] : setsOfRules([...user.ingress, ...user.egress]).values();
}

function present<K, T>(changes: ReadonlyMap<K, Replaced<T>>): ReadonlyMap<K, T | undefined> {
  return new Map([...changes].map(([key, { after }]) => [key, after]));
}
