import type { Origin } from "@ocicat/kit";
import type { Chain } from "./chain.ts";
import type { NamedSet } from "./set.ts";

export type TableFamily = "ip" | "ip6" | "inet" | "arp" | "bridge" | "netdev";

/** What names a table: nft allows the same name in several families. */
export interface TableRef {
  readonly family: TableFamily;
  readonly name: string;
}

export interface SetRef {
  readonly table: TableRef;
  readonly set: string;
}

export interface Table extends TableRef {
  readonly kind: "table";
  /** Only its owner may change it, and it survives its owner (NFT_TABLE_F_OWNER | NFT_TABLE_F_PERSIST). */
  readonly owned: boolean;
  /** Switched off: its base chains see no packet. */
  readonly dormant: boolean;
  readonly origin: Origin;
  readonly sets: readonly NamedSet[];
  readonly chains: readonly Chain[];
}

export interface TableOptions extends TableRef {
  readonly owned?: boolean;
  readonly dormant?: boolean;
  readonly origin: Origin;
  readonly sets?: Iterable<NamedSet>;
  readonly chains?: Iterable<Chain>;
}

/** Owned unless told otherwise. */
export function table(options: TableOptions): Table {
  return Object.freeze({
    kind: "table",
    family: options.family,
    name: options.name,
    owned: options.owned ?? true,
    dormant: options.dormant ?? false,
    origin: options.origin,
    sets: Object.freeze([...(options.sets ?? [])]),
    chains: Object.freeze([...(options.chains ?? [])]),
  });
}

/** `inet ocicat-guard`: unique, and how nft writes it. */
export function tableKey(ref: TableRef): string {
  return `${ref.family} ${ref.name}`;
}
