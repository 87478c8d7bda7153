import type { Prefix } from "@ocicat/net";
import type { SetMember } from "../../model/sets.ts";
import { type Item, networksOf } from "../items.ts";

/**
 * An address or a network that items have: one object, and as a member of sets the same in all of them. There may be a million,
 * of which most have one holder, and no port that a set needs.
 */
export class Held {
  readonly kind = "network";
  readonly network: Prefix;
  #holder: Item | undefined;
  #others: Set<Item> | undefined;
  #ports: Map<number, SetMember> | undefined;

  constructor(network: Prefix) {
    this.network = network;
  }

  take(item: Item): void {
    if (this.#holder === undefined) this.#holder = item;
    else {
      this.#others ??= new Set();
      this.#others.add(item);
    }
  }

  release(item: Item): void {
    if (this.#holder !== item) this.#others?.delete(item);
    else {
      [this.#holder] = this.#others ?? [];
      if (this.#holder !== undefined) this.#others?.delete(this.#holder);
    }
  }

  get isIdle(): boolean {
    return this.#holder === undefined;
  }

  isHeld(by: (holder: Item) => boolean): boolean {
    if (this.#holder === undefined) return false;
    if (by(this.#holder)) return true;
    for (const other of this.#others ?? []) if (by(other)) return true;
    return false;
  }

  /** The address with a port; the same object each time. */
  port(protocol: number, port: number): SetMember {
    this.#ports ??= new Map();
    const key = protocol * 65_536 + port;
    const known = this.#ports.get(key) ?? { kind: "port", address: this.network.address, protocol, port };
    this.#ports.set(key, known);
    return known;
  }
}

/**
 * All addresses in the cluster that sets may have as members. They tell who else has an address, so that no set has to count how
 * many times each of its members was added to it.
 */
export class Addresses {
  readonly #held = new Map<number | string, Held>();
  /** Let go since the last sweep; kept so that whoever takes one up meanwhile finds the same object. */
  readonly #idle = new Set<Held>();

  get size(): number {
    return this.#held.size;
  }

  /** Makes the item a holder of its addresses, and answers them, each once. */
  hold(item: Item): readonly Held[] {
    const held = networksOf(item.value).map((network) => this.#of(network));
    const unique = held.length > 1 ? [...new Set(held)] : held;
    for (const each of unique) each.take(item);
    return unique;
  }

  release(item: Item): void {
    for (const held of item.held) {
      held.release(item);
      if (held.isIdle) this.#idle.add(held);
    }
  }

  /** Forgets what nobody has any more. */
  sweep(): void {
    for (const held of this.#idle) if (held.isIdle) this.#held.delete(keyOf(held.network));
    this.#idle.clear();
  }

  #of(network: Prefix): Held {
    const key = keyOf(network);
    const known = this.#held.get(key);
    if (known !== undefined) return known;
    const held = new Held(network);
    this.#held.set(key, held);
    return held;
  }
}

/** A number for an IPv4 address, which most are: it costs no text. */
function keyOf(network: Prefix): number | string {
  return network.length === 32 && typeof network.address === "number" ? network.address | 0 : network.toString();
}
