import type { Kernel, Link, LinkAddress } from "@ocicat/linux/kernel";
import { type Address, Prefix } from "@ocicat/net";

/** The node's links and addresses as the kernel last told of them: what routes name by device or reach by subnet. */
export class HostLinks {
  readonly #links = new Map<number, Link>();
  readonly #indexByName = new Map<string, number>();
  readonly #addresses = new Map<string, LinkAddress>();

  /** Takes everything anew. */
  read(kernel: Pick<Kernel, "links" | "addresses">): void {
    this.#links.clear();
    this.#indexByName.clear();
    this.#addresses.clear();
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

  /** The subnets of links that are up. */
  subnets(): Prefix[] {
    return [...this.#addresses.values()]
      .filter(({ linkIndex }) => this.#links.get(linkIndex)?.up === true)
      .map(({ address, prefixLength }) => Prefix.of(address, prefixLength));
  }

  /** The link on whose subnet the address is. A /32 leads to no neighbour. */
  towards(address: Address): Link | undefined {
    for (const entry of this.#addresses.values()) {
      const subnet = Prefix.of(entry.address, entry.prefixLength);
      if (!subnet.isHost && subnet.has(address)) return this.#links.get(entry.linkIndex);
    }
    return undefined;
  }
}

function addressKey({ linkIndex, address, prefixLength }: LinkAddress): string {
  return `${linkIndex} ${address}/${prefixLength}`;
}
