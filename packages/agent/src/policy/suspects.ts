import { type Address, Prefix } from "@ocicat/net";
import type { NeedsChange, SetMember } from "@ocicat/policy";
import type { LocalNeeds } from "./local-needs.ts";

export interface Suspected {
  /** Every connection of the node. */
  readonly all: boolean;
  /** Those with one of these ends … */
  readonly addresses: ReadonlySet<Address>;
  /** … and those with one of these and an endpoint of this node. */
  readonly members: readonly Prefix[];
}

/** Whose connections a change may have taken the permission from: rather too many, for they are judged one by one then. */
export class Suspects {
  /** Endpoints whose policies are otherwise: all that they have. */
  readonly #endpoints: ReadonlySet<string>;
  /** What came into or left a set that rules look into: what it has with this node's endpoints. */
  readonly #members: readonly Prefix[];

  private constructor(endpoints: ReadonlySet<string>, members: readonly Prefix[]) {
    this.#endpoints = endpoints;
    this.#members = members;
  }

  /** `local`: with the change in it. */
  static of(change: NeedsChange, local: LocalNeeds): Suspects {
    const met = local.endpointsWith(new Set(change.policies.keys()), new Set(change.profiles.keys()));
    const members = [...change.sets.values()].flatMap((set) => {
      if (set.kind !== "changed") return [];
      // An address more, where only rules that allow it look, takes nothing from anybody.
      return [...set.removed, ...(local.closesByGrowing(set.spec.id) ? set.added : [])].map(networkOf);
    });
    return new Suspects(new Set([...change.endpoints.keys(), ...met]), members);
  }

  /** All that this node's endpoints have. */
  static all(local: LocalNeeds): Suspects {
    return new Suspects(new Set(local.endpoints.keys()), []);
  }

  get empty(): boolean {
    return this.#endpoints.size === 0 && this.#members.length === 0;
  }

  with(others: Suspects): Suspects {
    return new Suspects(new Set([...this.#endpoints, ...others.#endpoints]), [...this.#members, ...others.#members]);
  }

  /** By address, as things stand now. Workloads that are gone by then have nothing to lose. */
  resolve(local: LocalNeeds): Suspected {
    const endpoints = [...this.#endpoints].flatMap((key) => local.endpoints.get(key)?.endpoint ?? []);
    return {
      // Whatever goes through the node may go by a host endpoint's interface.
      all: endpoints.some(({ kind }) => kind === "host"),
      addresses: new Set(endpoints.flatMap(({ addresses }) => addresses)),
      members: this.#members,
    };
  }
}

function networkOf(member: SetMember): Prefix {
  return member.kind === "network" ? member.network : Prefix.host(member.address);
}
