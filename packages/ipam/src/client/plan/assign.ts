import { type AllocationBlock, blockOwner, formatOwner, handleKey, type Owner } from "@ocicat/api/ipam";
import type { Family } from "@ocicat/net";
import { ordinalsOf } from "../../block/index.ts";
import { choosePools, type IpamPool, type IpamSettings, type PoolUse, poolOfBlock } from "../../pool/index.ts";
import type { Draft } from "../draft.ts";
import type { Rows } from "../rows.ts";
import type { AssignedAddress, AssignRequest, Want } from "../types.ts";
import type { Acquisitions } from "./acquisitions.ts";
import { rememberExtra } from "./extra.ts";
import { blockKeyOfCidr, blocksOf, missingBlocks, recount } from "./handle.ts";
import type { Candidate, Job, Missing, NoBlock, Plan, PlanContext, Search } from "./job.ts";
import { noAddress, poolNames } from "./shortage.ts";
import { confirmOwn, describeHeld, draftClaim, takeFrom, verifyHeld } from "./take.ts";

type Request = AssignRequest & { readonly use: PoolUse };

/** Any free addresses, of the node's own blocks first. */
export class AssignJob implements Job<readonly AssignedAddress[]> {
  readonly #request: Request;
  readonly #owner: Owner;
  readonly #acquired: Acquisitions;
  readonly #extra: ReturnType<typeof rememberExtra>;

  constructor(request: Request, owner: Owner, acquired: Acquisitions) {
    this.#request = request;
    this.#owner = owner;
    this.#acquired = acquired;
    this.#extra = rememberExtra(request.extra);
  }

  *missing(rows: Rows, _settings: IpamSettings): Iterable<Missing> {
    for (const { family } of this.#request.wants) {
      if (!rows.isLoaded(family)) yield { kind: "affinities", family };
    }
    yield* missingBlocks(rows, this.#owner.handleId);
  }

  plan(draft: Draft, context: PlanContext): Plan<readonly AssignedAddress[]> {
    const { handleId } = this.#owner;
    draft.reserve(handleKey(handleId));
    const held = this.#findHeld(draft, context);
    const addresses: AssignedAddress[] = [];
    for (const want of this.#request.wants) {
      const count = want.count ?? 1;
      const reused = held.filter(({ family }) => family === want.family).slice(0, count);
      addresses.push(...reused);
      const taken = this.#take(draft, want, count - reused.length, context);
      if (!Array.isArray(taken)) return taken;
      this.#acquired.note(taken);
      addresses.push(...taken);
    }
    // With an endpoint beside it the handle is written also for what it holds already: then whoever found no endpoint of a
    // handle knows that there is none as long as the handle is at the same revision. Garbage collection rests on that.
    const given = this.#request.extra === undefined ? addresses.filter((each) => !held.includes(each)) : addresses;
    recount(
      draft,
      handleId,
      given.map(({ block }) => blockKeyOfCidr(block.toString())),
      "giving",
    );
    if (held.length > 0) verifyHeld(draft, handleId, addresses);
    return { kind: "ready", result: addresses, extra: this.#extra(addresses) };
  }

  /** What the handle holds already, in the order of addresses. */
  #findHeld(draft: Draft, context: PlanContext): readonly AssignedAddress[] {
    const { handleId } = this.#owner;
    return blocksOf(draft, handleId).flatMap(({ block }) =>
      ordinalsOf(block, handleId).map((ordinal) => describeHeld(draft, block, ordinal, this.#acquired, context)),
    );
  }

  #take(draft: Draft, want: Want, count: number, context: PlanContext): AssignedAddress[] | ShortPlan {
    if (count <= 0) return [];
    const { family } = want;
    const { use } = this.#request;
    const pools = choosePools(context.settings.pools, { family, use, requested: want.pools, allows: want.allows });
    const search: Search = { family, pools };
    const addresses = this.#takeOwn(draft, pools, family, count, context);
    for (const found of context.found(search)) {
      if (addresses.length === count) break;
      if (found.kind === "none")
        addresses.push(...this.#borrow(draft, pools, found, count - addresses.length, context));
      else if (draftClaim(draft, found.candidate, context)) {
        addresses.push(...this.#takeClaimed(draft, found.candidate, count - addresses.length, context));
      }
      if (found.kind === "none" && addresses.length < count) {
        // Looked at, so that the refusal rests on them: one that was full when last seen may not be by now.
        draft.affine(family);
        throw noAddress({ owner: draft.owner, family, pools, settings: context.settings, found });
      }
    }
    return addresses.length === count ? addresses : { kind: "short", search };
  }

  #takeOwn(draft: Draft, pools: readonly IpamPool[], family: Family, count: number, context: PlanContext) {
    const addresses: AssignedAddress[] = [];
    for (const key of draft.affineWithRoom(family)) {
      if (addresses.length === count) break;
      const block = draft.block(key);
      const pool = block && poolOfBlock(pools, block.prefix);
      if (block === undefined || pool === undefined) continue;
      const why = ({ prefix }: AllocationBlock) =>
        `free longest in ${prefix}, a block of ${draft.owner.name} in pool ${pool.name}`;
      const taken = takeFrom(draft, key, this.#owner, count - addresses.length, context, why);
      if (taken.length > 0) confirmOwn(draft, block, context);
      addresses.push(...taken);
    }
    return addresses;
  }

  #takeClaimed(draft: Draft, candidate: Candidate, count: number, context: PlanContext) {
    const from = candidate.steal === undefined ? "" : `, which ${candidate.steal.owner?.name ?? "nobody"} left empty`;
    const why = ({ prefix }: AllocationBlock) => `first of ${prefix}, claimed for ${draft.owner.name}${from}`;
    return takeFrom(draft, candidate.key, this.#owner, count, context, why);
  }

  #borrow(draft: Draft, pools: readonly IpamPool[], found: NoBlock, count: number, context: PlanContext) {
    if (context.settings.config.strictAffinity || found.reason === "block-limit") return [];
    const addresses: AssignedAddress[] = [];
    for (const key of found.lenders) {
      if (addresses.length === count) break;
      const block = draft.block(key);
      if (block === undefined || poolOfBlock(pools, block.prefix) === undefined) continue;
      const why = (lender: AllocationBlock) =>
        `borrowed from ${lender.prefix} of ${ownerName(lender)}, because ${draft.owner.name} can claim no block in ${poolNames(pools)}`;
      addresses.push(...takeFrom(draft, key, this.#owner, count - addresses.length, context, why));
    }
    return addresses;
  }
}

type ShortPlan = Extract<Plan<never>, { kind: "short" }>;

function ownerName(block: AllocationBlock): string {
  const owner = blockOwner(block);
  if (owner === undefined) return block.affinity ?? "nobody";
  return owner.type === "host" ? owner.name : formatOwner(owner);
}
