import type { BestChange } from "@ocicat/bgp";
import { formatAddress } from "@ocicat/net";
import type { NodeRow, RoutingResolver } from "@ocicat/routing";
import { learnedRow } from "../bgp/mesh.ts";
import type { MeshRunner } from "../bgp/mesh-runner.ts";
import type { RouteReconciler } from "../program/route-reconciler.ts";
import type { RuleReconciler } from "../program/rule-reconciler.ts";
import type { VtepReconciler } from "../program/vtep-reconciler.ts";
import { type BgpSettingsRow, DEFAULT_BGP_SETTINGS } from "../tables/rows.ts";
import type { Tables } from "../tables/tables.ts";

export interface EngineParts {
  readonly self: string;
  readonly tables: Tables;
  readonly resolver: RoutingResolver;
  readonly routes: RouteReconciler;
  readonly rules: RuleReconciler;
  readonly vteps: VtepReconciler;
  /** Undefined where BGP has no part. */
  readonly mesh: MeshRunner | undefined;
  /** Runs work in a later turn of the event loop. */
  readonly defer: (work: () => void) => void;
}

/**
 * Where tables meet resolvers and resolvers meet reconcilers. Changes are taken up as they come, which costs little, and
 * resolved together once a turn: a burst of a thousand rows is one flush.
 */
export class Engine {
  readonly #parts: EngineParts;
  readonly #nodeByAddress = new Map<string, string>();
  #scheduled = false;
  #meshChanged = true;
  #running = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    const { tables, resolver, rules } = parts;
    tables.pools.subscribe((key, pool) => {
      resolver.setPool(key, pool);
      rules.setPool(key, pool);
      this.#schedule();
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
      this.#schedule();
    });
    tables.nodes.subscribe((_key, node, previous) => {
      this.#indexNode(node, previous);
      const name = (node ?? previous)?.name;
      if (name !== undefined) resolver.setNode(name, node);
      rules.hostsChanged();
      this.#touchMesh();
    });
    tables.bgp.subscribe(() => this.#touchMesh());
  }

  /** From the first complete picture on: everything before was only collected. */
  start(): void {
    this.#running = true;
    this.flush();
  }

  /** Something that the resolver was told by others has changed. */
  changed(): void {
    this.#schedule();
  }

  /** Best routes as BGP reports them. */
  learn(changes: readonly BestChange[]): void {
    for (const change of changes) {
      this.#parts.resolver.setLearned(
        change.prefix,
        learnedRow(change, (address) => this.#nodeByAddress.get(address)),
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
      mesh?.update(this.#selfRow(), this.#parts.tables.nodes.rows(), this.bgpSettings());
    }
    const changes = resolver.flush();
    for (const [key, vtep] of changes.vteps) vteps.setDesired(key, vtep);
    // A route through a VXLAN device must find its far end known.
    if (changes.vteps.size > 0) vteps.flush();
    for (const { prefix, route } of changes.routes.values()) routes.setDesired(prefix, route);
    if (changes.announcements.size > 0) mesh?.announce(changes.announcements, resolver.announcements.values());
    rules.schedule();
  }

  /** "default" with "node.<self>" over it. */
  bgpSettings(): BgpSettingsRow {
    const { tables, self } = this.#parts;
    return tables.bgp.named(`node.${self}`) ?? tables.bgp.named("default") ?? DEFAULT_BGP_SETTINGS;
  }

  #selfRow(): NodeRow | undefined {
    return this.#parts.tables.nodes.named(this.#parts.self);
  }

  #indexNode(node: NodeRow | undefined, previous: NodeRow | undefined): void {
    for (const family of ["ipv4", "ipv6"] as const) {
      const [before, now] = [previous?.[family], node?.[family]];
      if (before !== undefined) this.#nodeByAddress.delete(formatAddress(before.address));
      if (node !== undefined && now !== undefined) this.#nodeByAddress.set(formatAddress(now.address), node.name);
    }
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
