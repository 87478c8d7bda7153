import { Attributes, type NetlinkMessage } from "@ocicat/netlink";

/** A transaction that changed nf_tables. */
export interface NftChange {
  /** The tables it touched, as nft names them, each once: `inet ocicat-guard`. */
  readonly tables: readonly string[];
  /** The thread that committed it, in the machine's own numbers, and what its program calls itself: "nft". */
  readonly pid: number;
  readonly process: string;
}

/** Told from the event loop, once a turn. `lost`: there was more than was read; what it changed is not known. */
export type OnNftChanges = (changes: readonly NftChange[], lost: boolean) => void;

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
const NFTA_GEN_PROC_PID = 2;
const NFTA_GEN_PROC_NAME = 3;
/** Of tables, chains, rules, sets, elements and objects alike. */
const NFTA_TABLE = 1;
/** nfgenmsg: family, version, resource id. */
const HEADER = 4;

/** NFPROTO_*, as nft names them. */
const FAMILIES: ReadonlyMap<number | undefined, string> = new Map([
  [1, "inet"],
  [2, "ip"],
  [3, "arp"],
  [5, "netdev"],
  [7, "bridge"],
  [10, "ip6"],
]);

/**
 * Puts transactions together from what the kernel announces of them: what was made, changed and deleted, message by message, and
 * at the end the number of the new generation with the name of who made it.
 */
export class NftChangeReader {
  readonly #tables = new Set<string>();

  /** Undefined until a transaction is whole. */
  read({ type, payload }: Pick<NetlinkMessage, "type" | "payload">): NftChange | undefined {
    if (type >> 8 !== NFNL_SUBSYS_NFTABLES) return undefined;
    const attributes = new Attributes(payload.subarray(HEADER));
    if ((type & 0xff) !== NFT_MSG_NEWGEN) {
      const family = FAMILIES.get(payload[0]);
      const table = attributes.string(NFTA_TABLE);
      if (family !== undefined && table !== undefined) this.#tables.add(`${family} ${table}`);
      return undefined;
    }
    const tables = [...this.#tables];
    this.#tables.clear();
    return {
      tables,
      pid: attributes.u32be(NFTA_GEN_PROC_PID) ?? 0,
      process: attributes.string(NFTA_GEN_PROC_NAME) ?? "",
    };
  }
}
