import { type AllocationBlock, blockKey, handleKey, isOwnedBy, type Owner } from "@ocicat/api/ipam";
import { type Address, familyOf, formatAddress, Prefix } from "@ocicat/net";
import { assignOrdinal, attributeOf, isAllocated, ordinalOf } from "../../block/index.ts";
import { IpamError } from "../../errors.ts";
import { type IpamPool, type IpamSettings, poolOf } from "../../pool/index.ts";
import type { Draft } from "../draft.ts";
import type { Rows } from "../rows.ts";
import type { AssignedAddress, AssignIpRequest } from "../types.ts";
import type { Acquisitions } from "./acquisitions.ts";
import { rememberExtra } from "./extra.ts";
import { missingBlocks, recount } from "./handle.ts";
import type { Job, Missing, Plan, PlanContext } from "./job.ts";
import { confirmOwn, describe, describeHeld, draftClaim, verifyHeld, warmBlock } from "./take.ts";

/** One address that the caller chose. Its block is claimed if nobody has it. */
export class AssignIpJob implements Job<AssignedAddress> {
  readonly #request: AssignIpRequest;
  readonly #owner: Owner;
  readonly #acquired: Acquisitions;
  readonly #extra: ReturnType<typeof rememberExtra>;

  constructor(request: AssignIpRequest, owner: Owner, acquired: Acquisitions) {
    this.#request = request;
    this.#owner = owner;
    this.#acquired = acquired;
    this.#extra = rememberExtra(request.extra);
  }

  *missing(rows: Rows, settings: IpamSettings): Iterable<Missing> {
    const family = familyOf(this.#request.address);
    if (!rows.isLoaded(family)) yield { kind: "affinities", family };
    const pool = poolOf(settings.pools, this.#request.address);
    if (pool !== undefined) {
      const key = blockKey(blockAround(pool, this.#request.address));
      if (rows.block(key) === undefined) yield { kind: "row", key };
    }
    yield* missingBlocks(rows, this.#owner.handleId);
  }

  plan(draft: Draft, context: PlanContext): Plan<AssignedAddress> {
    const { address } = this.#request;
    const pool = this.#pool(context.settings);
    const prefix = blockAround(pool, address);
    const key = blockKey(prefix);
    draft.reserve(handleKey(this.#owner.handleId));
    if (draft.block(key) === undefined) {
      if (draft.changesBlock(key)) return { kind: "wait" };
      const search = { family: familyOf(address), pools: [pool], exact: prefix };
      const [found] = context.found(search);
      if (found === undefined) return { kind: "short", search };
      if (found.kind === "none") throw noBlock(address, prefix);
      if (!draftClaim(draft, found.candidate, context)) return { kind: "short", search };
    }
    const result = this.#give(draft, key, context);
    const isHeld = !draft.changesBlock(key);
    // Also for an address that is held already, if an endpoint goes with it: see AssignJob.
    const isGiving = !isHeld || this.#request.extra !== undefined;
    recount(draft, this.#owner.handleId, isGiving ? [key] : [], "giving");
    if (isHeld) verifyHeld(draft, this.#owner.handleId, [result]);
    return { kind: "ready", result, extra: this.#extra([result]) };
  }

  #give(draft: Draft, key: string, context: PlanContext): AssignedAddress {
    const { address } = this.#request;
    const block = warmBlock(draft, key, context);
    if (block === undefined) throw new Error(`${key} was claimed and is not there`);
    const ordinal = ordinalOf(block, address);
    const { handleId } = this.#owner;
    if (isAllocated(block, ordinal)) {
      if (attributeOf(block, ordinal)?.handleId !== handleId) throw taken(block, address);
      return describeHeld(draft, block, ordinal, this.#acquired, context);
    }
    if (context.settings.config.strictAffinity && !isOwnedBy(block, draft.owner)) throw foreign(block, address);
    const next = assignOrdinal(block, this.#owner, ordinal);
    if (next === undefined) throw taken(block, address);
    draft.setBlock(key, next);
    if (isOwnedBy(block, draft.owner)) confirmOwn(draft, block, context);
    const given = describe(draft, next, address, context, "asked for by address");
    this.#acquired.note([given]);
    return given;
  }

  #pool(settings: IpamSettings): IpamPool {
    const { address, use } = this.#request;
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
