import {
  type AffinityOwner,
  type AffinityState,
  type AllocationBlock,
  affinitiesPrefix,
  affinityKey,
  type BlockAffinity,
  blockKey,
  encodeAffinity,
  encodeBlock,
  isOwnedBy,
  newAffinity,
  parseIpamKey,
} from "@ocicat/api/ipam";
import type { Datastore } from "@ocicat/datastore";
import type { Logger } from "@ocicat/kit";
import type { Family, Prefix } from "@ocicat/net";
import { clearAffinity, createBlock, isEmpty, nextVersion, reclaimCooled } from "../../block/index.ts";
import { IpamError } from "../../errors.ts";
import { type IpamSettings, poolOfBlock } from "../../pool/index.ts";
import type { Committer } from "../commit/committer.ts";
import type { SureWriter } from "../commit/sure.ts";
import { Draft, type RowWrite } from "../draft.ts";
import type { Candidate } from "../plan/job.ts";
import type { Rows } from "../rows.ts";

export interface AffinityTools {
  readonly store: Datastore;
  readonly rows: Rows;
  readonly writer: SureWriter;
  readonly committer: Committer;
  readonly logger: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly firstSequence: () => bigint;
}

export interface ReleaseAffinityOptions {
  /** Only if nobody uses an address of the block. */
  readonly requireEmpty?: boolean;
  /** Only if the block has not been written since. */
  readonly sequence?: bigint;
}

export type AffinityRelease =
  /** Given up: the block is gone, or left to those who hold addresses of it. */
  | "released"
  /** There was nothing to give up. */
  | "not-owner"
  | "not-empty"
  /** The block was written since. */
  | "changed";

const ATTEMPTS = 20;

/**
 * Affinities, which take two rows to say one thing: the block names its owner, and the owner's row names the block.
 *
 *     claim      affinity pending ─► block created ─► affinity confirmed
 *     release    affinity pendingDeletion ─► block deleted, or without owner ─► affinity deleted
 *
 * With transactions each is one step. Without, a crash may leave any beginning of it; whoever loads the affinities of
 * the node next brings it to an end: the block is the truth.
 */
export class Affinities {
  readonly #tools: AffinityTools;

  constructor(tools: AffinityTools) {
    this.#tools = tools;
  }

  /** Learns the node's own affinities of a family and their blocks, and mends those that are half done. */
  async load(family: Family): Promise<void> {
    const { store, rows } = this.#tools;
    const prefix = affinitiesPrefix(rows.owner, family);
    const { items } = await store.list(prefix);
    const listed = new Set(items.map(({ key }) => key));
    for (const key of rows.ownAffinities(family)) if (!listed.has(key)) rows.learn(key, undefined);
    for (const item of items) rows.learn(item.key, item);
    const blocks = items.flatMap(({ key }) => blockKeyOf(key) ?? []);
    await Promise.all(
      blocks.filter((key) => rows.block(key) === undefined).map(async (key) => rows.learn(key, await store.get(key))),
    );
    for (const key of listed) if (this.#halfDone(key) !== undefined) await this.mend(key);
    rows.markLoaded(family);
    await this.nameOwn(family);
  }

  /** Makes sure that the known blocks which say they are this node's have their affinities. Needs those loaded. */
  async nameOwn(family: Family): Promise<void> {
    const { rows, committer, logger } = this.#tools;
    for (const target of rows.affine(family)) {
      let key = this.#missingName(target);
      for (let attempt = 0; key !== undefined && attempt < ATTEMPTS; attempt++) {
        const draft = new Draft(rows);
        draft.setAffinity(key, newAffinity("confirmed"));
        draft.verify(target);
        const { kind } = await committer.commit(draft, []);
        if (kind === "committed") logger.info("named a block's owner again", { key });
        key = this.#missingName(target);
      }
    }
  }

  /** The affinity that is missing of a block which says that it is this node's. */
  #missingName(target: string): string | undefined {
    const { rows } = this.#tools;
    const block = rows.block(target);
    if (block?.state !== "present" || !isOwnedBy(block.value, rows.owner)) return undefined;
    const key = affinityKey(rows.owner, block.value.prefix);
    return rows.affinity(key)?.state === "absent" ? key : undefined;
  }

  /** Brings one affinity of this node into line with its block. Needs both rows read. */
  async mend(key: string): Promise<void> {
    const { rows, committer, logger } = this.#tools;
    let half = this.#halfDone(key);
    for (let attempt = 0; half !== undefined && attempt < ATTEMPTS; attempt++) {
      const { target, affinity, isOwn } = half;
      const draft = new Draft(rows);
      draft.setAffinity(key, isOwn ? { ...affinity, state: "confirmed" } : undefined);
      draft.verify(target);
      const { kind } = await committer.commit(draft, []);
      if (kind === "committed") {
        logger.info("mended a half-done block claim", { key, was: affinity.state, owned: isOwn });
        return;
      }
      half = this.#halfDone(key);
    }
  }

  /** What an affinity's claim or release left undone, as far as both rows are known. */
  #halfDone(key: string) {
    const { rows } = this.#tools;
    const target = blockKeyOf(key);
    const affinity = rows.affinity(key);
    const block = target === undefined ? undefined : rows.block(target);
    if (target === undefined || affinity?.state !== "present" || block === undefined || block.state === "corrupt")
      return undefined;
    const isOwn = block.state === "present" && isOwnedBy(block.value, rows.owner);
    return isOwn && affinity.value.state === "confirmed" ? undefined : { target, affinity: affinity.value, isOwn };
  }

  /** Claims a block step by step. False: it is another's by now, and the rows as they are have been learnt. */
  async claim(candidate: Candidate, settings: IpamSettings): Promise<boolean> {
    const { rows } = this.#tools;
    const { prefix, steal } = candidate;
    if (steal !== undefined && !(await this.#steal(candidate, settings))) return false;
    const key = affinityKey(rows.owner, prefix);
    if (!(await this.#setState(key, "pending"))) return false;
    if (!(await this.#createBlock(prefix))) {
      await this.#delete(key);
      return false;
    }
    return this.#setState(key, "confirmed");
  }

  /** Gives up an owner's affinity to a block. What has rested long enough by `settings` does not count as in use. */
  async release(
    owner: AffinityOwner,
    prefix: Prefix,
    settings: IpamSettings,
    options: ReleaseAffinityOptions = {},
  ): Promise<AffinityRelease> {
    const { store, rows, writer } = this.#tools;
    const key = affinityKey(owner, prefix);
    const target = blockKey(prefix);
    let isMarked = false;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      await writer.giveWay(attempt);
      const [affinity, block] = await Promise.all([store.get(key), store.get(target)]);
      rows.learn(key, affinity);
      rows.learn(target, block);
      const refusal = this.#refusal(owner, target, settings, options);
      if (refusal !== undefined) {
        // It was right to give the block up when this began, and now it is not: the owner keeps it.
        if (isMarked && refusal !== "not-owner") await this.#setState(key, "confirmed");
        if (refusal !== "not-owner" || (await this.#forget(key, target))) return refusal;
        continue;
      }
      const step = await this.#giveUp(key, target, settings);
      if (step === "released") return step;
      isMarked = step === "marked";
    }
    throw new IpamError({
      code: "IPAM_CONTENTION",
      what: `the affinity of ${owner.name} to ${prefix} could not be released`,
      why: `the block changed ${ATTEMPTS} times meanwhile`,
    });
  }

  /**
   * Gives up the node's blocks that are known, empty, and in pools that do not select it any more; returns them. Costs
   * nothing where there is none.
   */
  async releaseUnselected(settings: IpamSettings): Promise<readonly Prefix[]> {
    const { rows } = this.#tools;
    if (settings.pools.every((pool) => pool.selectsNode)) return [];
    const released: Prefix[] = [];
    for (const key of [...rows.affine(4), ...rows.affine(6)]) {
      const seen = rows.block(key);
      if (seen?.state !== "present" || !isEmpty(this.#warm(seen.value, settings))) continue;
      const { prefix } = seen.value;
      if (poolOfBlock(settings.pools, prefix)?.selectsNode !== false) continue;
      if ((await this.release(rows.owner, prefix, settings, { requireEmpty: true })) === "released")
        released.push(prefix);
    }
    return released;
  }

  #warm(block: AllocationBlock, { config }: IpamSettings): AllocationBlock {
    return reclaimCooled(block, this.#tools.now(), config.ipCooldownSeconds);
  }

  #refusal(
    owner: AffinityOwner,
    target: string,
    settings: IpamSettings,
    options: ReleaseAffinityOptions,
  ): AffinityRelease | undefined {
    const seen = this.#tools.rows.block(target);
    if (seen?.state === "corrupt") throw seen.error;
    if (seen?.state !== "present" || !isOwnedBy(seen.value, owner)) return "not-owner";
    if (options.sequence !== undefined && seen.value.sequenceNumber !== options.sequence) return "changed";
    return options.requireEmpty === true && !isEmpty(this.#warm(seen.value, settings)) ? "not-empty" : undefined;
  }

  /** Deletes an affinity to what is another's block, or none, if it still is. */
  async #forget(key: string, target: string): Promise<boolean> {
    const { rows, committer } = this.#tools;
    if (rows.affinity(key)?.state === "absent") return true;
    const draft = new Draft(rows);
    draft.setAffinity(key, undefined);
    draft.verify(target);
    return (await committer.commit(draft, [])).kind === "committed";
  }

  /** "marked": the affinity says pendingDeletion by now, and the block could not be given up. */
  async #giveUp(key: string, target: string, settings: IpamSettings): Promise<"released" | "marked" | "again"> {
    const { rows, committer } = this.#tools;
    const seen = rows.block(target);
    if (seen?.state !== "present") return "again";
    const block = this.#warm(seen.value, settings);
    const left = isEmpty(block) ? undefined : clearAffinity(block);
    if (!committer.leavesParts) {
      const draft = new Draft(rows);
      draft.setBlock(target, left);
      draft.setAffinity(key, undefined);
      return (await committer.commit(draft, [])).kind === "committed" ? "released" : "again";
    }
    const isNamed = rows.affinity(key)?.state === "present";
    if (isNamed && !(await this.#setState(key, "pendingDeletion"))) return "again";
    const value = left && nextVersion(left);
    const text = value && encodeBlock(value);
    const isGiven = await this.#write({ kind: "block", key: target, value, base: seen.revision, text });
    if (!isGiven) return isNamed ? "marked" : "again";
    return !isNamed || (await this.#delete(key)) ? "released" : "again";
  }

  async #steal({ prefix, steal }: Candidate, settings: IpamSettings): Promise<boolean> {
    if (steal?.owner === undefined) {
      // Nobody's: the empty block is all there is.
      return this.#deleteBlock(blockKey(prefix));
    }
    const only = { requireEmpty: true, sequence: steal.sequence };
    return (await this.release(steal.owner, prefix, settings, only)) === "released";
  }

  async #createBlock(prefix: Prefix): Promise<boolean> {
    const { rows, now, firstSequence } = this.#tools;
    const key = blockKey(prefix);
    const block = createBlock({ prefix, owner: rows.owner, now: now(), sequenceNumber: firstSequence() });
    if (await this.#write({ kind: "block", key, value: block, base: undefined, text: encodeBlock(block) })) return true;
    const current = rows.block(key);
    return current?.state === "present" && isOwnedBy(current.value, rows.owner);
  }

  async #deleteBlock(key: string): Promise<boolean> {
    const seen = this.#tools.rows.block(key);
    if (seen === undefined || seen.state === "absent") return true;
    return this.#write({ kind: "block", key, value: undefined, base: seen.revision, text: undefined });
  }

  async #setState(key: string, state: AffinityState): Promise<boolean> {
    const seen = this.#tools.rows.affinity(key);
    if (seen?.state === "corrupt") throw seen.error;
    const current = seen?.state === "present" ? seen : undefined;
    // A confirmed claim stays so while its block is made again.
    if (current?.value.state === state || (current?.value.state === "confirmed" && state === "pending")) return true;
    const value: BlockAffinity = { ...(current?.value ?? newAffinity(state)), state };
    return this.#write({ kind: "affinity", key, value, base: current?.revision, text: encodeAffinity(value) });
  }

  async #delete(key: string): Promise<boolean> {
    const seen = this.#tools.rows.affinity(key);
    if (seen === undefined || seen.state === "absent") return true;
    return this.#write({ kind: "affinity", key, value: undefined, base: seen.revision, text: undefined });
  }

  async #write(write: RowWrite): Promise<boolean> {
    const { rows, writer } = this.#tools;
    const result = await writer.write(write);
    if (result.ok) rows.wrote(write, result.row?.modRevision ?? 0n);
    else rows.learn(write.key, result.current);
    return result.ok;
  }
}

/** The key of the block that an affinity is to. */
export function blockKeyOf(affinity: string): string | undefined {
  const parsed = parseIpamKey(affinity);
  return parsed?.kind === "affinity" ? blockKey(parsed.prefix) : undefined;
}
