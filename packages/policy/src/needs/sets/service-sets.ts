import { formatAddress, Prefix } from "@ocicat/net";
import type { Service, ServiceEndpoint } from "../../model/endpoint.ts";
import type { ServiceName } from "../../model/rule.ts";
import type { SetMember, SetSpec } from "../../model/sets.ts";
import { Delta } from "./delta.ts";

export type ServiceSet = Extract<SetSpec, { kind: "service" }>;

type Members = ReadonlyMap<string, SetMember>;

/** The members of sets that rules with services refer to. Services have few endpoints: each change compares all of them. */
export class ServiceSets {
  readonly #services = new Map<string, Service>();
  /** Of needed sets, by service; with their members as last told. */
  readonly #sets = new Map<string, Map<ServiceSet, Members>>();
  readonly #dirty = new Set<string>();

  setService(key: string, service: Service | undefined): void {
    if (service === undefined) this.#services.delete(key);
    else this.#services.set(key, service);
    this.#dirty.add(key);
  }

  /** From now on the set's changes are told. Answers its members, once each. */
  make(set: ServiceSet): readonly SetMember[] {
    const key = serviceKey(set.service);
    const members = membersOf(set, this.#services.get(key));
    const sets = this.#sets.get(key) ?? new Map<ServiceSet, Members>();
    this.#sets.set(key, sets.set(set, members));
    return [...members.values()];
  }

  forget(set: ServiceSet): void {
    const key = serviceKey(set.service);
    const sets = this.#sets.get(key);
    if (sets?.delete(set) && sets.size === 0) this.#sets.delete(key);
  }

  /** What has changed since it was last asked, in sets made before. */
  takeChanges(): readonly (readonly [ServiceSet, Delta])[] {
    const changes = [...this.#dirty].flatMap((key) =>
      [...(this.#sets.get(key) ?? [])].map(([set, before]): readonly [ServiceSet, Delta] => {
        const after = membersOf(set, this.#services.get(key));
        this.#sets.get(key)?.set(set, after);
        return [set, difference(before, after)];
      }),
    );
    this.#dirty.clear();
    return changes.filter(([, delta]) => !delta.isEmpty);
  }
}

/** `namespace/name`. */
export function serviceKey({ namespace, name }: ServiceName): string {
  return `${namespace}/${name}`;
}

function membersOf(set: ServiceSet, service: Service | undefined): Members {
  return new Map((service?.endpoints ?? []).flatMap((endpoint) => memberOf(set, endpoint)));
}

function memberOf({ ports }: ServiceSet, { address, at }: ServiceEndpoint): readonly (readonly [string, SetMember])[] {
  const text = formatAddress(address);
  if (!ports) return [[text, { kind: "network", network: Prefix.host(address) }]];
  return at === undefined ? [] : [[`${text} ${at.protocol} ${at.port}`, { kind: "port", address, ...at }]];
}

function difference(before: Members, after: Members): Delta {
  const delta = new Delta();
  for (const [key, member] of after) if (!before.has(key)) delta.add(member);
  for (const [key, member] of before) if (!after.has(key)) delta.remove(member);
  return delta;
}
