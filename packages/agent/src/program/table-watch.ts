import type { Logger } from "@ocicat/kit";
import type { Kernel, KernelMonitor, NftChange } from "@ocicat/linux";
import type { NftReconciler } from "@ocicat/nftables";

export interface TableWatchOptions {
  readonly kernel: Pick<Kernel, "nftMonitor">;
  readonly nft: Pick<NftReconciler, "owned" | "has">;
  readonly logger: Logger;
  /** Reads our tables and mends what is not as it should be. */
  readonly restore: () => void;
}

/**
 * Hears when somebody else changes our tables, and has them restored at once. Only where the kernel cannot own tables: where it
 * can, nobody else is let in, and listening would cost each transaction of the node.
 */
export class TableWatch {
  readonly #options: TableWatchOptions;
  #monitor: KernelMonitor | undefined;
  #closed = false;

  constructor(options: TableWatchOptions) {
    this.#options = options;
  }

  /** Once tables have been written: then it is known whether they are owned. Listens once, however often it is called. */
  start(): void {
    const { kernel, nft } = this.#options;
    if (this.#closed || this.#monitor !== undefined || nft.owned !== false) return;
    this.#monitor = kernel.nftMonitor((changes, lost) => this.#hear(changes, lost));
  }

  close(): void {
    this.#closed = true;
    this.#monitor?.close();
  }

  #hear(changes: readonly NftChange[], lost: boolean): void {
    const { nft, logger, restore } = this.#options;
    const ours = changes.filter(({ tables }) => tables.some((table) => nft.has(table)));
    if (ours.length === 0 && !lost) return;
    if (ours.length > 0) {
      logger.warning("somebody changed our nftables, restoring them", {
        by: [...new Set(ours.map(({ process, pid }) => `${process} (${pid})`))].join(", "),
        tables: [...new Set(ours.flatMap(({ tables }) => tables.filter((table) => nft.has(table))))].join(", "),
      });
    }
    restore();
  }
}
