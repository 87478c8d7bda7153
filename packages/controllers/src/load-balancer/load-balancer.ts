import { DEFAULT_IPAM_CONFIG, ippool, KUBERNETES_OBJECTS, profile } from "@ocicat/api";
import { blocksPrefix } from "@ocicat/api/ipam";
import type { Datastore, KeyValue, WatchEvent } from "@ocicat/datastore";
import { createIpam, type Ipam, LOAD_BALANCER } from "@ocicat/ipam";
import { type Clock, type Logger, type Random, type Scope, toError } from "@ocicat/kit";
import { type Address, type Family, formatAddress, type Prefix } from "@ocicat/net";
import { Alarm } from "../alarm.ts";
import type { Term } from "../election/index.ts";
import { keyOf, type MirrorSink } from "../mirror.ts";
import { Rows } from "../sync/rows.ts";
import { WorkQueue } from "../sync/work-queue.ts";
import { Holdings } from "./holdings.ts";
import { namespaceKey, namespaceLabels, poolOfAddress, type ServicePool, servicePool } from "./pools.ts";
import { handleOf, readService, type Service } from "./service.ts";
import { type AssignIps, type Steps, stepsTo, type Wish, wishOf } from "./wish.ts";

/** Kubernetes' Services, the objects as they are. */
const SERVICES = KUBERNETES_OBJECTS.service.storage.prefix();

/** Says to Kubernetes which addresses a service has: in its status, if it is still the same one (by its uid). */
export type TellAddresses = (service: Service, addresses: readonly string[]) => Promise<void>;

export interface LoadBalancerOptions {
  readonly store: Datastore;
  readonly tell: TellAddresses;
  readonly assign: () => AssignIps;
  readonly reservations: () => readonly Prefix[];
  readonly cooldownSeconds: () => number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly scope: Scope;
  readonly term: () => Term | undefined;
  readonly idleReason: () => string | undefined;
  readonly onWrite: (controller: string) => void;
}

const AT_ONCE = 16;
const FAMILY_NAMES: Readonly<Record<Family, string>> = { 4: "IPv4", 6: "IPv6" };

/** What is looked at, on each side. */
export const LOAD_BALANCER_READS = {
  kubernetes: [SERVICES, `${profile.storage.prefix()}kns.`],
  store: [blocksPrefix(), ippool.storage.prefix()],
} as const;

/**
 * Gives services of type LoadBalancer their addresses, out of pools that are for them.
 *
 *     service ──its handle──► what it asks for, what it holds ──► release (told first), assign, tell (its status)
 *
 * A subject is a handle: it goes by what the service is, not by what it is called. What a handle holds of which there is no
 * service is given back. An address is told only while it is held: the status loses it before the pool has it again.
 */
export class LoadBalancer {
  readonly #options: LoadBalancerOptions;
  readonly #alarm: Alarm;
  readonly #queue = new WorkQueue();
  readonly #services = new Map<string, Service>();
  readonly #handles = new Map<string, string>();
  readonly #holdings = new Holdings();
  readonly #namespaces = new Rows();
  readonly #pools = new Map<string, ServicePool>();
  readonly #problems = new Map<string, string>();
  readonly #ipam: Ipam;

  constructor(options: LoadBalancerOptions) {
    const { store, clock, random, logger } = options;
    this.#options = options;
    this.#alarm = new Alarm(clock, "load balancer");
    this.#ipam = createIpam({
      store,
      clock,
      random,
      logger,
      owner: LOAD_BALANCER,
      settings: () => ({
        pools: this.#poolList(),
        reservations: options.reservations(),
        config: { ...DEFAULT_IPAM_CONFIG, ipCooldownSeconds: options.cooldownSeconds() },
      }),
    });
  }

  /** Begins; ends with the scope. */
  start(): void {
    this.#alarm.carry(this.#options.scope, () => this.#run());
  }

  /** What could not be done, by service or handle, with the reason. */
  get problems(): ReadonlyMap<string, string> {
    return this.#problems;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  wake(): void {
    this.#alarm.ring();
  }

  /** Everything again: who gets addresses has changed. */
  askAll(): void {
    for (const handle of this.#services.keys()) this.#queue.add(handle);
    for (const handle of this.#holdings.handles()) this.#queue.add(handle);
    this.#alarm.ring();
  }

  readonly kubernetes: MirrorSink = {
    replace: (items) => {
      const all = [...items];
      this.#namespaces.replace(all.filter(({ key }) => !key.startsWith(SERVICES)));
      this.#services.clear();
      this.#handles.clear();
      for (const item of all) if (item.key.startsWith(SERVICES)) this.#putService(item);
      this.askAll();
    },
    apply: (events) => {
      this.#namespaces.apply(events.filter((event) => !keyOf(event).startsWith(SERVICES)));
      for (const event of events) this.#serviceChanged(event);
      this.#alarm.ring();
    },
  };

  readonly store: MirrorSink = {
    replace: (items) => {
      const all = [...items];
      this.#pools.clear();
      for (const item of all) this.#putPool(item.key, item);
      this.#holdings.replace(all);
      this.askAll();
    },
    apply: (events) => {
      const pools = events.filter((event) => keyOf(event).startsWith(ippool.storage.prefix()));
      for (const event of pools) this.#putPool(keyOf(event), event.type === "put" ? event.item : undefined);
      for (const handle of this.#holdings.apply(events)) this.#queue.add(handle);
      if (pools.length > 0) this.askAll();
      this.#alarm.ring();
    },
  };

  #poolList(): readonly ServicePool[] {
    return [...this.#pools.values()];
  }

  #putPool(key: string, item: KeyValue | undefined): void {
    if (!key.startsWith(ippool.storage.prefix())) return;
    const pool = item && servicePool(item);
    if (pool === undefined) this.#pools.delete(key);
    else this.#pools.set(key, pool);
  }

  #serviceChanged(event: WatchEvent): void {
    const key = keyOf(event);
    if (!key.startsWith(SERVICES)) return;
    const before = this.#handles.get(key);
    if (before !== undefined) {
      this.#queue.add(before);
      this.#services.delete(before);
      this.#handles.delete(key);
    }
    if (event.type === "put") this.#putService(event.item);
  }

  #putService({ key, value }: KeyValue): void {
    try {
      const service = readService(value);
      const handle = handleOf(service);
      this.#services.set(handle, service);
      this.#handles.set(key, handle);
      this.#queue.add(handle);
    } catch (error) {
      this.#options.logger.warning("a service cannot be read", { key, problem: toError(error).message });
    }
  }

  async #run(): Promise<void> {
    const { scope, clock, term, idleReason } = this.#options;
    while (!scope.closed) {
      const now = clock.monotonic();
      const current = term();
      const mayWork = current !== undefined && idleReason() === undefined;
      const handles = mayWork ? this.#queue.take(now, AT_ONCE) : [];
      if (current === undefined || handles.length === 0) {
        await this.#alarm.sleep(mayWork ? this.#queue.untilNext(now) : undefined);
        continue;
      }
      await Promise.all(handles.map((handle) => this.#look(handle, current)));
    }
  }

  async #look(handle: string, term: Term): Promise<void> {
    const { clock, logger } = this.#options;
    const service = this.#services.get(handle);
    const what = service === undefined ? handle : `${service.namespace}/${service.name}`;
    try {
      await this.#serve(handle, service, term);
      this.#queue.done(handle);
      this.#problems.delete(what);
    } catch (error) {
      const problem = toError(error).message;
      if (this.#problems.get(what) !== problem) logger.warning("a service has no address", { service: what, problem });
      // Of a service that is gone nothing is kept.
      if (this.#services.has(handle) || service === undefined) this.#problems.set(what, problem);
      this.#queue.fail(handle, clock.monotonic());
    }
  }

  async #serve(handle: string, service: Service | undefined, term: Term): Promise<void> {
    const held = this.#holdings.of(handle);
    const wish: Wish = service === undefined ? { kind: "none" } : wishOf(service, this.#options.assign());
    // Where no pool is for services, they are another's: what they are told is theirs.
    if (held.length === 0 && (wish.kind === "none" || !this.#hasPools())) return;
    const steps = stepsTo(wish, held, (address) => poolOfAddress(this.#poolList(), address));
    let told = service?.told ?? [];
    if (service !== undefined && steps.release.length > 0) {
      const gone = new Set(steps.release.map(formatAddress));
      told = await this.#tell(
        service,
        told.filter((address) => !gone.has(address)),
      );
    }
    await this.#release(handle, steps.release, term, service);
    if (service === undefined || wish.kind === "none") return;
    const assigned = await this.#assign(handle, service, wish, steps, term);
    await this.#tell({ ...service, told }, [...steps.keep, ...assigned.addresses].map(formatAddress));
    if (assigned.problem !== undefined) throw assigned.problem;
  }

  #hasPools(): boolean {
    return this.#poolList().some(({ allowedUses }) => allowedUses.includes("LoadBalancer"));
  }

  async #tell(service: Service, addresses: readonly string[]): Promise<readonly string[]> {
    const wanted = new Set(addresses);
    const isTold = wanted.size === service.told.length && service.told.every((address) => wanted.has(address));
    if (isTold || !service.isLoadBalancer) return addresses;
    await this.#options.tell(service, addresses);
    this.#options.onWrite("loadbalancer");
    return addresses;
  }

  async #release(
    handle: string,
    addresses: readonly Address[],
    term: Term,
    service: Service | undefined,
  ): Promise<void> {
    if (addresses.length === 0) return;
    await this.#ipam.release({
      addresses: addresses.map((address) => ({ address, handleId: handle })),
      extra: { compares: term.fence.compares, operations: [] },
    });
    this.#options.onWrite("loadbalancer");
    const why = service === undefined ? "the service does not exist" : "it is not what the service asks for";
    this.#options.logger.info("released", { handle, addresses: addresses.map(formatAddress), why });
  }

  /** Each family by itself: one that has none to give does not take the other away. */
  async #assign(
    handle: string,
    service: Service,
    wish: Wish,
    steps: Steps,
    term: Term,
  ): Promise<{ readonly addresses: readonly Address[]; readonly problem: Error | undefined }> {
    const { namespace, name } = service;
    const common = {
      handleId: handle,
      use: "LoadBalancer",
      attributes: { service: name, namespace, type: "LoadBalancer" },
      extra: () => ({ compares: term.fence.compares, operations: [] }),
    } as const;
    const addresses: Address[] = [];
    let problem: Error | undefined;
    const attempt = async (assign: () => Promise<readonly { readonly address: Address }[]>) => {
      try {
        for (const { address } of await assign()) addresses.push(address);
      } catch (error) {
        problem = toError(error);
      }
    };
    for (const address of steps.assign) {
      await attempt(async () => [await this.#ipam.assignIp({ ...common, address })]);
    }
    const pools = wish.kind === "families" ? wish.pools : {};
    for (const family of steps.families) {
      const named = pools[family];
      const allows = this.#allows(namespace);
      const want = named === undefined ? { family, allows } : { family, pools: named };
      await attempt(() => this.#ipam.autoAssign({ ...common, wants: [want] }));
    }
    if (addresses.length > 0) {
      this.#options.onWrite("loadbalancer");
      const families = steps.families.map((family) => FAMILY_NAMES[family]);
      this.#options.logger.info("assigned", {
        service: `${namespace}/${name}`,
        addresses: addresses.map(formatAddress),
        families,
      });
    }
    return { addresses, problem };
  }

  #allows(namespace: string): (pool: { readonly name: string }) => boolean {
    const labels = namespaceLabels(namespace, this.#namespaces.get(namespaceKey(namespace)));
    return ({ name }) =>
      this.#poolList()
        .find((pool) => pool.name === name)
        ?.allowsNamespace(labels) ?? false;
  }
}
