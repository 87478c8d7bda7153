import type { Connection } from "@ocicat/linux/kernel";
import type { Address } from "@ocicat/net";
import { type Direction, judge, type Packet, type PolicyId, type PolicyModel, type Workload } from "@ocicat/policy";
import type { LocalNeeds } from "./local-needs.ts";

/**
 * Judges connections as their first packets would be judged now, by the reference. It looks at the whole model, so it is
 * given of it what matters for the two ends alone: the policies that this node's end meets, and who has the two addresses.
 * For use within one turn or a few: it keeps what it has looked up.
 */
export class FlowJudge {
  readonly #model: () => PolicyModel;
  readonly #local: LocalNeeds;
  readonly #own: ReadonlySet<Address>;
  #whole: PolicyModel | undefined;
  #owners: ReadonlyMap<Address, readonly Workload[]> | undefined;

  /** `own`: the node's own addresses. */
  constructor(model: () => PolicyModel, local: LocalNeeds, own: ReadonlySet<Address>) {
    this.#model = model;
    this.#local = local;
    this.#own = own;
  }

  /** Whether this node's ends allow it. What has no end here is another node's to judge. */
  allows({ original, reply }: Connection): boolean {
    // As the rules see it: after the destination's translation, before the source's.
    const packet: Packet = {
      source: original.source,
      destination: reply.source,
      protocol: original.protocol,
      ...(original.sourcePort === undefined ? {} : { sourcePort: original.sourcePort }),
      ...(reply.sourcePort === undefined ? {} : { destinationPort: reply.sourcePort }),
      ...(original.icmp === undefined ? {} : { icmp: original.icmp }),
    };
    return this.#allows(packet, "egress") && (this.#own.has(packet.source) || this.#allows(packet, "ingress"));
  }

  #allows(packet: Packet, direction: Direction): boolean {
    const address = direction === "egress" ? packet.source : packet.destination;
    const model = this.#modelFor(packet);
    return model.endpoints.every((endpoint) => {
      const isHere = endpoint.addresses.includes(address) && this.#local.endpoints.has(`workload ${endpoint.id}`);
      return !isHere || judge({ packet, endpoint, direction, stage: "normal" }, model).at(-1)?.outcome !== "deny";
    });
  }

  #modelFor({ source, destination }: Packet): PolicyModel {
    this.#whole ??= this.#model();
    this.#owners ??= ownersIn(this.#whole);
    const endpoints = [...new Set([source, destination])].flatMap((address) => this.#owners?.get(address) ?? []);
    const policies = new Set(endpoints.flatMap((endpoint) => this.#policiesOf(endpoint)));
    return {
      ...this.#whole,
      endpoints,
      policies: [...policies].flatMap((id) => this.#local.policies.get(id) ?? []),
    };
  }

  #policiesOf({ id }: Workload): readonly PolicyId[] {
    const stages = this.#local.endpoints.get(`workload ${id}`)?.stages.values() ?? [];
    return [...stages].flatMap(({ ingress, egress }) => [...ingress, ...egress].flatMap(({ policies }) => policies));
  }
}

function ownersIn({ endpoints }: PolicyModel): ReadonlyMap<Address, readonly Workload[]> {
  const owners = new Map<Address, Workload[]>();
  for (const endpoint of endpoints) {
    if (endpoint.kind !== "workload") continue;
    for (const address of endpoint.addresses) {
      const others = owners.get(address);
      if (others === undefined) owners.set(address, [endpoint]);
      else others.push(endpoint);
    }
  }
  return owners;
}
