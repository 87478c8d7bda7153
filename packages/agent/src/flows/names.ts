import type { FlowDecision, FlowEnd, FlowStep } from "@ocicat/enforcement";
import { type Address, type Prefix, PrefixTrie, parsePrefix } from "@ocicat/net";
import type { Host, NetworkSet, Policy, Workload } from "@ocicat/policy";
import type { AgentNodeRow } from "../tables/rows.ts";
import type { Table } from "../tables/table.ts";

/** The tables that names come from. */
export interface NamedTables {
  /** All nodes'. */
  readonly workloads: Listened<Workload>;
  readonly hosts: Listened<Host>;
  readonly nodes: Listened<AgentNodeRow>;
  readonly networkSets: readonly Listened<NetworkSet>[];
  readonly policies: readonly Listened<Policy>[];
}

type Listened<Row> = Pick<Table<Row>, "subscribe">;

type Name = Pick<FlowEnd, "kind" | "name">;

/** Who has an address, and what a rule's short name in the log stands for. Kept up to date by the tables. */
export class FlowNames {
  readonly #addresses = new Register<Address>();
  readonly #networks = new PrefixTrie<ReadonlyMap<string, Name>>();
  /** Policies by the name that the log knows them by. */
  readonly #policies = new Map<string, Policy>();
  readonly #shortName: (name: string) => string;

  /** `shortName`: what a log's prefix says for a policy's id. */
  constructor(tables: NamedTables, shortName: (name: string) => string) {
    this.#shortName = shortName;
    this.#register(tables.nodes, "host", (node) => ({ name: node.name, addresses: addressesOf(node) }));
    this.#register(tables.hosts, "host", ({ id, addresses }) => ({ name: id, addresses }));
    this.#register(tables.workloads, "workload", ({ workload, addresses }) => ({ name: workload, addresses }));
    for (const table of tables.networkSets) {
      table.subscribe((key, now, before) => {
        for (const network of before?.networks ?? []) this.#removeNetwork(network, key);
        for (const network of now?.networks ?? []) this.#addNetwork(network, key, now?.id ?? "");
      });
    }
    for (const table of tables.policies) table.subscribe((_key, now, before) => this.#policyChanged(now, before));
  }

  end(address: Address): FlowEnd {
    const known = this.#addresses.get(address) ?? this.#networkOf(address);
    if (known !== undefined) return { ...known, address };
    const isPrivate = PRIVATE.some((network) => network.has(address));
    return { kind: "network", name: isPrivate ? "private" : "public", address };
  }

  /** A policy that is gone by now, and whose name was too long for the log, is told by what the log says. */
  step({ action, owner, rule, name }: FlowDecision): FlowStep {
    if (owner === "policy" && rule === undefined) return { action, by: "tier", name, tier: name, rule };
    if (owner === "profile") return { action, by: rule === undefined ? "end" : "profile", name, tier: undefined, rule };
    const policy = this.#policies.get(name);
    return { action, by: "policy", name: policy?.id ?? name, tier: policy?.tier, rule };
  }

  #register<Row>(
    table: Listened<Row>,
    kind: FlowEnd["kind"],
    read: (row: Row) => { readonly name: string; readonly addresses: readonly Address[] },
  ): void {
    table.subscribe((key, now, before) => {
      if (before !== undefined) for (const address of read(before).addresses) this.#addresses.remove(address, key);
      if (now === undefined) return;
      const { name, addresses } = read(now);
      for (const address of addresses) this.#addresses.add(address, key, { kind, name });
    });
  }

  #policyChanged(now: Policy | undefined, before: Policy | undefined): void {
    if (before !== undefined) this.#policies.delete(this.#shortName(before.id));
    if (now !== undefined && now.staged === undefined) this.#policies.set(this.#shortName(now.id), now);
  }

  #networkOf(address: Address): Name | undefined {
    return [...(this.#networks.longestMatch(address)?.value.values() ?? [])].at(-1);
  }

  #addNetwork(network: Prefix, key: string, name: string): void {
    this.#networks.set(network, new Map([...(this.#networks.get(network) ?? []), [key, { kind: "networkSet", name }]]));
  }

  #removeNetwork(network: Prefix, key: string): void {
    const rest = new Map(this.#networks.get(network));
    rest.delete(key);
    if (rest.size === 0) this.#networks.delete(network);
    else this.#networks.set(network, rest);
  }
}

/** Several may say that they have an address, as a pod that goes and the one that comes: the last one is told. */
class Register<Key> {
  readonly #names = new Map<Key, readonly { readonly owner: string; readonly name: Name }[]>();

  get(key: Key): Name | undefined {
    return this.#names.get(key)?.at(-1)?.name;
  }

  add(key: Key, owner: string, name: Name): void {
    this.#names.set(key, [...(this.#names.get(key) ?? []), { owner, name }]);
  }

  remove(key: Key, owner: string): void {
    const rest = (this.#names.get(key) ?? []).filter((each) => each.owner !== owner);
    if (rest.length === 0) this.#names.delete(key);
    else this.#names.set(key, rest);
  }
}

function addressesOf({ ipv4, ipv6 }: AgentNodeRow): Address[] {
  return [ipv4?.address, ipv6?.address].filter((address) => address !== undefined);
}

/** RFC 1918, RFC 4193, and what never leaves a link or a host. */
const PRIVATE = [
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
  "127.0.0.0/8",
  "fc00::/7",
  "fe80::/10",
  "::1/128",
].map((network) => parsePrefix(network));
