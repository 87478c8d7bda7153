import { blockKey, isOwnedBy } from "@ocicat/api/ipam";
import type { Prefix } from "@ocicat/net";
import { freeCount } from "../../block/index.ts";
import { IpamError } from "../../errors.ts";
import {
  choosePools,
  type IpamSettings,
  type PoolChoice,
  poolOf,
  poolOfBlock,
  reservedOrdinals,
} from "../../pool/index.ts";
import type { Draft } from "../draft.ts";
import type { Rows } from "../rows.ts";
import type { Job, Missing, Plan, PlanContext } from "./job.ts";
import { noBlock } from "./shortage.ts";
import { draftClaim, warmBlock } from "./take.ts";

/** A block of the node's own with a free address, claimed if there is none: so that the first pod need not wait for it. */
export class EnsureBlockJob implements Job<Prefix> {
  readonly #choice: PoolChoice;

  constructor(choice: PoolChoice) {
    this.#choice = choice;
  }

  *missing(rows: Rows): Iterable<Missing> {
    const { family } = this.#choice;
    if (!rows.isLoaded(family)) yield { kind: "affinities", family };
  }

  plan(draft: Draft, context: PlanContext): Plan<Prefix> {
    const { family } = this.#choice;
    const { settings } = context;
    const pools = choosePools(settings.pools, this.#choice);
    for (const key of draft.affine(family)) {
      const block = warmBlock(draft, key, context);
      if (block === undefined || poolOfBlock(pools, block.prefix) === undefined) continue;
      if (freeCount(block, reservedOrdinals(block.prefix, settings.reservations)) === 0) continue;
      draft.verify(key);
      return { kind: "ready", result: block.prefix, extra: undefined };
    }
    const search = { family, pools };
    const found = context.found(search).at(-1);
    if (found === undefined) return { kind: "short", search };
    if (found.kind === "none") throw noBlock({ owner: draft.owner, family, pools, settings, found });
    if (!draftClaim(draft, found.candidate, context)) return { kind: "short", search };
    return { kind: "ready", result: found.candidate.prefix, extra: undefined };
  }
}

/** One certain block. */
export class ClaimBlockJob implements Job<Prefix> {
  readonly #prefix: Prefix;

  constructor(prefix: Prefix) {
    this.#prefix = prefix;
  }

  *missing(rows: Rows): Iterable<Missing> {
    if (!rows.isLoaded(this.#prefix.family)) yield { kind: "affinities", family: this.#prefix.family };
    const key = blockKey(this.#prefix);
    if (rows.block(key) === undefined) yield { kind: "row", key };
  }

  plan(draft: Draft, context: PlanContext): Plan<Prefix> {
    const key = blockKey(this.#prefix);
    const block = draft.block(key);
    if (block !== undefined) {
      if (!isOwnedBy(block, draft.owner)) throw taken(this.#prefix, block.affinity);
      draft.verify(key);
      return { kind: "ready", result: this.#prefix, extra: undefined };
    }
    if (draft.changesBlock(key)) return { kind: "wait" };
    const pool = this.#pool(context.settings);
    const search = { family: this.#prefix.family, pools: [pool], exact: this.#prefix };
    const [found] = context.found(search);
    if (found === undefined) return { kind: "short", search };
    if (found.kind === "none") {
      const { family } = this.#prefix;
      throw noBlock({ owner: draft.owner, family, pools: [pool], settings: context.settings, found });
    }
    if (!draftClaim(draft, found.candidate, context)) return { kind: "short", search };
    return { kind: "ready", result: this.#prefix, extra: undefined };
  }

  #pool(settings: IpamSettings) {
    const pool = poolOf(settings.pools, this.#prefix.address);
    if (pool?.blockSize === this.#prefix.length) return pool;
    throw new IpamError({
      code: "IPAM_NO_POOL",
      what: `${this.#prefix} is not a block of an enabled IP pool`,
      why: pool === undefined ? "no pool holds it" : `the blocks of ${pool.name} are /${pool.blockSize}`,
    });
  }
}

function taken(prefix: Prefix, affinity: string | null): IpamError {
  return new IpamError({
    code: "IPAM_BLOCK_TAKEN",
    what: `${prefix} is ${affinity ?? "nobody"}'s`,
    fix: "release that affinity first",
  });
}
