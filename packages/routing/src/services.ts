import type { ResourceRef } from "@ocicat/kit";
import { type Address, type Family, familyOf, Prefix } from "@ocicat/net";
import type { Announcement } from "./desired.ts";

/** What of services is announced: ranges of each kind of their addresses. */
export interface ServiceRanges {
  readonly cluster: readonly Prefix[];
  readonly external: readonly Prefix[];
  readonly loadBalancer: readonly Prefix[];
  /** Ranges of load balancers' addresses as a whole; else address by address, of services that have endpoints. */
  readonly aggregate: boolean;
}

export const NO_RANGES: ServiceRanges = { cluster: [], external: [], loadBalancer: [], aggregate: true };

/** A service, by the addresses that lead to it. */
export interface ServiceRow {
  readonly namespace: string;
  readonly name: string;
  readonly clusterIps: readonly Address[];
  readonly externalIps: readonly Address[];
  readonly loadBalancerIps: readonly Address[];
  /** Only nodes with an endpoint take packets for it. */
  readonly isLocal: boolean;
}

/** Families in which a service has ready endpoints. */
export interface ServiceReach {
  readonly anywhere: ReadonlySet<Family>;
  readonly here: ReadonlySet<Family>;
}

const NOWHERE: ServiceReach = { anywhere: new Set(), here: new Set() };

const KINDS = {
  cluster: "clusterIps",
  external: "externalIps",
  loadBalancer: "loadBalancerIps",
} as const satisfies Readonly<Record<string, keyof ServiceRow>>;

type Kind = keyof typeof KINDS;

/** Whom the announcements go to: undefined for one that is not made any more. */
export type ServiceSink = (prefix: Prefix, announcement: Announcement | undefined) => void;

/**
 * Which addresses of services this node announces. A range is announced whole, by all nodes, and takes packets for all of its
 * services; an address alone where that is not enough:
 *
 *     service's policy   address                                    announced alone by
 *     Local              in a range of its kind                     nodes with a ready endpoint of its family
 *     Cluster            a range of its own, external or balancer's  all nodes
 *     Cluster            a load balancer's, ranges not as a whole    all nodes, while there is an endpoint
 *
 * A service without an address of its own is none of this, and a node that is kept out of load balancing announces nothing. Several
 * services may share an address: it is announced while one of them calls for it. A change costs its service's addresses.
 */
export class ServiceAnnouncements {
  readonly #self: string;
  readonly #sink: ServiceSink;
  readonly #services = new Map<string, ServiceRow>();
  readonly #reach = new Map<string, ServiceReach>();
  /** By prefix, by who calls for it. */
  readonly #wanted = new Map<string, Map<string, Announcement>>();
  /** By who calls for them. */
  readonly #prefixes = new Map<string, readonly Announcement[]>();
  #ranges = NO_RANGES;
  #excluded = false;

  constructor(self: string, sink: ServiceSink) {
    this.#self = self;
    this.#sink = sink;
  }

  setRanges(ranges: ServiceRanges): void {
    this.#ranges = ranges;
    this.#decideAll();
  }

  /** The node is kept out of load balancing. */
  setExcluded(excluded: boolean): void {
    if (excluded === this.#excluded) return;
    this.#excluded = excluded;
    this.#decideAll();
  }

  /** `key`: `namespace/name`. */
  setService(key: string, service: ServiceRow | undefined): void {
    if (service === undefined) this.#services.delete(key);
    else this.#services.set(key, service);
    this.#decide(key);
  }

  setReach(key: string, reach: ServiceReach | undefined): void {
    if (reach === undefined) this.#reach.delete(key);
    else this.#reach.set(key, reach);
    this.#decide(key);
  }

  #decideAll(): void {
    this.#want("", this.#excluded ? [] : this.#wholeRanges());
    for (const key of this.#services.keys()) this.#decide(key);
  }

  #decide(key: string): void {
    const service = this.#services.get(key);
    const has = service !== undefined && service.clusterIps.length > 0 && !this.#excluded;
    this.#want(key, has ? this.#addressesOf(service, this.#reach.get(key) ?? NOWHERE) : []);
  }

  #wholeRanges(): readonly Announcement[] {
    const { cluster, external, loadBalancer, aggregate } = this.#ranges;
    const whole = [...cluster, ...external, ...(aggregate ? loadBalancer : [])].filter((range) => !range.isHost);
    const origin = { reason: "a range of services, which every node takes packets for", resources: [CONFIGURATION] };
    return whole.map((prefix) => ({ prefix, origin }));
  }

  #addressesOf(service: ServiceRow, reach: ServiceReach): readonly Announcement[] {
    const resources: readonly ResourceRef[] = [
      { kind: "Service", name: `${service.namespace}/${service.name}` },
      CONFIGURATION,
    ];
    return (Object.keys(KINDS) as Kind[]).flatMap((kind) =>
      service[KINDS[kind]].flatMap((address) => {
        const reason = this.#reasonFor(address, kind, service, reach);
        return reason === undefined ? [] : [{ prefix: Prefix.host(address), origin: { reason, resources } }];
      }),
    );
  }

  /** Why an address is announced alone; undefined: it is not. */
  #reasonFor(address: Address, kind: Kind, { isLocal }: ServiceRow, reach: ServiceReach): string | undefined {
    const ranges = this.#ranges[kind].filter((range) => range.has(address));
    const family = familyOf(address);
    if (ranges.length === 0) return undefined;
    if (isLocal) {
      const here = reach.here.has(family);
      return here ? `${this.#self} has a ready endpoint, and the service's policy is Local` : undefined;
    }
    if (kind !== "cluster" && ranges.some((range) => range.isHost)) return "an address with a range of its own";
    if (kind !== "loadBalancer" || this.#ranges.aggregate) return undefined;
    return reach.anywhere.has(family) ? "ranges of load balancers are announced address by address" : undefined;
  }

  #want(by: string, announcements: readonly Announcement[]): void {
    const now = new Map(announcements.map((announcement) => [announcement.prefix.toString(), announcement]));
    for (const { prefix } of this.#prefixes.get(by) ?? []) {
      if (now.has(prefix.toString())) continue;
      const wanted = this.#wanted.get(prefix.toString());
      wanted?.delete(by);
      const [other] = wanted?.values() ?? [];
      if (other === undefined) this.#wanted.delete(prefix.toString());
      this.#sink(prefix, other);
    }
    for (const [key, announcement] of now) {
      const wanted = this.#wanted.get(key) ?? new Map<string, Announcement>();
      this.#wanted.set(key, wanted.set(by, announcement));
      const [first] = wanted.values();
      this.#sink(announcement.prefix, first);
    }
    if (announcements.length === 0) this.#prefixes.delete(by);
    else this.#prefixes.set(by, announcements);
  }
}

const CONFIGURATION: ResourceRef = { kind: "BGPConfiguration", name: "default" };
