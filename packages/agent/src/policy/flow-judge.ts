import type { Connection } from "@ocicat/linux/kernel";
import type { Address } from "@ocicat/net";
import {
  type Endpoint,
  endpointKey,
  entering,
  type Gate,
  leaving,
  outcomeOf,
  type Packet,
  type Passage,
  type PolicyId,
  type PolicyModel,
  unlessDenied,
} from "@ocicat/policy";
import type { Here } from "./here.ts";
import type { LocalNeeds } from "./local-needs.ts";

/**
 * Judges connections as their first packets would be judged now, by the reference. It looks at the whole model, so it is
 * given of it what matters for the two ends alone: the policies that this node's endpoints on the way meet, and who has the two
 * addresses. For use within one turn or a few: it keeps what it has looked up.
 */
export class FlowJudge {
  readonly #model: () => PolicyModel;
  readonly #local: LocalNeeds;
  readonly #here: Here;
  #whole: PolicyModel | undefined;
  #owners: ReadonlyMap<Address, readonly Endpoint[]> | undefined;

  constructor(model: () => PolicyModel, local: LocalNeeds, here: Here) {
    this.#model = model;
    this.#local = local;
    this.#here = here;
  }

  /** Whether this node allows it, on whichever of the ways it may have taken through it. */
  allows({ original, reply }: Connection): boolean {
    const { source, protocol, icmp } = original;
    const common = {
      source,
      protocol,
      ...(original.sourcePort === undefined ? {} : { sourcePort: original.sourcePort }),
      ...(icmp === undefined ? {} : { icmp }),
    };
    const arrived = packetTo(common, original.destination, original.destinationPort);
    // As endpoints see it: after the destination's translation, before the source's.
    const packet = packetTo(common, reply.source, reply.sourcePort);
    return this.#gatesAt(packet.source).every((from) =>
      this.#gatesAt(packet.destination).every((to) =>
        this.#passes({ packet, arrived, from, to, everywhere: this.#here.everywhere }),
      ),
    );
  }

  #passes(passage: Passage): boolean {
    const model = this.#modelFor(passage);
    const steps = unlessDenied(
      () => entering(passage, model),
      () => leaving(passage, model),
    );
    return outcomeOf(steps) !== "deny";
  }

  /** Several workloads of this node may claim one address: a pod that goes and the one that comes. */
  #gatesAt(address: Address): readonly Gate[] {
    if (this.#here.own.has(address)) return [{ kind: "node" }];
    const workloads = this.#ownersOf(address).flatMap((endpoint): readonly Gate[] =>
      endpoint.kind === "workload" && this.#local.endpoints.has(endpointKey(endpoint))
        ? [{ kind: "workload", endpoint }]
        : [],
    );
    return workloads.length > 0 ? workloads : [{ kind: "interface", host: this.#here.hostTowards(address) }];
  }

  #modelFor({ packet, from, to, everywhere }: Passage): PolicyModel {
    const asked = [endpointAt(from), endpointAt(to), everywhere].filter((endpoint) => endpoint !== undefined);
    const ends = [packet.source, packet.destination].flatMap((address) => this.#ownersOf(address));
    const policies = new Set(asked.flatMap((endpoint) => this.#policiesOf(endpoint)));
    return {
      ...this.#all,
      endpoints: [...new Set([...asked, ...ends])],
      policies: [...policies].flatMap((id) => this.#local.policies.get(id) ?? []),
    };
  }

  #policiesOf(endpoint: Endpoint): readonly PolicyId[] {
    const stages = this.#local.endpoints.get(endpointKey(endpoint))?.stages.values() ?? [];
    return [...stages].flatMap(({ ingress, egress }) => [...ingress, ...egress].flatMap(({ policies }) => policies));
  }

  #ownersOf(address: Address): readonly Endpoint[] {
    this.#owners ??= ownersIn(this.#all);
    return this.#owners.get(address) ?? [];
  }

  get #all(): PolicyModel {
    this.#whole ??= this.#model();
    return this.#whole;
  }
}

function packetTo(common: Omit<Packet, "destination">, destination: Address, port: number | undefined): Packet {
  return { ...common, destination, ...(port === undefined ? {} : { destinationPort: port }) };
}

function endpointAt(gate: Gate): Endpoint | undefined {
  switch (gate.kind) {
    case "workload":
      return gate.endpoint;
    case "interface":
      return gate.host;
    case "node":
      return undefined;
  }
}

function ownersIn({ endpoints }: PolicyModel): ReadonlyMap<Address, readonly Endpoint[]> {
  const owners = new Map<Address, Endpoint[]>();
  for (const endpoint of endpoints) {
    for (const address of endpoint.addresses) {
      const others = owners.get(address);
      if (others === undefined) owners.set(address, [endpoint]);
      else others.push(endpoint);
    }
  }
  return owners;
}
