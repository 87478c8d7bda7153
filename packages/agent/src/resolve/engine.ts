import type { BestChange, PolicyRoute } from "@ocicat/bgp";
import { type Address, Prefix } from "@ocicat/net";
import type { NodeRow, PeerGateway, PeerWorkload, RoutingResolver } from "@ocicat/routing";
import { learnedRow } from "../bgp/mesh.ts";
import { PolicyBook } from "../bgp/policy-book.ts";
import type { BgpRunner } from "../bgp/runner.ts";
import type { Session } from "../bgp/sessions.ts";
import type { RouteReconciler } from "../program/route-reconciler.ts";
import type { RuleReconciler } from "../program/rule-reconciler.ts";
import type { VtepReconciler } from "../program/vtep-reconciler.ts";
import { announceServices } from "../services/announce.ts";
import { allRanges, rangesIn } from "../services/ranges.ts";
import { bgpSettings } from "../tables/bgp-rows.ts";
import type { Tables } from "../tables/tables.ts";

export interface EngineParts {
  readonly self: string;
  readonly tables: Tables;
  readonly resolver: RoutingResolver;
  readonly routes: RouteReconciler;
  readonly rules: RuleReconciler;
  readonly vteps: VtepReconciler;
  /** Undefined where BGP has no part. */
  readonly mesh: BgpRunner | undefined;
  /** Runs work in a later turn of the event loop. */
  readonly defer: (work: () => void) => void;
}

/**
 * Where tables meet resolvers and resolvers meet reconcilers. Changes are taken up as they come, which costs little, and
 * resolved together once a turn: a burst of a thousand rows is one flush.
 */
export class Engine {
  readonly #parts: EngineParts;
  readonly #policies: PolicyBook;
  #scheduled = false;
  #meshChanged = true;
  #running = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    const { self, tables, resolver, routes, rules } = parts;
    this.#policies = new PolicyBook({ interfaceOf: (route) => interfaceOf(route, resolver, routes) });
    tables.pools.subscribe((key, pool) => {
      resolver.setPool(key, pool);
      rules.setPool(key, pool);
      this.#touchMesh();
    });
    tables.blocks.subscribe((key, block) => {
      resolver.setBlock(key, block);
      this.#schedule();
    });
    tables.affinities.subscribe((_key, row, previous) => {
      const affinity = row ?? previous;
      if (affinity !== undefined) resolver.setAffinity(affinity.node, affinity.block, row);
      this.#schedule();
    });
    tables.endpoints.subscribe((key, endpoint, previous) => {
      resolver.setEndpoint(key, endpoint);
      rules.setEndpoint(key, endpoint, previous);
      if (this.#peersWithWorkloads()) this.#touchMesh();
      this.#schedule();
    });
    tables.nodes.subscribe((_key, node, previous) => {
      const name = (node ?? previous)?.name;
      if (name !== undefined) resolver.setNode(name, node);
      const [now, before] = [addressesOf(node), addressesOf(previous)];
      if (name !== undefined && now.join() !== before.join()) rules.hostChanged(name, now, before);
      this.#touchMesh();
    });
    announceServices(self, tables, resolver, () => this.#schedule());
    rules.setServiceRanges(allRanges(rangesIn(tables)));
    tables.serviceRanges.subscribe(() => {
      rules.setServiceRanges(allRanges(rangesIn(tables)));
      this.#schedule();
    });
    tables.bgp.subscribe(() => this.#touchMesh());
    tables.peers.subscribe(() => this.#touchMesh());
    tables.filters.subscribe(() => this.#touchMesh());
  }

  /** From the first complete picture on: everything before was only collected. */
  start(): void {
    this.#running = true;
    this.flush();
  }

  /** Something that the resolver was told by others has changed. */
  changed(): void {
    this.#touchMesh();
  }

  /** Best routes as BGP reports them. */
  learn(changes: readonly BestChange[]): void {
    const { resolver, mesh } = this.#parts;
    if (mesh === undefined) return;
    for (const change of changes) {
      resolver.setLearned(
        change.prefix,
        learnedRow(change, (route) => mesh.learnedFrom(route)),
      );
    }
    this.#schedule();
  }

  /** Resolves what has changed now and hands it on. The plugin's path calls this and then writes; all else is deferred. */
  flush(): void {
    if (!this.#running) return;
    const { resolver, routes, rules, vteps, mesh } = this.#parts;
    if (this.#meshChanged) {
      this.#meshChanged = false;
      if (mesh !== undefined) this.#updateMesh(mesh);
    }
    const changes = resolver.flush();
    for (const [key, vtep] of changes.vteps) vteps.setDesired(key, vtep);
    for (const { prefix, route } of changes.routes.values()) routes.setDesired(prefix, route);
    if (changes.announcements.size > 0) mesh?.announce(changes.announcements, resolver.announcements.values());
    rules.schedule();
  }

  #updateMesh(mesh: BgpRunner): void {
    const { tables, self } = this.#parts;
    const all = tables.bgp.named("default");
    const settingsOf = (node: string) => bgpSettings(all, tables.bgp.named(`node.${node}`));
    const settings = settingsOf(self);
    const own = tables.ownNode();
    const [pools, filters] = [[...tables.pools.rows()], [...tables.filters.rows()]];
    const reflected = own?.routeReflectorClusterId === undefined ? [] : allRanges(rangesIn(tables));
    const normalPriority = { 4: settings.normalPriority4, 6: settings.normalPriority6 };
    this.#policies.update(filters, { pools, advertisements: settings.advertisements, reflected }, normalPriority);
    mesh.update({
      self: own,
      nodes: tables.nodes.rows(),
      peers: tables.peers.rows(),
      settings,
      portOf: (node) => settingsOf(node).listenPort,
      workloads: this.#peersWithWorkloads() ? this.#workloads() : [],
      policies: this.#policies,
      filters,
      pools,
      reflected,
    });
    this.#parts.resolver.setGateways(gatewaysOf(mesh.sessions));
    mesh.nextHopsChanged();
  }

  #peersWithWorkloads(): boolean {
    return [...this.#parts.tables.peers.rows()].some(({ peer }) => "workloads" in peer);
  }

  *#workloads(): Iterable<PeerWorkload> {
    const { workloads } = this.#parts.tables.policy;
    for (const { key, workload, addresses } of this.#parts.tables.endpoints.rows())
      yield { name: workload, labels: workloads.get(key)?.labels ?? {}, addresses };
  }

  #touchMesh(): void {
    this.#meshChanged = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || !this.#running) return;
    this.#scheduled = true;
    this.#parts.defer(() => {
      this.#scheduled = false;
      this.flush();
    });
  }
}

function addressesOf(node: NodeRow | undefined): readonly Address[] {
  return [node?.ipv4, node?.ipv6].flatMap((own) => (own === undefined ? [] : [own.address]));
}

/** The interface that packets of a route leave by: a pod's, or the one towards a next hop. None for a block of our own. */
function interfaceOf(
  { prefix, source, attributes }: PolicyRoute,
  resolver: RoutingResolver,
  routes: RouteReconciler,
): string | undefined {
  if (source !== undefined) return source.link ?? routes.interfaceTowards(attributes.nextHop);
  const own = resolver.routes.get(prefix.toString());
  return own?.kind === "device" ? own.device : undefined;
}

/** The peers that lie behind gateways which BGPPeers name, by their host prefixes. */
function gatewaysOf(sessions: Iterable<Session>): ReadonlyMap<string, PeerGateway> {
  return new Map(
    [...sessions].flatMap(({ remoteAddress, link, reachableBy: via, origin: { resources } }) => {
      if (via === undefined || link !== undefined) return [];
      const origin = { reason: "the gateway that the peer lies behind, by reachableBy", resources };
      return [[Prefix.host(remoteAddress).toString(), { via, origin }] as const];
    }),
  );
}
