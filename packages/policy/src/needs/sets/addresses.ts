import type { Prefix } from "@ocicat/net";
import type { SetMember } from "../../model/sets.ts";
import { type Item, networksOf } from "../items.ts";

/** An address or a network, and the items that have it. One object for all sets that it is a member of. */
export interface Held {
  readonly member: SetMember & { readonly kind: "network" };
  readonly holders: readonly Item[];
}

interface Entry extends Held {
  holders: readonly Item[];
  ports: Map<number, SetMember> | undefined;
}

/**
 * All addresses in the cluster that sets may have as members. It answers who else has an address, so that no set has to count
 * how many times each of its members was added to it: most addresses have one holder, and no counter at all.
 */
export class Addresses {
  readonly #entries = new Map<number | string, Entry>();
  /** Let go since the last sweep; kept so that whoever takes one up meanwhile finds the same object. */
  readonly #idle = new Set<Entry>();

  /** The item's addresses, from now on held by it. */
  hold(item: Item): void {
    const held = new Set(networksOf(item.value).map((network) => this.#entry(network)));
    for (const entry of held) entry.holders = [...entry.holders, item];
    item.held = [...held];
  }

  release(item: Item): void {
    for (const { member } of item.held) {
      const entry = this.#entry(member.network);
      entry.holders = entry.holders.filter((holder) => holder !== item);
      if (entry.holders.length === 0) this.#idle.add(entry);
    }
    item.held = [];
  }

  /** The address with a port: the same object each time until the next sweep. */
  port({ member: { network } }: Held, protocol: number, port: number): SetMember {
    const entry = this.#entry(network);
    entry.ports ??= new Map();
    const key = protocol * 65_536 + port;
    const known = entry.ports.get(key) ?? { kind: "port", address: network.address, protocol, port };
    entry.ports.set(key, known);
    return known;
  }

  /** Forgets what nobody has any more. */
  sweep(): void {
    for (const entry of this.#idle) if (entry.holders.length === 0) this.#entries.delete(keyOf(entry.member.network));
    this.#idle.clear();
  }

  #entry(network: Prefix): Entry {
    const key = keyOf(network);
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const entry: Entry = { member: { kind: "network", network }, holders: [], ports: undefined };
    this.#entries.set(key, entry);
    return entry;
  }
}

/** A number for an IPv4 address, which most are: it costs no text. */
function keyOf(network: Prefix): number | string {
  return network.isHost && typeof network.address === "number" ? network.address | 0 : network.toString();
}
