import type { Labels, Selector } from "@ocicat/api";
import type { Address } from "@ocicat/net";
import { effectiveLabels, type PolicyModel, type ServiceName } from "@ocicat/policy";
import { type AddressRange, rangeOf } from "../space/header.ts";

/** Addresses that share a protocol and a port. */
export interface PortMembers {
  readonly protocol: number;
  readonly port: number;
  readonly ranges: readonly AddressRange[];
}

interface Portal {
  readonly address: Address;
  readonly protocol: number;
  readonly port: number;
}

/** Whom rules' selectors, names of ports and services mean: worked out from the model's endpoints, by looking at all of them. */
export class Members {
  readonly #model: PolicyModel;
  /** Whatever has the same labels is selected together. */
  readonly #byLabels = new Map<
    string,
    { readonly labels: Labels; readonly ranges: AddressRange[]; readonly portals: Portal[] }
  >();
  readonly #portNames = new Map<Portal, string>();
  readonly #selected = new Map<string, readonly AddressRange[]>();

  constructor(model: PolicyModel) {
    this.#model = model;
    for (const endpoint of model.endpoints) {
      const { ranges, portals } = this.#alike(this.labelsOf(endpoint));
      ranges.push(...endpoint.addresses.map(hostRange));
      for (const { name, protocol, port } of endpoint.ports) {
        for (const address of endpoint.addresses) {
          const portal = { address, protocol, port };
          portals.push(portal);
          this.#portNames.set(portal, name);
        }
      }
    }
    for (const set of model.networkSets) this.#alike(this.labelsOf(set)).ranges.push(...set.networks.map(rangeOf));
  }

  labelsOf(item: Parameters<typeof effectiveLabels>[0]): Labels {
    return effectiveLabels(item, (name) => this.#profiles.get(name));
  }

  selected(selector: Selector): readonly AddressRange[] {
    let ranges = this.#selected.get(selector.text);
    if (ranges === undefined) {
      ranges = [...this.#byLabels.values()].flatMap((one) => (selector.matches(one.labels) ? one.ranges : []));
      this.#selected.set(selector.text, ranges);
    }
    return ranges;
  }

  /** What endpoints that the selector chooses, or all, call by this name. */
  named(selector: Selector | undefined, name: string): PortMembers[] {
    const portals = [...this.#byLabels.values()].flatMap(({ labels, portals: own }) =>
      selector === undefined || selector.matches(labels) ? own : [],
    );
    return together(portals.filter((portal) => this.#portNames.get(portal) === name));
  }

  served({ namespace, name }: ServiceName): PortMembers[] {
    const services = this.#model.services.filter((one) => one.namespace === namespace && one.name === name);
    return together(services.flatMap(({ endpoints }) => endpoints));
  }

  get #profiles() {
    this.#profilesByName ??= new Map(this.#model.profiles.map((profile) => [profile.name, profile]));
    return this.#profilesByName;
  }
  #profilesByName: ReadonlyMap<string, PolicyModel["profiles"][number]> | undefined;

  #alike(labels: Labels) {
    const key = JSON.stringify(Object.entries(labels).sort());
    let alike = this.#byLabels.get(key);
    if (alike === undefined) {
      alike = { labels, ranges: [], portals: [] };
      this.#byLabels.set(key, alike);
    }
    return alike;
  }
}

function together(portals: readonly Portal[]): PortMembers[] {
  const groups = Map.groupBy(portals, ({ protocol, port }) => protocol * 0x1_0000 + port);
  return [...groups].map(([key, group]) => ({
    protocol: key >> 16,
    port: key & 0xffff,
    ranges: group.map(({ address }) => hostRange(address)),
  }));
}

function hostRange(address: Address): AddressRange {
  return { first: address, last: address };
}
