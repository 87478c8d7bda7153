import type { Labels, Selector, SelectorNode } from "@ocicat/api";
import type { Address } from "@ocicat/net";
import {
  comparePolicies,
  type Endpoint,
  effectiveLabels,
  type Labelled,
  type NetworkSet,
  type Policy,
  type PolicyModel,
  type Profile,
  type Service,
  type ServiceEndpoint,
  type ServiceName,
} from "@ocicat/policy";
import { type AddressRange, rangeOf } from "../space/header.ts";

/** Addresses that share a protocol and a port. */
export interface PortMembers {
  readonly protocol: number;
  readonly port: number;
  readonly ranges: readonly AddressRange[];
}

interface At {
  readonly address: Address;
  readonly protocol: number;
  readonly port: number;
}

/** Everything that has the same labels: it is selected together. */
interface Alike {
  readonly labels: Labels;
  readonly ranges: AddressRange[];
  readonly ports: { readonly name: string; readonly at: At }[];
}

/** Whom selectors, names of ports and services mean: worked out once for all that is proved. */
export class Members {
  readonly #services: readonly Service[];
  readonly #nodes: readonly NetworkSet[];
  readonly #profiles: ReadonlyMap<string, Profile>;
  readonly #alike = new Map<string, Alike>();
  /** By label and value, so that a selector that asks for one looks at no others. */
  readonly #having = new Map<string, Alike[]>();
  readonly #selected = new Map<string, readonly AddressRange[]>();
  readonly #policies: readonly Policy[];
  readonly #applying = new Map<Endpoint, readonly Policy[]>();

  constructor(model: PolicyModel) {
    this.#policies = model.policies.filter(({ staged }) => staged === undefined).sort(comparePolicies);
    this.#services = model.services;
    this.#nodes = model.nodeSets ?? [];
    this.#profiles = new Map(model.profiles.map((profile) => [profile.name, profile]));
    for (const endpoint of model.endpoints) {
      const { ranges, ports } = this.#alikeOf(this.labelsOf(endpoint));
      ranges.push(...endpoint.addresses.map(hostRange));
      for (const { name, protocol, port } of endpoint.ports) {
        ports.push(...endpoint.addresses.map((address) => ({ name, at: { address, protocol, port } })));
      }
    }
    for (const set of model.networkSets) this.#alikeOf(this.labelsOf(set)).ranges.push(...set.networks.map(rangeOf));
  }

  labelsOf(item: Labelled): Labels {
    return effectiveLabels(item, (name) => this.#profiles.get(name));
  }

  /** The policies in force that select the endpoint, in order. */
  policiesOf(endpoint: Endpoint): readonly Policy[] {
    let applying = this.#applying.get(endpoint);
    if (applying === undefined) {
      const labels = this.labelsOf(endpoint);
      applying = this.#policies.filter(({ selector }) => selector.matches(labels));
      this.#applying.set(endpoint, applying);
    }
    return applying;
  }

  profile(name: string): Profile | undefined {
    return this.#profiles.get(name);
  }

  selected(selector: Selector): readonly AddressRange[] {
    let ranges = this.#selected.get(selector.text);
    if (ranges === undefined) {
      ranges = this.#chosen(selector).flatMap((alike) => alike.ranges);
      this.#selected.set(selector.text, ranges);
    }
    return ranges;
  }

  nodes(selector: Selector): AddressRange[] {
    return this.#nodes
      .filter(({ labels }) => selector.matches(labels))
      .flatMap(({ networks }) => networks.map(rangeOf));
  }

  /** What endpoints that the selector chooses, or all, call by this name. */
  named(selector: Selector | undefined, name: string): PortMembers[] {
    const ports = this.#chosen(selector).flatMap((alike) => alike.ports);
    return together(ports.flatMap((port) => (port.name === name ? [port.at] : [])));
  }

  /** Where a service's endpoints are gone to. */
  served(service: ServiceName): PortMembers[] {
    return together(
      this.#servers(service).flatMap(({ address, at }) => (at === undefined ? [] : [{ address, ...at }])),
    );
  }

  /** Where they come from. */
  serving(service: ServiceName): AddressRange[] {
    return this.#servers(service).map(({ address }) => hostRange(address));
  }

  #servers({ namespace, name }: ServiceName): readonly ServiceEndpoint[] {
    const services = this.#services.filter((one) => one.namespace === namespace && one.name === name);
    return services.flatMap(({ endpoints }) => endpoints);
  }

  #chosen(selector: Selector | undefined): Alike[] {
    if (selector === undefined) return [...this.#alike.values()];
    const candidates = this.#candidates(selector.root) ?? this.#alike.values();
    return [...candidates].filter(({ labels }) => selector.matches(labels));
  }

  /** None else can match; undefined: all can. */
  #candidates(node: SelectorNode): readonly Alike[] | undefined {
    if (node.type === "compare" && node.operator === "==")
      return this.#having.get(having(node.label, node.value)) ?? [];
    if (node.type !== "and") return undefined;
    return node.operands.map((operand) => this.#candidates(operand)).find((found) => found !== undefined);
  }

  #alikeOf(labels: Labels): Alike {
    const entries = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify(entries);
    const known = this.#alike.get(key);
    if (known !== undefined) return known;
    const alike: Alike = { labels, ranges: [], ports: [] };
    this.#alike.set(key, alike);
    for (const [label, value] of entries) {
      const others = this.#having.get(having(label, value));
      if (others === undefined) this.#having.set(having(label, value), [alike]);
      else others.push(alike);
    }
    return alike;
  }
}

/** No label holds a line's end. */
function having(label: string, value: string): string {
  return `${label}\n${value}`;
}

function together(all: readonly At[]): PortMembers[] {
  const groups = Map.groupBy(all, ({ protocol, port }) => protocol * 0x1_0000 + port);
  return [...groups].map(([key, group]) => ({
    protocol: key >> 16,
    port: key & 0xffff,
    ranges: group.map(({ address }) => hostRange(address)),
  }));
}

function hostRange(address: Address): AddressRange {
  return { first: address, last: address };
}
