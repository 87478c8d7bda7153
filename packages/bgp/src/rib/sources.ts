import type { Address, Ipv4 } from "@ocicat/net";
import { NONE, Rows } from "./columns.ts";

/** A peer as the RIB knows it. One object for the life of the peering; the identifier comes with each OPEN. */
export interface RibPeer {
  name: string;
  readonly address: Address;
  /** The interface, where that is link-local. */
  readonly link?: string | undefined;
  readonly as: number;
  readonly internal: boolean;
  routerId: Ipv4;
  /** RFC 4456: a client of the cluster that this speaker reflects for. */
  reflectorClient?: boolean | undefined;
  /** RFC 4456: that cluster. Undefined: nothing is reflected between this peer and others. */
  clusterId?: Ipv4 | undefined;
}

/** Where paths come from, by number. */
export type SourceId = number;

/** This speaker itself: routes of its own come from there. */
export const OWN: SourceId = NONE;

/**
 * Numbers for peers. A peer that has gone keeps its number for as long as a path, a selection or what some group was told
 * names it.
 */
export class Sources {
  readonly #rows = new Rows();
  readonly #peers: (RibPeer | undefined)[] = [undefined];
  readonly #judges: ((path: number) => string | undefined)[] = [() => undefined];
  readonly #uses: number[] = [0];
  readonly #left = new Set<SourceId>();
  #version = 0;

  /** Another number whenever something about a peer has changed. */
  get version(): number {
    return this.#version;
  }

  /** `why` tells what was said of one of its paths: the reason why it was refused, or the rule that let it in. */
  enter(peer: RibPeer, why: (path: number) => string | undefined): SourceId {
    const id = this.#rows.take();
    this.#peers[id] = peer;
    this.#judges[id] = why;
    this.#uses[id] = 0;
    return id;
  }

  /** The identifier, or the part that the peer has in reflection, has changed. */
  changed(): void {
    this.#version += 1;
  }

  /** The peer has gone. */
  leave(id: SourceId): void {
    this.#left.add(id);
    this.#retire(id);
  }

  /** Undefined: this speaker. */
  peer(id: SourceId): RibPeer | undefined {
    return this.#peers[id];
  }

  /** What the import said of a path of that source. */
  why(id: SourceId, path: number): string | undefined {
    return this.#judges[id]?.(path);
  }

  hold(id: SourceId): void {
    this.#uses[id] = (this.#uses[id] ?? 0) + 1;
  }

  release(id: SourceId): void {
    const left = (this.#uses[id] ?? 0) - 1;
    this.#uses[id] = left;
    if (left === 0) this.#retire(id);
  }

  #retire(id: SourceId): void {
    if ((this.#uses[id] ?? 0) > 0 || !this.#left.delete(id)) return;
    this.#peers[id] = undefined;
    this.#judges[id] = () => undefined;
    this.#rows.give(id);
  }
}
