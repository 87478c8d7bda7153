import { type Address, type Family, familyOf } from "@ocicat/net";
import type { Endpoint, Host, Workload } from "../model/endpoint.ts";
import { endpointKey } from "../model/ids.ts";
import type { PolicyModel } from "../model/model.ts";
import { rulesOf } from "./rules.ts";
import { Traits } from "./traits.ts";

/** Ends of packets that no policy of either model tells apart. */
export interface Party {
  readonly kind: "workloads" | "nodes" | "outside";
  /** The first stands for all of them. Of what is outside: networks. */
  readonly members: readonly Member[];
}

export interface Member {
  /** For people: `default/web-1`, `node1`, `192.0.2.0/24`. */
  readonly name: string;
  readonly node: string | undefined;
  /** Of a workload. */
  readonly key: string | undefined;
  readonly addresses: readonly Address[];
}

/** Workloads of either model, and nodes that have host endpoints or that a rule is about, by what policies can tell of them. */
export function partiesOf(models: readonly PolicyModel[]): readonly Party[] {
  const traits = new Traits(
    models.flatMap(({ policies }) => policies),
    models.flatMap((model) => [...rulesOf(model)]),
  );
  const views = models.map((model) => new View(model, traits));
  return [
    ...grouped("workloads", workloadsOf(models), (member) => views.map((view) => view.ofWorkload(member)).join("\n")),
    ...grouped("nodes", nodesOf(models, traits), (member) => views.map((view) => view.ofNode(member)).join("\n")),
  ];
}

export function addressOf({ addresses }: Member, family: Family): Address | undefined {
  return addresses.find((address) => familyOf(address) === family);
}

function grouped(kind: Party["kind"], members: readonly Member[], key: (member: Member) => string): readonly Party[] {
  return Array.from(Map.groupBy(members, key).values(), (group) => ({ kind, members: group }));
}

function workloadsOf(models: readonly PolicyModel[]): readonly Member[] {
  const found = new Map<string, Workload>();
  for (const { endpoints } of models) {
    for (const endpoint of endpoints) if (endpoint.kind === "workload") found.set(endpointKey(endpoint), endpoint);
  }
  return Array.from(found, ([key, { workload, node, addresses }]) => ({ name: workload, node, key, addresses }));
}

/** Only those to which a policy can apply, or of which one speaks. */
function nodesOf(models: readonly PolicyModel[], traits: Traits): readonly Member[] {
  const found = new Map<string, Member>();
  for (const model of models) {
    const chosen = traits.chosenNodes(model).map(({ id: node, networks }) => ({
      node,
      addresses: networks.map(({ address }) => address),
    }));
    for (const { node, addresses: told } of [...hostsOf(model), ...chosen]) {
      const own = (model.nodes ?? []).filter((each) => each.node === node).flatMap(({ addresses }) => addresses);
      const addresses = [...new Set([...own, ...told, ...(found.get(node)?.addresses ?? [])])];
      found.set(node, { name: node, node, key: undefined, addresses });
    }
  }
  return [...found.values()];
}

function hostsOf({ endpoints }: PolicyModel): readonly Host[] {
  return endpoints.filter((endpoint): endpoint is Host => endpoint.kind === "host");
}

/** What one of the models makes of members. */
class View {
  readonly #model: PolicyModel;
  readonly #traits: Traits;
  readonly #endpoints: ReadonlyMap<string, Endpoint>;
  /** What host endpoints make of each node. */
  readonly #nodes: ReadonlyMap<string, string>;

  constructor(model: PolicyModel, traits: Traits) {
    this.#model = model;
    this.#traits = traits;
    this.#endpoints = new Map(model.endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
    const byNode = Map.groupBy(hostsOf(model), ({ node }) => node);
    this.#nodes = new Map(
      Array.from(byNode, ([node, hosts]) => [
        node,
        hosts
          .map((host) => `${host.interfaceName} ${traits.ofEndpoint(host, model)}`)
          .sort()
          .join("\n"),
      ]),
    );
  }

  ofWorkload({ key = "", node = "" }: Member): string {
    const endpoint = this.#endpoints.get(key);
    const own = endpoint === undefined ? "not there" : this.#traits.ofEndpoint(endpoint, this.#model);
    return `${own}\n${this.#nodes.get(node) ?? ""}`;
  }

  ofNode({ node = "", addresses }: Member): string {
    const own = addresses.map((address) => this.#traits.ofAddress(address, this.#model));
    return [this.#nodes.get(node) ?? "", ...own].join("\n");
  }
}
