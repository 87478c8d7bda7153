import type { Kernel, Link, LinkAddress, Route } from "@ocicat/linux/kernel";
import { type Address, type Family, isLinkLocal, Prefix } from "@ocicat/net";

const PROTOCOL_KERNEL = 2;

/** The node's links and addresses as the kernel last told of them: what routes name by device or reach by subnet. */
export class HostLinks {
  readonly #links = new Map<number, Link>();
  readonly #indexByName = new Map<string, number>();
  readonly #addresses = new Map<string, LinkAddress>();
  /** What a route onto a link says is there, by destination: `10.0.0.0/24 dev eth0 scope link`. */
  readonly #networks = new Map<string, { readonly network: Prefix; readonly linkIndex: number }>();

  /** Takes links and addresses anew; routes are to be learned after it. */
  read(kernel: Pick<Kernel, "links" | "addresses">): void {
    this.#links.clear();
    this.#indexByName.clear();
    this.#addresses.clear();
    this.#networks.clear();
    for (const link of kernel.links()) this.learn(link);
    for (const address of kernel.addresses()) this.learnAddress(address);
  }

  /** What was known of the link before. */
  learn(link: Link): Link | undefined {
    const before = this.#links.get(link.index);
    if (before !== undefined && before.name !== link.name) this.#indexByName.delete(before.name);
    this.#links.set(link.index, link);
    this.#indexByName.set(link.name, link.index);
    return before;
  }

  forget(link: Link): void {
    this.#links.delete(link.index);
    if (this.#indexByName.get(link.name) === link.index) this.#indexByName.delete(link.name);
  }

  learnAddress(address: LinkAddress): void {
    this.#addresses.set(addressKey(address), address);
  }

  forgetAddress(address: LinkAddress): void {
    this.#addresses.delete(addressKey(address));
  }

  /** Somebody's route in the main table. True if it changes what is on a link: what follows from an address is known by that. */
  learnRoute({ kind, destination, protocol, nextHops }: Route): boolean {
    const [hop, ...others] = nextHops;
    const isNetwork = kind === "unicast" && protocol !== PROTOCOL_KERNEL && destination.length > 0;
    if (!isNetwork || hop === undefined || hop.via !== undefined || others.length > 0)
      return this.#networks.delete(destination.toString());
    this.#networks.set(destination.toString(), { network: destination, linkIndex: hop.linkIndex });
    return true;
  }

  forgetRoute({ destination }: Route): boolean {
    return this.#networks.delete(destination.toString());
  }

  /** The kernel takes routes away with their link, and does not say so. */
  forgetRoutesOn(linkIndex: number, family?: Family): void {
    for (const [key, entry] of this.#networks) {
      const concerned = family === undefined || entry.network.family === family;
      if (concerned && entry.linkIndex === linkIndex) this.#networks.delete(key);
    }
  }

  /** Whether the link still has an IPv4 address. */
  hasIpv4(linkIndex: number): boolean {
    return this.#addresses.values().some((entry) => entry.linkIndex === linkIndex && typeof entry.address === "number");
  }

  byName(name: string): Link | undefined {
    return this.#links.get(this.#indexByName.get(name) ?? -1);
  }

  byIndex(index: number): Link | undefined {
    return this.#links.get(index);
  }

  /** What is on links that are up, and which links: `10.0.0.0/24 2`. */
  networks(): string[] {
    const isUp = ({ linkIndex }: { readonly linkIndex: number }) => this.#links.get(linkIndex)?.up === true;
    const addresses = this.#addresses.values().filter(isUp);
    const networks = this.#networks.values().filter(isUp);
    return [
      ...addresses.map(({ address, prefixLength, linkIndex }) => `${Prefix.of(address, prefixLength)} ${linkIndex}`),
      ...networks.map(({ network, linkIndex }) => `${network} ${linkIndex}`),
    ];
  }

  /**
   * The link that the address is on: by the subnet of an address of ours (a /32 leads to no neighbour), or by a route. A
   * link-local one may be on any.
   */
  towards(address: Address): Link | undefined {
    if (isLinkLocal(address)) return undefined;
    for (const entry of this.#addresses.values()) {
      const subnet = Prefix.of(entry.address, entry.prefixLength);
      if (!subnet.isHost && subnet.has(address)) return this.#links.get(entry.linkIndex);
    }
    for (const { network, linkIndex } of this.#networks.values()) {
      if (network.has(address)) return this.#links.get(linkIndex);
    }
    return undefined;
  }
}

function addressKey({ linkIndex, address, prefixLength }: LinkAddress): string {
  return `${linkIndex} ${address}/${prefixLength}`;
}
