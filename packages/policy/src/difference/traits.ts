import type { Labels, Selector } from "@ocicat/api";
import { type Address, compareAddresses, formatAddress, type Prefix } from "@ocicat/net";
import type { Endpoint, NetworkSet } from "../model/endpoint.ts";
import type { PolicyModel } from "../model/model.ts";
import type { Policy } from "../model/policy.ts";
import type { Rule, ServiceName } from "../model/rule.ts";
import { labelsIn } from "../verdict/labels.ts";

/**
 * What rules ask of those at the ends of a packet. Two ends with the same traits are judged alike, whatever else they are:
 * a cluster of ten thousand endpoints has as many kinds of ends as its policies can tell apart.
 */
export class Traits {
  readonly #selectors: readonly Selector[];
  readonly #nodes: readonly Selector[];
  readonly #lists: readonly (readonly Prefix[])[];
  readonly #portNames: ReadonlySet<string>;
  readonly #services: ReadonlySet<string>;
  readonly #bits = new Map<string, string>();

  /** `policies`: those whose selectors count; `rules`: those whose ends do. */
  constructor(policies: Iterable<Policy>, rules: Iterable<Rule>) {
    const selectors = new Map<string, Selector>();
    const nodes = new Map<string, Selector>();
    const lists = new Map<string, readonly Prefix[]>();
    const names = new Set<string>();
    const services = new Set<string>();
    for (const { selector } of policies) selectors.set(selector.text, selector);
    for (const { source, destination } of rules) {
      for (const end of [source, destination]) {
        for (const selector of [end.selector, end.notSelector]) if (selector) selectors.set(selector.text, selector);
        if (end.nodes !== undefined) nodes.set(end.nodes.text, end.nodes);
        for (const list of [end.networks, end.notNetworks]) if (list.length > 0) lists.set(list.join(), list);
        for (const port of [...end.ports, ...end.notPorts]) if (port.kind === "name") names.add(port.name);
        if (end.service !== undefined) services.add(serviceText(end.service));
      }
    }
    this.#selectors = [...selectors.values()];
    this.#nodes = [...nodes.values()];
    this.#lists = [...lists.values()];
    this.#portNames = names;
    this.#services = services;
  }

  /** The networks that decide, with those of network sets that a selector chooses in one of the models. */
  networks(models: readonly PolicyModel[]): readonly Prefix[] {
    const chosen = models.flatMap((model) => [
      ...model.networkSets.filter((set) => this.#bitsOf(labelsIn(set, model)).includes("1")),
      ...this.chosenNodes(model),
    ]);
    const all = [...this.#lists.flat(), ...chosen.flatMap(({ networks }) => networks)];
    return [...new Map(all.map((network) => [network.toString(), network])).values()];
  }

  /** Nodes that a rule is about. */
  chosenNodes({ nodeSets = [] }: PolicyModel): readonly NetworkSet[] {
    return nodeSets.filter(({ labels }) => this.#nodes.some(({ matches }) => matches(labels)));
  }

  ofEndpoint(endpoint: Endpoint, model: PolicyModel): string {
    const ports = endpoint.ports
      .filter(({ name }) => this.#portNames.has(name))
      .map(({ name, protocol, port }) => `${name}=${protocol}/${port}`);
    const addresses = endpoint.addresses.map((address) => `${familyMark(address)}${this.ofAddress(address, model)}`);
    return [this.#bitsOf(labelsIn(endpoint, model)), endpoint.profiles.join(), ports.sort().join(), ...addresses].join(
      " ",
    );
  }

  /** Of an address, whoever has it: which networks, nodes and services it is of. */
  ofAddress(address: Address, model: PolicyModel): string {
    const lists = this.#lists.map((list) => bit(list.some((network) => network.has(address))));
    const sets = model.networkSets
      .filter(({ networks }) => networks.some((network) => network.has(address)))
      .map((set) => this.#bitsOf(labelsIn(set, model)));
    const nodes = (model.nodeSets ?? [])
      .filter(({ networks }) => networks.some((network) => network.has(address)))
      .map(({ labels }) => this.#nodes.map(({ matches }) => bit(matches(labels))).join(""));
    const services = model.services
      .filter((service) => this.#services.has(serviceText(service)))
      .flatMap((service) =>
        service.endpoints
          .filter((endpoint) => compareAddresses(endpoint.address, address) === 0)
          .map(({ at }) => `${serviceText(service)}:${at?.protocol}/${at?.port}`),
      );
    return [lists.join(""), union(sets), union(nodes), ...services.sort()].join(";");
  }

  /** What selectors say to labels, one character each. */
  #bitsOf(labels: Labels): string {
    const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
    let bits = this.#bits.get(key);
    if (bits === undefined) {
      bits = this.#selectors.map(({ matches }) => bit(matches(labels))).join("");
      this.#bits.set(key, bits);
    }
    return bits;
  }
}

function serviceText({ namespace, name }: ServiceName): string {
  return `${namespace}/${name}`;
}

function familyMark(address: Address): string {
  return formatAddress(address).includes(":") ? "6" : "4";
}

function bit(value: boolean): "0" | "1" {
  return value ? "1" : "0";
}

/** An address in several sets is what any of them makes it. */
function union(all: readonly string[]): string {
  const [first = ""] = all;
  return Array.from(first, (_, at) => bit(all.some((bits) => bits[at] === "1"))).join("");
}
