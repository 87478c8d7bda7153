import type { Labels } from "@ocicat/api";
import type { Endpoint } from "../model/endpoint.ts";
import type { EndpointNeeds } from "../model/needs.ts";
import { comparePolicies, missingTier } from "../model/order.ts";
import type { Policy, PolicyId, Tier } from "../model/policy.ts";
import { hasEffect } from "../model/stages.ts";
import { endpointNeeds } from "./endpoint-needs.ts";
import { ItemIndex } from "./labels/item-index.ts";
import { SelectorIndex } from "./labels/selector-index.ts";
import type { Replaced } from "./replaced.ts";
import { same } from "./same.ts";

interface Applied {
  policy: Policy;
  /** How many of this node's endpoints it has an effect on. */
  endpoints: number;
}

/** An endpoint of this node. */
interface Local {
  readonly key: string;
  endpoint: Endpoint;
  labels: Labels;
}

/**
 * Which policies apply to which of this node's endpoints, and in what order. Which is not kept for each pair: it follows from
 * labels and selectors whenever it is asked.
 */
export class AppliedPolicies {
  readonly #tiers = new Map<string, Tier>();
  readonly #policies = new Map<PolicyId, Applied>();
  readonly #selectors = new SelectorIndex<Applied>();
  readonly #endpoints = new Map<string, Local>();
  readonly #items = new ItemIndex<Local>();
  readonly #toldPolicies = new Map<PolicyId, Policy>();
  readonly #toldEndpoints = new Map<string, EndpointNeeds>();
  readonly #dirtyPolicies = new Set<PolicyId>();
  readonly #dirtyEndpoints = new Set<string>();

  get counts(): { readonly policies: number; readonly localEndpoints: number; readonly policySelectors: number } {
    return {
      policies: this.#policies.size,
      localEndpoints: this.#endpoints.size,
      policySelectors: this.#selectors.size,
    };
  }

  setTier(name: string, tier: Tier | undefined): void {
    if (same(this.#tiers.get(name), tier)) return;
    if (tier === undefined) this.#tiers.delete(name);
    else this.#tiers.set(name, tier);
    for (const key of this.#endpoints.keys()) this.#dirtyEndpoints.add(key);
  }

  setPolicy(id: PolicyId, policy: Policy | undefined): void {
    const applied = this.#policies.get(id);
    if (same(applied?.policy, policy)) return;
    this.#dirtyPolicies.add(id);
    if (applied !== undefined && policy !== undefined && appliesAlike(applied.policy, policy)) {
      if (!ordersAlike(applied.policy, policy))
        for (const { key } of this.#items.selectedBy(policy.selector)) this.#dirtyEndpoints.add(key);
      applied.policy = policy;
      return;
    }
    if (applied !== undefined) this.#withdraw(applied);
    if (policy !== undefined) this.#apply(policy);
  }

  setEndpoint(key: string, endpoint: Endpoint | undefined, labels: Labels): void {
    const local = this.#endpoints.get(key);
    this.#dirtyEndpoints.add(key);
    if (endpoint === undefined) {
      if (local !== undefined) this.#remove(local);
    } else if (local === undefined) this.#add({ key, endpoint, labels });
    else {
      this.#relabel(local, labels);
      local.endpoint = endpoint;
    }
  }

  /** Policies that are in use otherwise than when it was last asked. */
  takePolicies(): ReadonlyMap<PolicyId, Replaced<Policy>> {
    const changes = new Map<PolicyId, Replaced<Policy>>();
    for (const id of this.#dirtyPolicies) {
      const before = this.#toldPolicies.get(id);
      const after = this.#inUse(id);
      if (same(before, after)) continue;
      if (after === undefined) this.#toldPolicies.delete(id);
      else this.#toldPolicies.set(id, after);
      changes.set(id, { before, after });
    }
    this.#dirtyPolicies.clear();
    return changes;
  }

  /** Endpoints whose needs are otherwise than when it was last asked. */
  takeEndpoints(): ReadonlyMap<string, EndpointNeeds | undefined> {
    const changes = new Map<string, EndpointNeeds | undefined>();
    // Those that the same selectors select meet the same policies, in objects that they share.
    const alike = new Map<string, EndpointNeeds>();
    for (const key of this.#dirtyEndpoints) {
      const needs = this.#needsOf(key, alike);
      if (same(this.#toldEndpoints.get(key), needs)) continue;
      if (needs === undefined) this.#toldEndpoints.delete(key);
      else this.#toldEndpoints.set(key, needs);
      changes.set(key, needs);
    }
    this.#dirtyEndpoints.clear();
    return changes;
  }

  #inUse(id: PolicyId): Policy | undefined {
    const applied = this.#policies.get(id);
    return applied !== undefined && (applied.endpoints > 0 || applied.policy.neededEverywhere)
      ? applied.policy
      : undefined;
  }

  #needsOf(key: string, known: Map<string, EndpointNeeds>): EndpointNeeds | undefined {
    const local = this.#endpoints.get(key);
    if (local === undefined) return undefined;
    const { endpoint } = local;
    const selected = this.#selectors.selecting(local.labels);
    const likeness = `${endpoint.kind} ${selected.map(({ id }) => id).sort()}`;
    const alike = known.get(likeness);
    if (alike !== undefined) return { endpoint, stages: alike.stages, profiles: endpoint.profiles };
    const policies = selected.flatMap(({ users }) => [...users].map(({ policy }) => policy));
    const needs = endpointNeeds(endpoint, policies, (name) => this.#tiers.get(name) ?? missingTier(name));
    known.set(likeness, needs);
    return needs;
  }

  #apply(policy: Policy): void {
    const applied = { policy, endpoints: 0 };
    this.#policies.set(policy.id, applied);
    this.#selectors.add(policy.selector, applied);
    for (const local of this.#items.selectedBy(policy.selector)) this.#count(applied, local, 1);
  }

  #withdraw(applied: Applied): void {
    for (const local of this.#items.selectedBy(applied.policy.selector)) this.#count(applied, local, -1);
    this.#selectors.delete(applied.policy.selector, applied);
    this.#policies.delete(applied.policy.id);
  }

  #add(local: Local): void {
    this.#endpoints.set(local.key, local);
    this.#items.add(local);
    for (const { users } of this.#selectors.selecting(local.labels))
      for (const applied of users) this.#count(applied, local, 1);
  }

  #remove(local: Local): void {
    for (const { users } of this.#selectors.selecting(local.labels))
      for (const applied of users) this.#count(applied, local, -1);
    this.#items.delete(local);
    this.#endpoints.delete(local.key);
  }

  #relabel(local: Local, labels: Labels): void {
    for (const { selector, users } of this.#selectors.turning(local.labels, labels)) {
      const by = selector.matches(labels) ? 1 : -1;
      for (const applied of users) this.#count(applied, local, by);
    }
    this.#items.relabel(local, labels);
    local.labels = labels;
  }

  /** One more endpoint that the policy selects, or one less. */
  #count(applied: Applied, { key, endpoint }: Local, by: 1 | -1): void {
    if (!hasEffect(applied.policy, endpoint.kind)) return;
    applied.endpoints += by;
    this.#dirtyPolicies.add(applied.policy.id);
    this.#dirtyEndpoints.add(key);
  }
}

/** Whether they have an effect on the same endpoints, at the same stages. */
function appliesAlike(a: Policy, b: Policy): boolean {
  return (
    a.selector.text === b.selector.text &&
    a.untracked === b.untracked &&
    a.preDnat === b.preDnat &&
    a.applyOnForward === b.applyOnForward &&
    same(a.directions, b.directions)
  );
}

function ordersAlike(a: Policy, b: Policy): boolean {
  return a.tier === b.tier && comparePolicies(a, b) === 0;
}
