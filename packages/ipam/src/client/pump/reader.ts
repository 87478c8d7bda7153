import { blocksPrefix } from "@ocicat/api/ipam";
import type { Datastore } from "@ocicat/datastore";
import type { IpamSettings } from "../../pool/index.ts";
import type { Affinities } from "../affinity/affinities.ts";
import type { Job, Missing } from "../plan/job.ts";
import type { Rows } from "../rows.ts";
import { listAll } from "../search/list.ts";

/** A job asks for rows that the rows it got lead to: handle, blocks, and perhaps the handles of those. */
const MAX_READS = 50;

export class RowReader {
  readonly #store: Datastore;
  readonly #rows: Rows;
  readonly #affinities: Affinities;

  constructor(store: Datastore, rows: Rows, affinities: Affinities) {
    this.#store = store;
    this.#rows = rows;
    this.#affinities = affinities;
  }

  /** Reads rows until nothing is missing for a plan. */
  async read(jobs: Iterable<Pick<Job<unknown>, "missing">>, settings: IpamSettings): Promise<void> {
    for (let count = 0; count < MAX_READS; count++) {
      const missing = new Map<string, Missing>();
      for (const job of jobs) {
        for (const item of job.missing(this.#rows, settings)) missing.set(missingName(item), item);
      }
      if (missing.size === 0) return;
      const reads = await Promise.allSettled([...missing.values()].map((item) => this.#readOne(item)));
      // Only when all have ended: a read that comes in later would bring an old row back.
      for (const read of reads) if (read.status === "rejected") throw read.reason;
    }
    throw new Error("reading rows never ended");
  }

  /** Reads one row again, whatever is remembered of it. */
  async readAgain(key: string): Promise<void> {
    this.#rows.learn(key, await this.#store.get(key));
  }

  async #readOne(missing: Missing): Promise<void> {
    switch (missing.kind) {
      case "row":
        this.#rows.learn(missing.key, await this.#store.get(missing.key));
        break;
      case "affinities":
        await this.#affinities.load(missing.family);
        break;
      case "blocks":
        for (const row of await listAll(this.#store, blocksPrefix(missing.family))) this.#rows.learn(row.key, row);
        this.#rows.markListed(missing.family);
        break;
    }
  }
}

function missingName(missing: Missing): string {
  return missing.kind === "row" ? missing.key : `${missing.kind} ${missing.family}`;
}
