import { node as nodeKind, workloadEndpoint } from "@ocicat/api";
import { IPAM_PREFIX, parseIpamKey } from "@ocicat/api/ipam";
import type { KeyValue } from "@ocicat/datastore";
import { toError } from "@ocicat/kit";
import { formatAddress, type Prefix } from "@ocicat/net";
import { Groups } from "./groups.ts";
import {
  type AffinityRow,
  type Allocation,
  affinityRow,
  type BlockRow,
  blockRow,
  type EndpointRow,
  endpointRow,
  type HandleRow,
  handleRow,
} from "./rows.ts";
import type { Subject } from "./subject.ts";

/** What the keys begin with that garbage collection reads. */
export const COLLECTED_PREFIXES = [IPAM_PREFIX, nodeKind.storage.prefix(), workloadEndpoint.storage.prefix()] as const;

/**
 * The rows that garbage collection rests on, all of one revision, with an index for each question asked of them. A change
 * costs what it touches: it names the subjects that have to be judged again.
 */
export class ClusterState {
  readonly blocks = new Map<string, BlockRow>();
  readonly handles = new Map<string, HandleRow>();
  readonly affinities = new Map<string, AffinityRow>();
  readonly endpoints = new Map<string, EndpointRow>();
  readonly nodes = new Set<string>();
  /** Bare markers, by node: their revision. */
  readonly markers = new Map<string, bigint>();
  /** Stored values that cannot be read, with the reason. What they might say is not known, so that it counts as a no. */
  readonly unreadable = new Map<string, string>();

  /** Endpoints follow pods: they come and go with them, and are nobody's to delete. */
  readonly endpointsFollowPods: boolean;

  readonly #byHandle = new Groups<string, Allocation>();
  readonly #handlesOfNode = new Groups<string, string>();
  /** By what comes after a dot in a handle id: one of these is the container's id. */
  readonly #handlesByTail = new Groups<string, string>();
  readonly #holderAt = new Map<string, string>();
  readonly #endpointsOfContainer = new Groups<string, EndpointRow>();
  readonly #endpointsOfNode = new Groups<string, EndpointRow>();
  readonly #endpointsAt = new Groups<string, EndpointRow>();
  readonly #affinitiesOfPlace = new Groups<string, AffinityRow>();
  readonly #affinitiesOfNode = new Groups<string, AffinityRow>();
  readonly #blocksOfOwner = new Groups<string, BlockRow>();
  readonly #dirty = new Set<Subject>();

  constructor(options: { readonly endpointsFollowPods?: boolean } = {}) {
    this.endpointsFollowPods = options.endpointsFollowPods ?? false;
  }

  put(item: KeyValue): void {
    this.#replace(item.key, item);
  }

  remove(key: string): void {
    this.#replace(key, undefined);
  }

  /** The subjects whose verdict may have changed since the last call. */
  takeDirty(): readonly Subject[] {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    return dirty;
  }

  /** Every subject there is: for a full scan. */
  *subjects(): IterableIterator<Subject> {
    for (const id of this.#handleIds()) yield `handle ${id}`;
    for (const place of new Set([
      ...[...this.blocks.values()].map(({ prefix }) => `${prefix}`),
      ...this.#affinitiesOfPlace.keys(),
    ])) {
      yield `block ${place}`;
    }
    for (const [key, { node }] of this.endpoints) if (!this.nodes.has(node)) yield `endpoint ${key}`;
    for (const node of this.markers.keys()) yield `marker ${node}`;
  }

  /** What a handle holds, as the blocks say. */
  allocationsOf(handleId: string): ReadonlySet<Allocation> {
    return this.#byHandle.get(handleId);
  }

  /** The endpoints whose container's id the handle ends with. */
  endpointsNaming(handleId: string): readonly EndpointRow[] {
    return tails(handleId).flatMap((tail) => [...this.#endpointsOfContainer.get(tail)]);
  }

  /** The handles that end with a container's id. */
  handlesNaming(containerId: string): ReadonlySet<string> {
    return this.#handlesByTail.get(containerId);
  }

  endpointsWith(address: string): ReadonlySet<EndpointRow> {
    return this.#endpointsAt.get(address);
  }

  handlesOn(node: string): ReadonlySet<string> {
    return this.#handlesOfNode.get(node);
  }

  endpointsOn(node: string): ReadonlySet<EndpointRow> {
    return this.#endpointsOfNode.get(node);
  }

  /** The affinities to a block, named in CIDR form. */
  affinitiesTo(cidr: string): ReadonlySet<AffinityRow> {
    return this.#affinitiesOfPlace.get(cidr);
  }

  affinitiesOf(node: string): ReadonlySet<AffinityRow> {
    return this.#affinitiesOfNode.get(node);
  }

  /** `affinity`: as blocks say it, `host:node1`. */
  blocksOf(affinity: string): ReadonlySet<BlockRow> {
    return this.#blocksOfOwner.get(affinity);
  }

  /** How many entries the indexes have: what must come back to what it was when everything else has. */
  get indexSize(): number {
    const indexes = [
      this.#byHandle,
      this.#handlesOfNode,
      this.#handlesByTail,
      this.#endpointsOfContainer,
      this.#endpointsOfNode,
      this.#endpointsAt,
      this.#affinitiesOfPlace,
      this.#affinitiesOfNode,
      this.#blocksOfOwner,
    ];
    return indexes.reduce((sum, index) => sum + index.size, this.#holderAt.size);
  }

  #replace(key: string, item: KeyValue | undefined): void {
    const couldNotBeRead = this.unreadable.delete(key);
    this.#set(key, item);
    // What a row might say that cannot be read may concern any of them. It is rare.
    if (couldNotBeRead !== this.unreadable.has(key))
      for (const id of this.#handleIds()) this.#dirty.add(`handle ${id}`);
  }

  #handleIds(): ReadonlySet<string> {
    return new Set([...this.handles.keys(), ...this.#byHandle.keys()]);
  }

  #set(key: string, item: KeyValue | undefined): void {
    if (key.startsWith(IPAM_PREFIX)) {
      this.#replaceIpam(key, item);
      return;
    }
    const node = nodeKind.storage.parse(key)?.name;
    if (node !== undefined) this.#setNode(node, item !== undefined);
    else if (workloadEndpoint.storage.parse(key) !== undefined) {
      this.#setEndpoint(key, item && this.#read(item, endpointRow));
    }
  }

  #replaceIpam(key: string, item: KeyValue | undefined): void {
    const parsed = parseIpamKey(key);
    switch (parsed?.kind) {
      case "block":
        this.#setBlock(key, parsed.prefix, item && this.#read(item, (row) => blockRow(row, this.blocks.get(key))));
        break;
      case "handle":
        this.#setHandle(parsed.id, item && this.#read(item, (row) => handleRow(parsed.id, row)));
        break;
      case "affinity":
        this.#setAffinity(
          key,
          parsed.prefix,
          item && this.#read(item, (row) => affinityRow(parsed.owner, parsed.prefix, row)),
        );
        break;
      case "host":
        if (item === undefined) this.markers.delete(parsed.node);
        else this.markers.set(parsed.node, item.modRevision);
        this.#dirty.add(`marker ${parsed.node}`);
        break;
      default:
        break;
    }
  }

  #read<R>(item: KeyValue, parse: (item: KeyValue) => R): R | undefined {
    try {
      return parse(item);
    } catch (error) {
      this.unreadable.set(item.key, toError(error).message);
      return undefined;
    }
  }

  #setBlock(key: string, prefix: Prefix, row: BlockRow | undefined): void {
    const before = this.blocks.get(key);
    this.#touchPlace(prefix);
    for (const each of [before, row]) if (each?.affinity != null) this.#touchOwner(each.affinity, prefix.family);
    const gone = new Set(before?.allocations);
    const more = (row?.allocations ?? []).filter((allocation) => !gone.delete(allocation));
    for (const allocation of gone) this.#forget(allocation);
    for (const allocation of more) this.#know(allocation);
    if (before !== undefined && before.affinity !== null) this.#blocksOfOwner.delete(before.affinity, before);
    if (row === undefined) this.blocks.delete(key);
    else {
      this.blocks.set(key, row);
      if (row.affinity !== null) this.#blocksOfOwner.add(row.affinity, row);
    }
  }

  #know(allocation: Allocation): void {
    const { handleId, node } = allocation;
    this.#dirty.add(`handle ${handleId}`);
    if (!this.#byHandle.has(handleId)) {
      for (const tail of tails(handleId)) this.#handlesByTail.add(tail, handleId);
      this.#touchNamed(handleId);
    }
    this.#byHandle.add(handleId, allocation);
    this.#holderAt.set(formatAddress(allocation.address), handleId);
    if (node !== undefined) this.#handlesOfNode.add(node, handleId);
  }

  #forget(allocation: Allocation): void {
    const { handleId, node } = allocation;
    this.#dirty.add(`handle ${handleId}`);
    this.#byHandle.delete(handleId, allocation);
    this.#holderAt.delete(formatAddress(allocation.address));
    const left = [...this.#byHandle.get(handleId)];
    if (left.length === 0) {
      for (const tail of tails(handleId)) this.#handlesByTail.delete(tail, handleId);
      this.#touchNamed(handleId);
    }
    if (node !== undefined && left.every((other) => other.node !== node)) this.#handlesOfNode.delete(node, handleId);
  }

  /** An endpoint is its handle's to judge as long as there is one. */
  #touchNamed(handleId: string): void {
    for (const { key } of this.endpointsNaming(handleId)) this.#dirty.add(`endpoint ${key}`);
  }

  #setHandle(id: string, row: HandleRow | undefined): void {
    if (row === undefined) this.handles.delete(id);
    else this.handles.set(id, row);
    this.#dirty.add(`handle ${id}`);
  }

  #setAffinity(key: string, prefix: Prefix, row: AffinityRow | undefined): void {
    const before = this.affinities.get(key);
    if (before !== undefined) {
      this.#affinitiesOfPlace.delete(`${prefix}`, before);
      if (before.owner.type === "host") this.#affinitiesOfNode.delete(before.owner.name, before);
    }
    if (row === undefined) this.affinities.delete(key);
    else {
      this.affinities.set(key, row);
      this.#affinitiesOfPlace.add(`${prefix}`, row);
      if (row.owner.type === "host") this.#affinitiesOfNode.add(row.owner.name, row);
    }
    this.#touchPlace(prefix);
    const { owner } = row ?? before ?? {};
    if (owner?.type === "host") {
      // Which block is a node's last depends on all of them.
      this.#touchOwner(`host:${owner.name}`, prefix.family);
    }
  }

  #setNode(node: string, exists: boolean): void {
    if (exists === this.nodes.has(node)) return;
    if (exists) this.nodes.add(node);
    else this.nodes.delete(node);
    for (const id of this.handlesOn(node)) this.#dirty.add(`handle ${id}`);
    for (const { prefix } of this.affinitiesOf(node)) this.#touchPlace(prefix);
    for (const { prefix } of this.blocksOf(`host:${node}`)) this.#touchPlace(prefix);
    for (const endpoint of this.endpointsOn(node)) this.#touchEndpoint(endpoint);
    this.#dirty.add(`marker ${node}`);
  }

  #setEndpoint(key: string, row: EndpointRow | undefined): void {
    const before = this.endpoints.get(key);
    if (before !== undefined) {
      this.#endpointsOfNode.delete(before.node, before);
      if (before.containerId !== undefined) this.#endpointsOfContainer.delete(before.containerId, before);
      for (const address of before.addresses) this.#endpointsAt.delete(address, before);
      this.#touchEndpoint(before);
    }
    if (row === undefined) this.endpoints.delete(key);
    else {
      this.endpoints.set(key, row);
      this.#endpointsOfNode.add(row.node, row);
      if (row.containerId !== undefined) this.#endpointsOfContainer.add(row.containerId, row);
      for (const address of row.addresses) this.#endpointsAt.add(address, row);
      this.#touchEndpoint(row);
    }
    this.#dirty.add(`endpoint ${key}`);
  }

  #touchEndpoint({ key, containerId, addresses }: EndpointRow): void {
    this.#dirty.add(`endpoint ${key}`);
    for (const address of addresses) {
      const holder = this.#holderAt.get(address);
      if (holder !== undefined) this.#dirty.add(`handle ${holder}`);
    }
    if (containerId === undefined) return;
    for (const id of this.handlesNaming(containerId)) this.#dirty.add(`handle ${id}`);
  }

  #touchPlace(prefix: Prefix): void {
    this.#dirty.add(`block ${prefix}`);
  }

  #touchOwner(affinity: string, family: Prefix["family"]): void {
    for (const { prefix } of this.blocksOf(affinity)) if (prefix.family === family) this.#touchPlace(prefix);
  }
}

/** Where a node's resource is, or would be. */
export function nodeKey(node: string): string {
  return `${nodeKind.storage.prefix()}${node}`;
}

/** Everything that stands after a dot: networks and container ids may both have dots in their names. */
function tails(handleId: string): readonly string[] {
  const found: string[] = [];
  for (let dot = handleId.indexOf("."); dot >= 0; dot = handleId.indexOf(".", dot + 1)) {
    found.push(handleId.slice(dot + 1));
  }
  return found;
}

export function namesContainer(handleId: string): boolean {
  return tails(handleId).some((tail) => tail !== "");
}
