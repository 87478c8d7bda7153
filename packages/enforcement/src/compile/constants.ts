import { origin } from "@ocicat/kit";
import type { Family, Prefix } from "@ocicat/net";
import { element, type NamedSet, numberRange, prefixValue, set } from "@ocicat/nftables";
import { addressTypeOf } from "./match/fields.ts";
import { maximal } from "./maximal.ts";
import { digest } from "./names.ts";

/** First and last port, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Sets that never change: what a rule lists. They are told by their content, so that rules which list the same share one.
 *
 *     b4-… b6-…   blocks
 *     t-…         ports
 */
export class Constants {
  readonly #sets = new Map<string, NamedSet>();

  get sets(): Iterable<NamedSet> {
    return this.#sets.values();
  }

  /** All of one family. The name of the set. */
  networks(family: Family, networks: readonly Prefix[]): string {
    const blocks = maximal(networks);
    const name = `b${family}-${digest(blocks.join(" "))}`;
    return this.#keep(name, () =>
      set({
        name,
        key: addressTypeOf(family),
        interval: true,
        origin: LISTED,
        elements: blocks.map((block) => element(LISTED, prefixValue(block))),
      }),
    );
  }

  /** Disjoint and in order. The name of the set. */
  ports(ranges: readonly PortRange[]): string {
    const name = `t-${digest(ranges.map(({ first, last }) => `${first}-${last}`).join(" "))}`;
    return this.#keep(name, () =>
      set({
        name,
        key: "inet_service",
        interval: true,
        origin: LISTED,
        elements: ranges.map(({ first, last }) => element(LISTED, numberRange(first, last))),
      }),
    );
  }

  #keep(name: string, make: () => NamedSet): string {
    if (!this.#sets.has(name)) this.#sets.set(name, make());
    return name;
  }
}

const LISTED = origin("listed in a rule");
