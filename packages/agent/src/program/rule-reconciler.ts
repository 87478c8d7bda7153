import { type Clock, type Logger, origin, type Scope, toError } from "@ocicat/kit";
import type { Kernel, Link } from "@ocicat/linux";
import { type Address, familyOf, Prefix } from "@ocicat/net";
import {
  GUARD_TABLE,
  IPV6_SOURCES,
  interfaceName,
  ipv6Source,
  ipv6SourceKey,
  KNOWN_INTERFACES,
  knownInterface,
  NAT_TABLES,
  type NftReconciler,
  natOutgoing,
  type Operation,
  SERVICE_TABLE,
  serviceLoops,
  TUNNEL_SENDERS,
  TUNNEL_TABLE,
  type TunnelGuardOptions,
  tunnelGuard,
  tunnelSender,
  tunnelSenderKey,
  type WiderSource,
  type WorkloadSource,
  workloadGuard,
} from "@ocicat/nftables";
import type { PoolRow } from "@ocicat/routing";
import type { AgentEndpointRow } from "../tables/rows.ts";
import { KnownLinks } from "./known-links.ts";
import { Rounds } from "./rounds.ts";
import { SourceFilters } from "./source-filters.ts";
import { TableWatch } from "./table-watch.ts";

export interface RuleReconcilerOptions {
  readonly kernel: Kernel;
  /** Keeps these tables and, in the same transactions, those of others who tell by `touch` that theirs have changed. */
  readonly nft: NftReconciler;
  /** All that was wanted is in the kernel. */
  readonly onApplied?: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: Scope;
  readonly interfacePrefix: string;
  /** FelixConfiguration's workloadSourceSpoofing: whether workloads get to send from what they ask for. */
  readonly widerSources: boolean;
  /** FelixConfiguration's natOutgoingExclusions. */
  readonly natOutgoingExclusions: "IPPoolsOnly" | "IPPoolsAndHostIPs";
  /** FelixConfiguration's serviceLoopPrevention. */
  readonly serviceLoops: "drop" | "reject" | "leave";
  /** Addresses of the cluster's nodes, for IPPoolsAndHostIPs. */
  readonly hostAddresses: () => ReadonlyMap<Address, string>;
  /** Full comparison with the kernel, milliseconds; 0 switches it off. */
  readonly refreshMs: number;
  readonly defer: (work: () => void) => void;
}

const OWN_TABLES = [GUARD_TABLE, NAT_TABLES[4], NAT_TABLES[6], TUNNEL_TABLE, SERVICE_TABLE];
const NO_TUNNELS = { ipip: false, vxlanPort: { 4: undefined, 6: undefined } } as const;

/**
 * Makes the guards' and the NAT tables hold what is desired. An endpoint is one element of a set; a pool rebuilds the NAT
 * tables' rules, and the plan writes what differs of them.
 */
export class RuleReconciler {
  readonly #options: RuleReconcilerOptions;
  readonly #nft: NftReconciler;
  readonly #pools = new Map<string, PoolRow>();
  #tunnels: Omit<TunnelGuardOptions, "nodes"> = NO_TUNNELS;
  #serviceRanges: readonly Prefix[] = [];
  readonly #known = new Map<string, AgentEndpointRow>();
  /** Of the known ones, those that may send from more than their own addresses. */
  readonly #wider = new Map<string, AgentEndpointRow>();
  readonly #links: KnownLinks;
  readonly #filters: SourceFilters;
  readonly #watch: TableWatch;
  #tablesChanged = true;
  #dirty = true;
  readonly #rounds: Rounds;
  #writes = 0;
  #failure: string | undefined;

  constructor(options: RuleReconcilerOptions) {
    this.#options = options;
    this.#nft = options.nft;
    this.#links = new KnownLinks({ ...options, knows: (name) => this.#known.has(name) });
    this.#filters = new SourceFilters(options.kernel, options.logger);
    this.#watch = new TableWatch({ ...options, restore: () => this.resync() });
    options.scope.add("table watch", () => this.#watch.close());
    this.#rounds = new Rounds({
      ...options,
      of: "rules",
      work: () => {
        this.flush();
        return false;
      },
      refresh: () => this.resync(),
    });
  }

  /** Operations written so far. */
  get writes(): number {
    return this.#writes;
  }

  /** Why the last apply failed; undefined if it did not. */
  get failure(): string | undefined {
    return this.#failure;
  }

  setPool(key: string, pool: PoolRow | undefined): void {
    if (pool === undefined) this.#pools.delete(key);
    else this.#pools.set(key, pool);
    this.#tablesChanged = true;
    this.#dirty = true;
  }

  setEndpoint(_key: string, endpoint: AgentEndpointRow | undefined, previous: AgentEndpointRow | undefined): void {
    if (previous !== undefined && previous.interfaceName !== endpoint?.interfaceName) this.#forget(previous);
    else if (previous !== undefined) this.#forgetSources(previous, endpoint);
    if (endpoint !== undefined && endpoint.interfaceName !== "") this.#know(endpoint);
    this.#dirty = true;
  }

  /** A node came, went or moved: one element of who may send through tunnels. */
  hostChanged(name: string, addresses: readonly Address[], before: readonly Address[]): void {
    this.#dirty = true;
    // Where packets to nodes are not masqueraded either, the NAT tables name them too.
    if (this.#options.natOutgoingExclusions === "IPPoolsAndHostIPs") this.#tablesChanged = true;
    if (this.#tablesChanged || this.#tunnels === NO_TUNNELS) return;
    for (const address of before) this.#nft.deleteElement(TUNNEL_SENDERS[familyOf(address)], tunnelSenderKey(address));
    for (const address of addresses)
      this.#nft.putElement(TUNNEL_SENDERS[familyOf(address)], tunnelSender(address, nodeOrigin(name)));
  }

  /** The tunnels that this node has, or is about to have. */
  setTunnels(tunnels: Omit<TunnelGuardOptions, "nodes">): void {
    const { ipip, vxlanPort } = this.#tunnels;
    if (ipip === tunnels.ipip && vxlanPort[4] === tunnels.vxlanPort[4] && vxlanPort[6] === tunnels.vxlanPort[6]) return;
    const none = !tunnels.ipip && tunnels.vxlanPort[4] === undefined && tunnels.vxlanPort[6] === undefined;
    this.#tunnels = none ? NO_TUNNELS : tunnels;
    this.#tablesChanged = true;
    this.#dirty = true;
  }

  /** Ranges of services that the nodes announce. */
  setServiceRanges(ranges: readonly Prefix[]): void {
    if (ranges.join() === this.#serviceRanges.join()) return;
    this.#serviceRanges = ranges;
    this.#tablesChanged = true;
    this.#dirty = true;
  }

  knows(interfaceName: string): boolean {
    return this.#known.has(interfaceName);
  }

  /** A link of a known interface is there, or is another one now. */
  linkMade(link: Link): void {
    if (this.#wider.has(link.name)) this.#filters.loosen([link.name]);
    this.#links.judge(link);
  }

  /** A link is about to be deleted. */
  linkLeaves(link: Link): void {
    this.#links.leaveForGood(link);
  }

  /** Somebody has changed tables of his own. */
  touch(): void {
    this.#dirty = true;
    this.schedule();
  }

  start(): void {
    if (!this.#rounds.begin()) return;
    this.#filters.suspect(this.#known.keys());
    this.flush();
    this.#links.start();
  }

  schedule(): void {
    if (this.#dirty) this.#rounds.schedule();
  }

  /** Writes what is due now. A refusal is logged and tried again; the rules that are in the kernel stay meanwhile. */
  flush(): void {
    if (!this.#rounds.begun || !this.#dirty) return;
    try {
      // What looks comes before what lets pass, and goes after it.
      this.#filters.tightenAllBut(this.#wider);
      if (this.#tablesChanged) {
        this.#nft.setTables(OWN_TABLES, [
          this.#guard(),
          ...this.#nat(),
          ...this.#tunnelGuard(),
          ...this.#serviceLoops(),
        ]);
        this.#tablesChanged = false;
      }
      this.#writes += this.#nft.apply().length;
      this.#watch.start();
      this.#filters.loosen(this.#wider.keys());
      this.#dirty = false;
      this.#failure = undefined;
      this.#options.onApplied?.();
    } catch (error) {
      this.#failure = toError(error).message;
      this.#options.logger.error("the kernel refused rules, trying again", { error: this.#failure });
      this.#rounds.retryLater();
    }
  }

  /** What of the guards' and the NAT tables in the kernel is not as it should be, once what is due is written: the changes that would mend it. */
  drift(): readonly Operation[] {
    this.flush();
    return this.#rounds.begun ? this.#nft.drift(OWN_TABLES) : [];
  }

  /** Compares with the kernel at the next flush. */
  resync(): void {
    this.#nft.resync();
    if (this.#rounds.begun) this.#links.resync();
    this.#filters.suspect(this.#known.keys());
    this.#dirty = true;
    this.schedule();
  }

  #know(endpoint: AgentEndpointRow): void {
    this.#known.set(endpoint.interfaceName, endpoint);
    this.#widen(endpoint);
    if (this.#tablesChanged) return;
    this.#nft.putElement(KNOWN_INTERFACES, knownInterface(endpoint.interfaceName, endpointOrigin(endpoint)));
    for (const source of sourcesOf(endpoint)) this.#nft.putElement(IPV6_SOURCES, ipv6Source(source));
  }

  #forget(endpoint: AgentEndpointRow): void {
    // Another endpoint may have the interface by now: a pod made again under the same name.
    if (this.#known.get(endpoint.interfaceName)?.key !== endpoint.key) return;
    this.#known.delete(endpoint.interfaceName);
    this.#widen({ ...endpoint, allowedSources: [] });
    this.#links.leave(endpoint.interfaceName);
    this.#forgetSources(endpoint, undefined);
    if (!this.#tablesChanged) this.#nft.deleteElement(KNOWN_INTERFACES, interfaceName(endpoint.interfaceName));
  }

  /** Addresses that an interface had, but for those it has now. */
  #forgetSources(before: AgentEndpointRow, now: AgentEndpointRow | undefined): void {
    if (this.#tablesChanged) return;
    const kept = new Set(now?.addresses);
    for (const { interfaceName: name, address } of sourcesOf(before))
      if (!kept.has(address)) this.#nft.deleteElement(IPV6_SOURCES, ipv6SourceKey(name, address));
  }

  #guard() {
    const knownInterfaces = new Map([...this.#known].map(([name, endpoint]) => [name, endpointOrigin(endpoint)]));
    const sources6 = [...this.#known.values()].flatMap(sourcesOf);
    const wider = [...this.#wider.values()].map(widerSource);
    return workloadGuard({ knownInterfaces, sources6, wider, interfacePrefix: this.#options.interfacePrefix });
  }

  /** Each has a chain in the guard's table: it is made anew. */
  #widen(endpoint: AgentEndpointRow): void {
    const { interfaceName: name, allowedSources } = endpoint;
    const isWider = this.#options.widerSources && allowedSources.length > 0;
    if (isWider || this.#wider.has(name)) this.#tablesChanged = true;
    if (isWider) this.#wider.set(name, endpoint);
    else this.#wider.delete(name);
  }

  #tunnelGuard() {
    const nodes = [...this.#options.hostAddresses()].map(([address, node]) => [address, nodeOrigin(node)] as const);
    return tunnelGuard({ ...this.#tunnels, nodes: new Map(nodes) });
  }

  #serviceLoops() {
    const { serviceLoops: action } = this.#options;
    if (action === "leave") return [];
    const why = origin("a range of services", { kind: "BGPConfiguration", name: "default" });
    return serviceLoops({ ranges: this.#serviceRanges.map((prefix) => ({ prefix, origin: why })), action });
  }

  #nat() {
    return natOutgoing({
      pools: [...this.#pools.values()].map(({ name, cidr, natOutgoing: masqueraded }) => ({
        cidr,
        natOutgoing: masqueraded,
        origin: origin(masqueraded ? "masqueraded towards the outside" : "a pool's addresses are inside", {
          kind: "IPPool",
          name,
        }),
      })),
      exclusions: this.#options.natOutgoingExclusions,
      hostAddresses: new Map([...this.#options.hostAddresses()].map(([address, node]) => [address, nodeOrigin(node)])),
      interfacePrefix: this.#options.interfacePrefix,
    });
  }
}

function sourcesOf(endpoint: AgentEndpointRow): WorkloadSource[] {
  const { interfaceName: name, addresses } = endpoint;
  return addresses.flatMap((address) =>
    typeof address === "bigint" ? [{ interfaceName: name, address, origin: endpointOrigin(endpoint) }] : [],
  );
}

function widerSource(endpoint: AgentEndpointRow): WiderSource {
  const { interfaceName: name, addresses, allowedSources } = endpoint;
  const networks = [...addresses.map((address) => Prefix.host(address)), ...allowedSources];
  return { interfaceName: name, networks, origin: endpointOrigin(endpoint) };
}

function nodeOrigin(name: string) {
  return origin(`address of node ${name}`, { kind: "Node", name });
}

function endpointOrigin(endpoint: AgentEndpointRow) {
  return origin(`${endpoint.workload} is behind it`, { kind: "WorkloadEndpoint", name: endpoint.id });
}
