import { origin } from "@ocicat/kit";
import { type Table, type TableEdits, table } from "@ocicat/nftables";
import type { Endpoint, EndpointNeeds, NeedsChange, Policy, PolicyId, Profile } from "@ocicat/policy";
import { baseChains } from "./entrances/base-chains.ts";
import { groupChain } from "./group.ts";
import { type NodeInterfaces, occupy } from "./interfaces.ts";
import { KeptDispatch } from "./keep/kept-dispatch.ts";
import { KeptGroups } from "./keep/kept-groups.ts";
import { KeptRules } from "./keep/kept-rules.ts";
import { KeptSets } from "./keep/kept-sets.ts";
import { DIRECTIONS, policyKey, profileKey } from "./keys.ts";
import { POLICY_TABLE } from "./names.ts";
import { ruleChains } from "./needs.ts";
import type { CompileOptions } from "./options.ts";
import { policyChain, profileChain } from "./rule-chain.ts";
import { sinkOf, type TableSink } from "./sink.ts";
import { staticSets } from "./static-sets.ts";
import { variantsFrom } from "./variants.ts";

/** What has to be wanted before PolicyTables is made. */
export const EMPTY_POLICY_TABLE: Table = table({ ...POLICY_TABLE, origin: origin("what policies allow") });

/**
 * POLICY_TABLE, change by change: the least is told that has to be done, in an order that never leaves a name without what it
 * stands for.
 *
 *     sets ─► chains of rules ─► groups ─► elements of the verdict maps ─► base chains; what goes, the other way round
 *
 * What has been told makes what compileNeeds makes of the same needs.
 *
 *     nft.setTables([POLICY_TABLE], [EMPTY_POLICY_TABLE]);
 *     const tables = new PolicyTables(nft, options);
 *     tables.apply(index.flush());
 *     nft.apply();
 */
export class PolicyTables {
  readonly #sink: TableSink;
  readonly #sets: KeptSets;
  readonly #rules: KeptRules;
  readonly #groups: KeptGroups;
  readonly #dispatch: KeptDispatch;
  readonly #policies = new Map<PolicyId, Policy>();
  readonly #endpoints = new Map<string, EndpointNeeds>();
  /** Which endpoints claim a workload interface, by key. */
  readonly #claims = new Map<string, Set<string>>();
  #baseChains: ReadonlySet<string> = new Set();
  #options: CompileOptions;
  #interfaces: NodeInterfaces = new Map();

  /** Tells of everything that is there without policies: nothing passes to or from a workload. */
  constructor(edits: TableEdits, options: CompileOptions) {
    const sink = sinkOf(edits);
    this.#sink = sink;
    this.#options = options;
    this.#sets = new KeptSets(sink);
    this.#rules = new KeptRules(sink);
    this.#groups = new KeptGroups(sink);
    for (const set of staticSets()) sink.putSet(set);
    this.#dispatch = new KeptDispatch(sink, this.#groups);
    this.#putBaseChains();
  }

  /** Other options: everything that depends on them is told anew. */
  setOptions(options: CompileOptions): void {
    this.#options = options;
    this.#rules.refresh();
    this.#groups.refresh();
    this.#settle(true);
  }

  /** The node's own interfaces: host endpoints may be told by their addresses. */
  setInterfaces(interfaces: NodeInterfaces): void {
    this.#interfaces = interfaces;
    this.#settle(this.#setHosts());
  }

  apply(change: NeedsChange): void {
    for (const [id, one] of change.sets) if (this.#sets.apply(id, one)) this.#rules.setChanged(id);
    for (const [id, policy] of change.policies) this.#setPolicy(id, policy);
    for (const [name, profile] of change.profiles) this.#setProfile(name, profile);
    const claimed = new Set<string>();
    let hosts = false;
    for (const [key, needs] of change.endpoints) {
      for (const endpoint of [this.#endpoints.get(key)?.endpoint, needs?.endpoint]) {
        if (endpoint?.kind === "host") hosts = true;
        else if (endpoint !== undefined) claimed.add(endpoint.interfaceName);
      }
      this.#setEndpoint(key, needs);
    }
    for (const name of claimed) this.#setWorkload(name);
    this.#settle(hosts && this.#setHosts());
  }

  #setPolicy(id: PolicyId, policy: Policy | undefined): void {
    const before = this.#policies.get(id);
    if (policy === undefined) this.#policies.delete(id);
    else this.#policies.set(id, policy);
    const enforced = policy !== undefined && policy.staged === undefined ? policy : undefined;
    for (const direction of DIRECTIONS) {
      const key = policyKey(id, direction);
      this.#rules.put(
        key,
        enforced?.directions.includes(direction) === true
          ? {
              rules: enforced[direction],
              compile: () => policyChain(enforced, direction, this.#variants, this.#options),
            }
          : undefined,
      );
      if ((before === undefined) !== (policy === undefined) || before?.staged !== policy?.staged) {
        this.#groups.calleeChanged(key);
      }
    }
  }

  #setProfile(name: string, profile: Profile | "missing" | undefined): void {
    for (const direction of DIRECTIONS) {
      this.#rules.put(
        profileKey(name, direction),
        profile === undefined || profile === "missing"
          ? undefined
          : {
              rules: profile[direction],
              compile: () => profileChain(profile, direction, this.#variants, this.#options),
            },
      );
    }
  }

  #setEndpoint(key: string, needs: EndpointNeeds | undefined): void {
    this.#claim(key, this.#endpoints.get(key)?.endpoint, needs?.endpoint);
    if (needs === undefined) this.#endpoints.delete(key);
    else this.#endpoints.set(key, needs);
  }

  #claim(key: string, before: Endpoint | undefined, after: Endpoint | undefined): void {
    if (before?.kind === "workload") {
      const claims = this.#claims.get(before.interfaceName);
      claims?.delete(key);
      if (claims?.size === 0) this.#claims.delete(before.interfaceName);
    }
    if (after?.kind !== "workload") return;
    const claims = this.#claims.get(after.interfaceName);
    if (claims === undefined) this.#claims.set(after.interfaceName, new Set([key]));
    else claims.add(key);
  }

  #setWorkload(name: string): void {
    const claims = [...(this.#claims.get(name) ?? [])];
    const endpoints = new Map(claims.flatMap((key) => this.#entry(key)));
    if (name !== "") this.#dispatch.workload(name, occupy(endpoints, this.#interfaces).workloads.get(name));
  }

  #entry(key: string): [string, EndpointNeeds][] {
    const needs = this.#endpoints.get(key);
    return needs === undefined ? [] : [[key, needs]];
  }

  /** True if packets enter by other chains than before. */
  #setHosts(): boolean {
    const hosts = new Map([...this.#endpoints].filter(([, { endpoint }]) => endpoint.kind === "host"));
    return this.#dispatch.setHosts(occupy(hosts, this.#interfaces).hosts);
  }

  #settle(entrances: boolean): void {
    for (const key of this.#rules.settle()) this.#groups.calleeChanged(key);
    const called = ruleChains(this.#policies, this.#rules.chains);
    this.#groups.settle((group) => groupChain(group, called, this.#options));
    this.#dispatch.settle();
    if (entrances) this.#putBaseChains();
    this.#groups.sweep();
    this.#dispatch.sweep();
    this.#rules.sweep();
    this.#sets.sweep();
  }

  #putBaseChains(): void {
    const chains = baseChains(this.#dispatch.hosts, this.#options);
    const names = new Set(chains.map(({ name }) => name));
    for (const chain of chains) this.#sink.putChain(chain);
    for (const name of this.#baseChains) if (!names.has(name)) this.#sink.deleteChain(name);
    this.#baseChains = names;
  }

  readonly #variants = variantsFrom({ get: (id) => this.#sets.variants(id) });
}
