import { type AllocationBlock, affinityKey, blockKey, handleKey, parseIpamKey, parseOwner } from "@ocicat/api/ipam";
import { parsePrefix } from "@ocicat/net";
import type { IpamProblem } from "../../audit/audit.ts";
import { isEmpty } from "../../block/index.ts";
import type { FindingCode } from "../catalogue.ts";
import { type Draft, judged, mendable } from "../draft.ts";
import type { Mend } from "../mends/mend.ts";
import type { Evidence } from "./evidence.ts";

/** What the audit finds, with what mends it. */
export function explainProblem(evidence: Evidence, problem: IpamProblem): Draft | undefined {
  return RULES[problem.rule](evidence, problem);
}

type Rule = (evidence: Evidence, problem: IpamProblem) => Draft | undefined;

const repaired =
  (code: FindingCode): Rule =>
  (_evidence, { key, what }) =>
    mendable(code, key, what, { operation: "repair-block", block: key });

const settled =
  (code: FindingCode): Rule =>
  ({ unreadableBlocks }, { key, what }) => {
    const parsed = parseIpamKey(key);
    if (parsed?.kind !== "affinity") return undefined;
    if (unreadableBlocks.get(parsed.prefix) !== undefined) return judged(code, key, what, BLOCK_FIRST);
    const owner = `${parsed.owner.type}:${parsed.owner.name}`;
    return mendable(code, key, what, {
      operation: "settle-affinity",
      affinity: key,
      block: blockKey(parsed.prefix),
      owner,
    });
  };

/** While a block cannot be read, nothing is concluded from what it does not say. */
const BLOCK_FIRST = "first mend the block, which cannot be read";

const recounted =
  (code: FindingCode): Rule =>
  ({ blocksOf, census, unreadableBlocks }, { key, what }) => {
    const parsed = parseIpamKey(key);
    // A handle that is missing is told at the block that names it.
    const handle = parsed?.kind === "handle" ? parsed.id : what;
    const where = parsed?.kind === "handle" ? key : handleKey(handle);
    const named = census.handles.get(handle)?.value.blocks.keys() ?? [];
    if ([...named].some((cidr) => unreadableBlocks.get(parsePrefix(cidr)) !== undefined))
      return judged(code, where, what, BLOCK_FIRST);
    return mendable(code, where, code === "IPAM_HANDLE_MISSING" ? `${key} gives it addresses` : what, {
      operation: "recount-handle",
      handle,
      blocks: blocksOf.get(handle) ?? [],
    });
  };

const RULES: Readonly<Record<IpamProblem["rule"], Rule>> = {
  unreadable: (_evidence, { key, what }) =>
    judged("IPAM_ROW_UNREADABLE", key, what, "compare it with a backup, and write it again or delete it"),
  "block-shape": (_evidence, { key, what }) =>
    judged("IPAM_BLOCK_SHAPE", key, what, "compare it with a backup; if nobody uses its addresses, delete it"),
  "address-lost": repaired("IPAM_ADDRESS_LOST"),
  "address-free-twice": repaired("IPAM_ADDRESS_FREE_TWICE"),
  "address-free-and-held": repaired("IPAM_ADDRESS_FREE_AND_HELD"),
  "attribute-unused": repaired("IPAM_OWNER_UNUSED"),
  "sequence-ahead": repaired("IPAM_SEQUENCE_AHEAD"),
  "attribute-missing": ownerMissing,
  "blocks-overlap": overlapping,
  "block-orphaned": orphaned,
  "block-unnamed": unnamed,
  "affinity-half-done": settled("IPAM_AFFINITY_HALF_DONE"),
  "affinity-stale": settled("IPAM_AFFINITY_STALE"),
  "handle-missing": recounted("IPAM_HANDLE_MISSING"),
  "handle-count": recounted("IPAM_HANDLE_MISCOUNTS"),
  "handle-orphaned": recounted("IPAM_HANDLE_ORPHANED"),
};

function ownerMissing({ census: { uses }, isBlind }: Evidence, { key, what: address }: IpamProblem): Draft {
  const users = (uses.get(address) ?? []).map(({ by }) => by).join(", ");
  const code = "IPAM_OWNER_MISSING";
  if (users === "" && !isBlind) {
    return mendable(code, key, `${address} is held by nobody known, and nobody uses it`, {
      operation: "free-unowned",
      block: key,
      address,
    });
  }
  const user = users || "somebody who cannot be read perhaps";
  const advice = `end ${user} and start it again, so that its address is released; then look again`;
  return judged(code, key, `${address} is held by nobody known, and ${user} uses it`, advice);
}

function orphaned({ usedUnheld, isBlind }: Evidence, { key, what }: IpamProblem): Draft {
  const code = "IPAM_BLOCK_ORPHANED";
  if (!isBlind && !usedUnheld.has(key))
    return mendable(code, key, what, { operation: "delete-empty-block", block: key });
  return judged(code, key, `${what}, and somebody may use addresses of it`, "first mend what else is found about it");
}

function overlapping({ blocks, usedUnheld, isBlind }: Evidence, { key, what }: IpamProblem): Draft {
  const other = blockKey(parsePrefix(what.replace(/^with /, "")));
  const empty = [key, other].find((one) => {
    const block = blockAt(blocks, one);
    return block !== undefined && isEmpty(block) && !isBlind && !usedUnheld.has(one);
  });
  const code = "IPAM_BLOCKS_OVERLAP";
  if (empty !== undefined) return mendable(code, key, what, { operation: "delete-empty-block", block: empty });
  return judged(code, key, what, "move the pods of one of them to other addresses, then look again");
}

/** A block of a node that is gone is told as that. */
function unnamed({ blocks, nodes }: Evidence, { key, what }: IpamProblem): Draft | undefined {
  const block = blockAt(blocks, key);
  const owner = block?.affinity == null ? undefined : parseOwner(block.affinity);
  if (block === undefined || owner === undefined) {
    return judged("IPAM_AFFINITY_MISSING", key, what, "compare the block's affinity with a backup");
  }
  const isGone = owner.type === "host" && !nodes.has(owner.name);
  if (isGone) return undefined;
  const mend: Mend = {
    operation: "settle-affinity",
    affinity: affinityKey(owner, block.prefix),
    block: key,
    owner: `${owner.type}:${owner.name}`,
  };
  return mendable("IPAM_AFFINITY_MISSING", key, what, mend);
}

function blockAt(blocks: Evidence["blocks"], key: string): AllocationBlock | undefined {
  const parsed = parseIpamKey(key);
  return parsed?.kind === "block" ? blocks.get(parsed.prefix)?.value : undefined;
}
