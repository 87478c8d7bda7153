import {
  type AllocationBlock,
  affinityKey,
  blockKey,
  blockOwner,
  blocksPrefix,
  decodeBlock,
  formatOwner,
  IpamCorruptError,
  isOwnedBy,
  parseIpamKey,
} from "@ocicat/api/ipam";
import type { Datastore, KeyValue } from "@ocicat/datastore";
import type { Random } from "@ocicat/kit";
import { formatAddress, type Prefix } from "@ocicat/net";
import { freeCount, isEmpty, reclaimCooled } from "../../block/index.ts";
import {
  blockCount,
  type IpamPool,
  type IpamSettings,
  reservedOrdinals,
  walkBlocks,
  walkStart,
} from "../../pool/index.ts";
import type { Candidate, Found, Search } from "../plan/job.ts";
import type { Rows } from "../rows.ts";
import { blockLimit } from "./block-limit.ts";
import { describePool } from "./describe-pool.ts";
import { listAll } from "./list.ts";

/**
 * Calico's EmptyBlockMinReclaimAge: a block that was claimed less than this ago is not taken from its owner, who may be
 * about to allocate from it. Otherwise two nodes could pass one block to and fro for ever.
 */
const MIN_STEAL_AGE_MS = 60_000;

/** How many blocks are probed one by one before all are listed: most pools are mostly empty. */
const PROBES = [2, 8];

export interface SearchTools {
  readonly store: Datastore;
  readonly rows: Rows;
  readonly random: Random;
  /** A hint from somebody who watches all blocks: true if one exists. Saves reads, decides nothing. */
  readonly isTaken: ((block: Prefix) => boolean) | undefined;
}

/** Looks for a block that this node can claim, beginning where it found one last. */
export class BlockSearch {
  readonly #tools: SearchTools;
  readonly #positions = new Map<string, bigint>();

  constructor(tools: SearchTools) {
    this.#tools = tools;
  }

  /**
   * `before`: what was found in this round already. Undefined: a block of the node's own turned up, which is to be
   * tried first. Throws DatastoreError.
   */
  async find(
    search: Search,
    settings: IpamSettings,
    before: readonly Found[],
    now: number,
  ): Promise<Found | undefined> {
    const { rows } = this.#tools;
    const { config } = settings;
    const claimed = new Set(before.flatMap((found) => (found.kind === "claim" ? [found.candidate.key] : [])));
    if (search.exact !== undefined) {
      if (!config.autoAllocateBlocks) return { kind: "none", reason: "no-auto-allocate", details: [], lenders: [] };
      return { kind: "claim", candidate: { key: blockKey(search.exact), prefix: search.exact } };
    }
    const owned = this.#owned(search) + claimed.size;
    if (owned >= blockLimit(rows.owner, settings))
      return { kind: "none", reason: "block-limit", details: [], lenders: [] };
    if (config.autoAllocateBlocks) {
      const probed = await this.#probe(search, settings, claimed);
      if (probed !== undefined) return { kind: "claim", candidate: probed };
    }
    const existing = await this.#list(search);
    if (this.#learnOwn(existing)) return undefined;
    if (!config.autoAllocateBlocks) return this.#none("no-auto-allocate", search, settings, existing);
    const free = this.#walk(search, settings, (key) => existing.has(key) || claimed.has(key));
    const candidate = free ?? (await this.#findEmpty(search, settings, existing, claimed, now));
    return candidate === undefined ? this.#none("all-taken", search, settings, existing) : { kind: "claim", candidate };
  }

  /** How many blocks of the pools in question the node has. */
  #owned({ family, pools }: Search): number {
    return this.#tools.rows.ownAffinities(family).filter((key) => {
      const parsed = parseIpamKey(key);
      return parsed?.kind === "affinity" && pools.some((pool) => pool.prefix.covers(parsed.prefix));
    }).length;
  }

  /** Reads a few blocks of the first pool, those this node would come to first. */
  async #probe(search: Search, settings: IpamSettings, claimed: ReadonlySet<string>): Promise<Candidate | undefined> {
    const { store, rows, isTaken } = this.#tools;
    const [pool] = search.pools;
    if (pool === undefined) return undefined;
    const blocks = Iterator.from(walkBlocks(pool, this.#position(pool), settings.reservations)).filter((block) => {
      const key = blockKey(block);
      return !claimed.has(key) && rows.block(key)?.state !== "present" && isTaken?.(block) !== true;
    });
    for (const count of PROBES) {
      const probes = take(blocks, count);
      const found = await Promise.all(probes.map((block) => store.get(blockKey(block))));
      for (const [index, block] of probes.entries()) {
        const key = blockKey(block);
        rows.learn(key, found[index]);
        if (rows.block(key)?.state === "absent") return this.#candidate(pool, block);
      }
    }
    return undefined;
  }

  #walk(search: Search, settings: IpamSettings, isTaken: (key: string) => boolean): Candidate | undefined {
    for (const pool of search.pools) {
      for (const block of walkBlocks(pool, this.#position(pool), settings.reservations)) {
        if (!isTaken(blockKey(block))) return this.#candidate(pool, block);
      }
    }
    return undefined;
  }

  #candidate(pool: IpamPool, prefix: Prefix): Candidate {
    this.#positions.set(pool.name, indexOf(pool, prefix));
    this.#tools.rows.learn(blockKey(prefix), undefined);
    return { key: blockKey(prefix), prefix };
  }

  /** An empty block that another node claimed long enough ago, or that is nobody's. */
  async #findEmpty(
    search: Search,
    settings: IpamSettings,
    existing: ReadonlyMap<string, KeyValue>,
    claimed: ReadonlySet<string>,
    now: number,
  ): Promise<Candidate | undefined> {
    const { store, rows } = this.#tools;
    for (const { key } of this.#inOrder(search, existing)) {
      const row = existing.get(key);
      const stored = row && readable(row);
      if (row === undefined || stored === undefined || claimed.has(key)) continue;
      const block = reclaimCooled(stored, now, settings.config.ipCooldownSeconds);
      const reserved = reservedOrdinals(block.prefix, settings.reservations);
      if (!isEmpty(block) || freeCount(block, reserved) === 0 || isYoung(block, now)) continue;
      const owner = blockOwner(block);
      if (owner === undefined ? block.affinity !== null : isOwnedBy(block, rows.owner)) continue;
      rows.learn(key, row);
      if (owner !== undefined) {
        const affinity = affinityKey(owner, block.prefix);
        rows.learn(affinity, await store.get(affinity));
      }
      return { key, prefix: block.prefix, steal: { owner, sequence: block.sequenceNumber } };
    }
    return undefined;
  }

  #none(
    reason: "all-taken" | "no-auto-allocate",
    search: Search,
    settings: IpamSettings,
    existing: ReadonlyMap<string, KeyValue>,
  ): Found {
    const details = search.pools.map((pool) => describePool(pool, settings, existing, this.#tools.rows.owner));
    const lenders = this.#inOrder(search, existing).filter(({ key }) => {
      const row = existing.get(key);
      if (row === undefined) return false;
      this.#tools.rows.learn(key, row);
      const seen = this.#tools.rows.block(key);
      return seen?.state === "present" && seen.value.affinity !== formatOwner(this.#tools.rows.owner);
    });
    return { kind: "none", reason, details, lenders: lenders.map(({ key }) => key) };
  }

  /** Learns the blocks that are this node's without its knowledge; true if there was one. */
  #learnOwn(existing: ReadonlyMap<string, KeyValue>): boolean {
    const { rows } = this.#tools;
    const mark = JSON.stringify(formatOwner(rows.owner));
    let isNew = false;
    for (const [key, row] of existing) {
      if (!row.value.includes(mark) || rows.block(key)?.state === "present") continue;
      rows.learn(key, row);
      isNew ||= rows.affine(4).includes(key) || rows.affine(6).includes(key);
    }
    return isNew;
  }

  async #list(search: Search): Promise<ReadonlyMap<string, KeyValue>> {
    const lists = await Promise.all(listPrefixes(search).map((prefix) => listAll(this.#tools.store, prefix)));
    return new Map(lists.flat().map((row) => [row.key, row]));
  }

  /** The existing blocks of the pools, in the order in which this node walks them. */
  #inOrder(search: Search, existing: ReadonlyMap<string, KeyValue>): readonly { readonly key: string }[] {
    const blocks = [...existing.keys()].flatMap((key) => {
      const parsed = parseIpamKey(key);
      return parsed?.kind === "block" ? [{ key, prefix: parsed.prefix }] : [];
    });
    return search.pools.flatMap((pool) => {
      const start = this.#position(pool);
      const count = blockCount(pool);
      const inPool = blocks.filter(({ prefix }) => pool.prefix.covers(prefix));
      const distance = ({ prefix }: { readonly prefix: Prefix }) => (indexOf(pool, prefix) - start + count) % count;
      return inPool.sort((a, b) => Number(distance(a) - distance(b)));
    });
  }

  #position(pool: IpamPool): bigint {
    const known = this.#positions.get(pool.name) ?? walkStart(pool, this.#tools.rows.owner.name, this.#tools.random);
    const position = known < blockCount(pool) ? known : 0n;
    this.#positions.set(pool.name, position);
    return position;
  }
}

/**
 * What the keys of the pools' blocks begin with: in IPv4 the octets that a pool fixes, so that a small pool does not cost
 * a list of everything. The text of IPv6 addresses does not follow their bits so well.
 */
function listPrefixes({ family, pools }: Search): readonly string[] {
  const all = blocksPrefix(family);
  if (family === 6) return [all];
  const fixed = pools.map(({ prefix }) => {
    const octets = Math.floor(prefix.length / 8);
    const text = formatAddress(prefix.address).split(".").slice(0, octets).join(".");
    return octets === 0 ? all : `${all}${text}${octets < 4 ? "." : ""}`;
  });
  return fixed.filter(
    (prefix, index) => !fixed.some((other, at) => prefix.startsWith(other) && (other !== prefix || at < index)),
  );
}

function indexOf(pool: IpamPool, block: Prefix): bigint {
  return pool.prefix.ordinalOf(block.address) >> BigInt((block.family === 4 ? 32 : 128) - pool.blockSize);
}

function isYoung(block: AllocationBlock, now: number): boolean {
  const claimed = block.affinityClaimTime === undefined ? Number.NaN : Date.parse(block.affinityClaimTime);
  return now - claimed < MIN_STEAL_AGE_MS;
}

function readable(row: KeyValue): AllocationBlock | undefined {
  try {
    return decodeBlock(row.key, row.value);
  } catch (error) {
    if (error instanceof IpamCorruptError) return undefined;
    throw error;
  }
}

function take<T>(items: Iterator<T>, count: number): T[] {
  const taken: T[] = [];
  while (taken.length < count) {
    const next = items.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}
