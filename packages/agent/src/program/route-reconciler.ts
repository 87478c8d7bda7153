import {
  type Backoff,
  type Clock,
  createBackoff,
  DeltaTracker,
  type Logger,
  type Random,
  type Scope,
} from "@ocicat/kit";
import type {
  Kernel,
  KernelEvent,
  KernelFailure,
  KernelOperation,
  Link,
  LinkAddress,
  Route,
} from "@ocicat/linux/kernel";
import { type Address, type Family, Prefix, type ScopedAddress } from "@ocicat/net";
import { type DesiredRoute, RouteProtocol, TUNNELS, waysOf } from "@ocicat/routing";
import { HostLinks } from "./host-links.ts";
import { MAIN_TABLE, routeKey, sameKernelRoute, toKernelRoute } from "./kernel-route.ts";
import { Rounds } from "./rounds.ts";

/** Messages a turn: about a millisecond of kernel time, so that nothing else waits for 10,000 routes. */
const SLICE = 200;

export interface RouteReconcilerOptions {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly scope: Scope;
  /** "cali" unless configured otherwise. */
  readonly interfacePrefix: string;
  /** True for a destination inside one of our pools. */
  readonly inPools: (destination: Prefix) => boolean;
  /** Full comparison with the kernel, milliseconds; 0 switches it off. */
  readonly refreshMs: number;
  /** Why a route must not be written yet, asked again after `wake()`: the far end of a VXLAN must be known before it. */
  readonly notYet?: (route: DesiredRoute) => string | undefined;
  /** Called when other next hops can be reached than before: see `reaches`. */
  readonly onReachChanged?: () => void;
  /** Called when all that was due has been written. */
  readonly onSettled?: () => void;
  /** Runs work in a later turn of the event loop. */
  readonly defer: (work: () => void) => void;
}

/** What nobody but this agent routes by. */
const OWN_DEVICES: ReadonlySet<string> = new Set([TUNNELS.vxlan.device, TUNNELS.vxlan6.device]);
const OWN_PROTOCOLS: ReadonlySet<number> = new Set([RouteProtocol.bird, RouteProtocol.felix]);

/** Why a desired route is not in the kernel. */
export interface PendingRoute {
  readonly desired: DesiredRoute;
  readonly reason: string;
}

/**
 * Makes the main table hold what is desired, and nothing of ours besides.
 *
 * Ours is: protocol bird or Felix's inside our pools, a boot-protocol host route onto one of our interfaces, and whatever
 * leads through a VXLAN device of ours. All else is somebody's. Nothing is written before `start()`, which is called once the datastore is in sync. The actual state comes
 * from a dump, is kept by notifications and is read again after an overflow and at every refresh.
 */
export class RouteReconciler {
  readonly #options: RouteReconcilerOptions;
  readonly #desired = new Map<string, DesiredRoute>();
  readonly #byDevice = new Map<string, Set<string>>();
  readonly #delta = new DeltaTracker<string, Route>(sameKernelRoute);
  /** Desired, and why it is not in the kernel. */
  readonly #pending = new Map<string, string>();
  /** Not desired, and the kernel would not let go of it: left alone until the retry. */
  readonly #refusedDeletions = new Set<string>();
  readonly #links = new HostLinks();
  readonly #backoff: Backoff;
  readonly #rounds: Rounds;
  #holdLearned = true;
  #writes = 0;
  /** What was last told of as being on links. */
  #reach = "";

  constructor(options: RouteReconcilerOptions) {
    this.#options = options;
    this.#backoff = createBackoff(options.random, { initialMs: 100, maxMs: 30_000 });
    const monitor = options.kernel.monitor(["link", "address", "route"], (events) => this.#onEvents(events));
    options.scope.add("route monitor", () => monitor.close());
    this.#rounds = new Rounds({
      ...options,
      of: "routes",
      work: () => this.#apply(),
      onIdle: () => options.onSettled?.(),
      retry: () => {
        this.#refusedDeletions.clear();
        this.resync();
      },
      retryMs: () => this.#backoff.next(),
      refresh: () => this.resync(),
    });
    this.#links.read(this.#options.kernel);
    this.#reach = this.#reachText();
  }

  /** Netlink writes asked of the kernel so far. */
  get writes(): number {
    return this.#writes;
  }

  get desiredCount(): number {
    return this.#desired.size;
  }

  setDesired(destination: Prefix, route: DesiredRoute | undefined): void {
    const key = destination.toString();
    this.#index(key, this.#desired.get(key), route);
    if (route === undefined) {
      this.#desired.delete(key);
      this.#pending.delete(key);
      this.#delta.deleteDesired(key);
    } else {
      this.#desired.set(key, route);
      this.#resolve(key, route);
    }
    this.#rounds.schedule();
  }

  /** What routes have waited for may be there now. */
  wake(): void {
    if (this.#delta.pending > 0) this.#rounds.schedule();
  }

  /** Reads the kernel and begins to write. */
  start(): void {
    if (this.#rounds.begin()) this.resync();
  }

  /**
   * While held, routes through neighbours that are in the kernel and not desired stay: after a restart they are the ones
   * BGP has not learned again yet (RFC 4724 §4.2, forwarding state is preserved).
   */
  releaseLearned(): void {
    if (!this.#holdLearned) return;
    this.#holdLearned = false;
    this.#rounds.schedule();
  }

  /** Reads links, addresses and routes again and compares. */
  resync(): void {
    this.#links.read(this.#options.kernel);
    const owned: Route[] = [];
    for (const family of [4, 6] as const) {
      for (const route of this.#options.kernel.routes(family, MAIN_TABLE)) {
        if (this.#owns(route)) owned.push(route);
        else this.#learnForeign(route);
      }
    }
    this.#delta.replaceActual(owned.map((route) => [routeKey(route), route] as const));
    for (const [key, route] of this.#desired) this.#resolve(key, route);
    this.#tellReach();
    this.#rounds.schedule();
  }

  /** Writes what is due now, without waiting for the next turn. For the CNI path, where one route is wanted at once. */
  flush(): void {
    if (this.#rounds.begun) this.#apply();
  }

  /** Resolves when nothing is waiting to be written (what the kernel refused waits for its retry and does not count). */
  settled(): Promise<void> {
    return this.#rounds.settled();
  }

  pending(): PendingRoute[] {
    return [...this.#pending].flatMap(([key, reason]) => {
      const desired = this.#desired.get(key);
      return desired === undefined ? [] : [{ desired, reason }];
    });
  }

  /** The kernel's route for a destination of ours, and why it is not there if it is not. */
  inspect(destination: Prefix): { readonly actual: Route | undefined; readonly pending: string | undefined } {
    const key = destination.toString();
    const actual = this.#delta.actual.get(key);
    return { actual, pending: this.#pending.get(key) ?? (actual === undefined ? this.#waitsFor(key) : undefined) };
  }

  /** A link that this process has just made, ahead of its notification. */
  linkMade(link: Link): void {
    if (this.#learnLink(link)) this.#resolveAgain(new Set([link.name]), false);
  }

  /** Which of these addresses have no route in the kernel as wanted, and why. */
  missing(addresses: readonly Address[]): string[] {
    return addresses.flatMap((address) => {
      const key = Prefix.host(address).toString();
      if (this.#delta.actual.has(key) && !this.#pending.has(key)) return [];
      return [`${key} has no route: ${this.#pending.get(key) ?? "not written yet"}`];
    });
  }

  /**
   * Whether a packet can be handed to a next hop as it is: it is on a link that is up. Any other would be reached by way of a
   * router, which knows the next hop and not the pod that the packet is for.
   */
  reaches({ address, link }: ScopedAddress): boolean {
    const towards = link === undefined ? this.#links.towards(address) : this.#links.byName(link);
    return towards?.up === true;
  }

  /** The link that a next hop is on. */
  interfaceTowards(nextHop: Address): string | undefined {
    return this.#links.towards(nextHop)?.name;
  }

  linkName(index: number): string {
    return this.#links.byIndex(index)?.name ?? `if${index}`;
  }

  linkAt(index: number): Link | undefined {
    return this.#links.byIndex(index);
  }

  /** Whether a route of ours in the kernel leads through the device. */
  hasRoutesThrough(device: string): boolean {
    const index = this.#links.byName(device)?.index;
    return [...this.#delta.actual.values()].some((route) => route.nextHops.some((hop) => hop.linkIndex === index));
  }

  /** Writes one slice; true if more is due. */
  #apply(): boolean {
    const operations: { readonly key: string; readonly operation: KernelOperation; readonly route: Route }[] = [];
    let more = false;
    // Additions first: a destination that changes its block is never without a route in between.
    for (const { key, desired } of this.#delta.updates()) {
      if (this.#pending.has(key) || this.#waitsFor(key) !== undefined) continue;
      if (operations.length === SLICE) {
        more = true;
        break;
      }
      operations.push({ key, operation: { op: "route.replace", route: desired }, route: desired });
    }
    for (const { key, actual } of this.#delta.deletions()) {
      if (this.#holdLearned && actual.kind === "unicast" && actual.protocol === RouteProtocol.bird) continue;
      if (this.#refusedDeletions.has(key)) continue;
      if (operations.length === SLICE) {
        more = true;
        break;
      }
      operations.push({ key, operation: { op: "route.delete", route: actual }, route: actual });
    }
    if (operations.length === 0) return false;
    this.#writes += operations.length;
    const outcomes = this.#options.kernel.apply(operations.map((entry) => entry.operation));
    let failed = false;
    for (const [index, { key, operation, route }] of operations.entries()) {
      const failure = outcomes[index];
      if (operation.op === "route.delete") {
        if (failure === undefined || failure.errno === "ESRCH") this.#delta.deleteActual(key);
        else {
          this.#refusedDeletions.add(key);
          failed = this.#refused(key, failure);
        }
      } else if (failure === undefined) {
        this.#delta.setActual(key, route);
      } else {
        this.#pending.set(key, `the kernel refused it: ${failure.errno} ${failure.message}`.trim());
        failed = this.#refused(key, failure);
      }
    }
    if (failed) this.#rounds.retryLater();
    else this.#backoff.reset();
    return more;
  }

  #waitsFor(key: string): string | undefined {
    const desired = this.#desired.get(key);
    return desired === undefined ? undefined : this.#options.notYet?.(desired);
  }

  #refused(key: string, failure: KernelFailure): true {
    const why = `${failure.errno} ${failure.message}`.trim();
    this.#options.logger.warning("the kernel refused a route, trying again later", { destination: key, why });
    return true;
  }

  #onEvents(events: readonly KernelEvent[]): void {
    const devices = new Set<string>();
    let subnetsChanged = false;
    for (const event of events) {
      switch (event.type) {
        case "resync":
          if (this.#rounds.begun) this.resync();
          else this.#links.read(this.#options.kernel);
          return;
        case "link":
          if (this.#learnLink(event.link)) devices.add(event.link.name);
          break;
        case "link.gone":
          this.#forgetLink(event.link);
          devices.add(event.link.name);
          break;
        case "address":
          this.#links.learnAddress(event.address);
          subnetsChanged ||= !isHostAddress(event.address);
          break;
        case "address.gone":
          this.#forgetAddress(event.address);
          subnetsChanged ||= !isHostAddress(event.address);
          break;
        case "route":
          if (this.#owns(event.route)) this.#delta.setActual(routeKey(event.route), event.route);
          else subnetsChanged = this.#learnForeign(event.route) || subnetsChanged;
          break;
        case "route.gone":
          if (this.#owns(event.route)) this.#delta.deleteActual(routeKey(event.route));
          else if (event.route.table === MAIN_TABLE)
            subnetsChanged = this.#links.forgetRoute(event.route) || subnetsChanged;
          break;
        case "neighbour":
        case "neighbour.gone":
          break;
      }
    }
    if (devices.size > 0 || subnetsChanged) this.#resolveAgain(devices, subnetsChanged);
    if (this.#delta.pending > 0) this.#rounds.schedule();
  }

  /** What names one of these devices, and what goes through a neighbour whose subnet or device may have changed. */
  #resolveAgain(devices: ReadonlySet<string>, subnetsChanged: boolean): void {
    for (const device of devices) for (const key of this.#byDevice.get(device) ?? []) this.#resolveKey(key);
    // The host's own links and subnets change rarely: then every route through a neighbour is looked at.
    const foreign = [...devices].some((name) => !name.startsWith(this.#options.interfacePrefix));
    if (!foreign && !subnetsChanged) return;
    for (const [key, route] of this.#desired) if (route.kind === "via") this.#resolve(key, route);
    this.#tellReach();
  }

  /** Routes onto pods' interfaces are of no use to anybody else, and many. */
  #learnForeign(route: Route): boolean {
    if (route.table !== MAIN_TABLE) return false;
    const name = this.#links.byIndex(route.nextHops[0]?.linkIndex ?? -1)?.name;
    return name?.startsWith(this.#options.interfacePrefix) !== true && this.#links.learnRoute(route);
  }

  #reachText(): string {
    return this.#links.networks().sort().join(" ");
  }

  #tellReach(): void {
    const reach = this.#reachText();
    if (reach === this.#reach) return;
    this.#reach = reach;
    this.#options.onReachChanged?.();
  }

  #resolveKey(key: string): void {
    const route = this.#desired.get(key);
    if (route !== undefined) this.#resolve(key, route);
  }

  /** Keeps the index of routes by the device they name. */
  #index(key: string, before: DesiredRoute | undefined, after: DesiredRoute | undefined): void {
    const [old, now] = [devicesOf(before), devicesOf(after)];
    for (const device of old.filter((name) => !now.includes(name))) {
      const keys = this.#byDevice.get(device);
      keys?.delete(key);
      if (keys?.size === 0) this.#byDevice.delete(device);
    }
    for (const device of now) this.#byDevice.set(device, (this.#byDevice.get(device) ?? new Set()).add(key));
  }

  /** True if what routes depend on changed. */
  #learnLink(link: Link): boolean {
    const before = this.#links.learn(link);
    // A link that goes down takes its routes with it, and the kernel sends no notification for them.
    if (before?.up === true && !link.up) this.#dropActualOn(link.index);
    return before === undefined || before.name !== link.name || before.up !== link.up;
  }

  #forgetLink(link: Link): void {
    this.#links.forget(link);
    this.#dropActualOn(link.index);
  }

  /** A link that loses its last IPv4 address loses its IPv4 routes, and the kernel sends no notification for them. */
  #forgetAddress(address: LinkAddress): void {
    this.#links.forgetAddress(address);
    if (typeof address.address === "number" && !this.#links.hasIpv4(address.linkIndex))
      this.#dropActualOn(address.linkIndex, 4);
  }

  #dropActualOn(linkIndex: number, family?: Family): void {
    this.#links.forgetRoutesOn(linkIndex, family);
    for (const [key, route] of this.#delta.actual) {
      if (family !== undefined && route.destination.family !== family) continue;
      if (route.nextHops.some((hop) => hop.linkIndex === linkIndex)) this.#delta.deleteActual(key);
    }
  }

  #resolve(key: string, desired: DesiredRoute): void {
    const resolved = toKernelRoute(desired, this.#links);
    if (typeof resolved === "string") {
      this.#pending.set(key, resolved);
      this.#delta.deleteDesired(key);
      return;
    }
    this.#pending.delete(key);
    this.#delta.setDesired(key, resolved);
  }

  #owns(route: Route): boolean {
    if (route.table !== MAIN_TABLE || route.metric !== 0) return false;
    if (OWN_PROTOCOLS.has(route.protocol))
      return this.#options.inPools(route.destination) || this.#desired.has(routeKey(route));
    if (route.protocol !== RouteProtocol.boot) return false;
    const name = this.#links.byIndex(route.nextHops[0]?.linkIndex ?? -1)?.name ?? "";
    if (OWN_DEVICES.has(name)) return true;
    return route.destination.isHost && name.startsWith(this.#options.interfacePrefix);
  }
}

/** The devices that a route names; one through a neighbour on a subnet names none. */
function devicesOf(route: DesiredRoute | undefined): readonly string[] {
  if (route === undefined || route.kind === "blackhole") return [];
  return route.kind === "device" ? [route.device] : waysOf(route).flatMap(({ device }) => device ?? []);
}

/** A /32 or /128 leads to no neighbour. */
function isHostAddress({ address, prefixLength }: LinkAddress): boolean {
  return prefixLength === (typeof address === "number" ? 32 : 128);
}
