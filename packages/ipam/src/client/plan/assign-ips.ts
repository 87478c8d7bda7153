import { type AllocationBlock, blockKey, handleKey, isOwnedBy, type Owner } from "@ocicat/api/ipam";
import { type Address, familyOf, formatAddress, Prefix } from "@ocicat/net";
import { assignOrdinal, attributeOf, isAllocated, ordinalOf } from "../../block/index.ts";
import { IpamError } from "../../errors.ts";
import { type IpamPool, type IpamSettings, poolOf } from "../../pool/index.ts";
import type { Draft } from "../draft.ts";
import type { Rows } from "../rows.ts";
import type { AssignedAddress, AssignIpsRequest } from "../types.ts";
import type { Acquisitions } from "./acquisitions.ts";
import { rememberExtra } from "./extra.ts";
import { missingBlocks, recount } from "./handle.ts";
import type { Job, Missing, Plan, PlanContext } from "./job.ts";
import { confirmOwn, describe, describeHeld, draftClaim, verifyHeld, warmBlock } from "./take.ts";

/** Addresses that the caller chose, all or none. A block is claimed if nobody has it. */
export class AssignIpsJob implements Job<readonly AssignedAddress[]> {
  readonly #request: AssignIpsRequest;
  readonly #owner: Owner;
  readonly #acquired: Acquisitions;
  readonly #extra: ReturnType<typeof rememberExtra>;

  constructor(request: AssignIpsRequest, owner: Owner, acquired: Acquisitions) {
    this.#request = request;
    this.#owner = owner;
    this.#acquired = acquired;
    this.#extra = rememberExtra(request.extra);
  }

  *missing(rows: Rows, settings: IpamSettings): Iterable<Missing> {
    for (const address of this.#request.addresses) {
      const family = familyOf(address);
      if (!rows.isLoaded(family)) yield { kind: "affinities", family };
      const pool = poolOf(settings.pools, address);
      if (pool === undefined) continue;
      const key = blockKey(blockAround(pool, address));
      if (rows.block(key) === undefined) yield { kind: "row", key };
    }
    yield* missingBlocks(rows, this.#owner.handleId);
  }

  plan(draft: Draft, context: PlanContext): Plan<readonly AssignedAddress[]> {
    const { handleId } = this.#owner;
    draft.reserve(handleKey(handleId));
    const results: AssignedAddress[] = [];
    const held: AssignedAddress[] = [];
    for (const address of this.#request.addresses) {
      const pool = this.#pool(address, context.settings);
      const block = this.#claim(draft, address, pool, context);
      if (typeof block !== "string") return block;
      const { given, isHeld } = this.#give(draft, block, address, context);
      results.push(given);
      if (isHeld) held.push(given);
    }
    // Also for an address that is held already, if an endpoint goes with it: see AssignJob.
    const counted = this.#request.extra === undefined ? results.filter((each) => !held.includes(each)) : results;
    const keys = counted.map(({ block }) => blockKey(block));
    recount(draft, handleId, keys, "giving");
    if (held.length > 0) verifyHeld(draft, handleId, held);
    return { kind: "ready", result: results, extra: this.#extra(results) };
  }

  /** The key of the block that holds the address, drafted as this node's own if there was none; or what has to come first. */
  #claim(draft: Draft, address: Address, pool: IpamPool, context: PlanContext): string | Plan<never> {
    const prefix = blockAround(pool, address);
    const key = blockKey(prefix);
    if (draft.block(key) !== undefined) return key;
    if (draft.changesBlock(key)) return { kind: "wait" };
    const search = { family: familyOf(address), pools: [pool], exact: prefix };
    const [found] = context.found(search);
    if (found === undefined) return { kind: "short", search };
    if (found.kind === "none") throw noBlock(address, prefix);
    return draftClaim(draft, found.candidate, context) ? key : { kind: "short", search };
  }

  #give(draft: Draft, key: string, address: Address, context: PlanContext) {
    const block = warmBlock(draft, key, context);
    if (block === undefined) throw new Error(`${key} was claimed and is not there`);
    const ordinal = ordinalOf(block, address);
    const { handleId } = this.#owner;
    if (isAllocated(block, ordinal)) {
      if (attributeOf(block, ordinal)?.handleId !== handleId) throw taken(block, address);
      return { given: describeHeld(draft, block, ordinal, this.#acquired, context), isHeld: true };
    }
    if (context.settings.config.strictAffinity && !isOwnedBy(block, draft.owner)) throw foreign(block, address);
    const next = assignOrdinal(block, this.#owner, ordinal);
    if (next === undefined) throw taken(block, address);
    draft.setBlock(key, next);
    if (isOwnedBy(block, draft.owner)) confirmOwn(draft, block, context);
    const given = describe(draft, next, address, context, "asked for by address");
    this.#acquired.note([given]);
    return { given, isHeld: false };
  }

  #pool(address: Address, settings: IpamSettings): IpamPool {
    const { use } = this.#request;
    const pool = poolOf(settings.pools, address);
    if (pool === undefined) {
      throw new IpamError({
        code: "IPAM_ADDRESS_OUTSIDE_POOLS",
        what: `${formatAddress(address)} is in no enabled IP pool`,
        fix: `ask for an address of ${settings.pools.map(({ prefix }) => prefix).join(", ") || "a pool, once one exists"}`,
      });
    }
    if (use === undefined || pool.allowedUses.includes(use)) return pool;
    throw new IpamError({
      code: "IPAM_NO_POOL",
      what: `pool ${pool.name} may not give ${formatAddress(address)} to a ${use}`,
      why: `it allows only ${pool.allowedUses.join(", ")}`,
    });
  }
}

function blockAround(pool: IpamPool, address: Address): Prefix {
  return Prefix.of(address, pool.blockSize);
}

function taken(block: AllocationBlock, address: Address): IpamError {
  const holder = attributeOf(block, ordinalOf(block, address));
  const why =
    holder?.releasedAt === undefined
      ? `by ${holder?.handleId ?? "somebody without a handle"} ${JSON.stringify(holder?.secondary ?? {})}`
      : `it was released at ${holder.releasedAt} and cools down`;
  return new IpamError({ code: "IPAM_ADDRESS_TAKEN", what: `${formatAddress(address)} is taken`, why });
}

function foreign(block: AllocationBlock, address: Address): IpamError {
  return new IpamError({
    code: "IPAM_STRICT_AFFINITY",
    what: `${formatAddress(address)} is in ${block.prefix}, which is ${block.affinity ?? "nobody"}'s`,
    why: "strict affinity allows addresses of a node's own blocks only",
  });
}

function noBlock(address: Address, prefix: Prefix): IpamError {
  return new IpamError({
    code: "IPAM_EXHAUSTED",
    what: `the block ${prefix} of ${formatAddress(address)} does not exist and may not be claimed`,
    why: "nodes may not claim blocks by themselves",
  });
}
