import type { BestChange } from "@ocicat/bgp";
import type { Address } from "@ocicat/net";
import type { NodeRow, RoutingResolver } from "@ocicat/routing";
import { exportPolicies } from "../bgp/export-policy.ts";
import { learnedRow } from "../bgp/mesh.ts";
import type { MeshRunner } from "../bgp/mesh-runner.ts";
import type { RouteReconciler } from "../program/route-reconciler.ts";
import type { RuleReconciler } from "../program/rule-reconciler.ts";
import type { VtepReconciler } from "../program/vtep-reconciler.ts";
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
  readonly #exportPolicy = exportPolicies();
  #scheduled = false;
  #meshChanged = true;
  #running = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    const { tables, resolver, rules } = parts;
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
      this.#schedule();
    });
    tables.nodes.subscribe((_key, node, previous) => {
      const name = (node ?? previous)?.name;
      if (name !== undefined) resolver.setNode(name, node);
      const [now, before] = [addressesOf(node), addressesOf(previous)];
      if (name !== undefined && now.join() !== before.join()) rules.hostChanged(name, now, before);
      this.#touchMesh();
    });
    tables.bgp.subscribe(() => this.#touchMesh());
    tables.peers.subscribe(() => this.#touchMesh());
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

  #updateMesh(mesh: MeshRunner): void {
    const { tables, self } = this.#parts;
    const all = tables.bgp.named("default");
    const settingsOf = (node: string) => bgpSettings(all, tables.bgp.named(`node.${node}`));
    mesh.update({
      self: tables.ownNode(),
      nodes: tables.nodes.rows(),
      peers: tables.peers.rows(),
      settings: settingsOf(self),
      portOf: (node) => settingsOf(node).listenPort,
      exportPolicy: this.#exportPolicy(tables.pools.rows()),
    });
    mesh.nextHopsChanged();
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
