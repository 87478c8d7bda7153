import { IPAM_PREFIX } from "@ocicat/api/ipam";
import type { Datastore } from "@ocicat/datastore";
import { auditRows } from "../audit/audit.ts";
import { type Census, needsAllocation, readCensus } from "../census/index.ts";
import { IPAM_CATALOGUE } from "./catalogue.ts";
import { explainProblem } from "./checks/audit.ts";
import { checkBlock } from "./checks/block.ts";
import { type EvidenceOptions, evidenceOf } from "./checks/evidence.ts";
import { checkHolders } from "./checks/holders.ts";
import { checkUses } from "./checks/uses.ts";
import { type Draft, judged } from "./draft.ts";
import type { IpamFinding } from "./finding.ts";

/** Every contradiction of one moment. Some of them may be only under way: see lookTwice. Pure. */
export function diagnose(census: Census, options: EvidenceOptions): readonly IpamFinding[] {
  const evidence = evidenceOf(census, options);
  const problems = auditRows(census.rows);
  const told = new Set(problems.map(({ key }) => key));
  const unreadable = census.unreadable
    .filter(({ key }) => !told.has(key))
    .map(({ key, reason }) =>
      judged("IPAM_ROW_UNREADABLE", key, reason, "compare it with a backup, and write it again"),
    );
  const drafts = [
    ...problems.flatMap((problem) => explainProblem(evidence, problem) ?? []),
    ...unreadable,
    ...census.blocks.flatMap((block) => [...checkBlock(evidence, block), ...checkHolders(evidence, block)]),
    ...[...census.uses].flatMap(([address, uses]) => [...checkUses(evidence, address, uses.filter(needsAllocation))]),
  ];
  const revisions = new Map(census.rows.map(({ key, modRevision }) => [key, modRevision]));
  const findings = drafts.map((draft) => finished(draft, revisions));
  return [...new Map(findings.map((finding) => [finding.identity, finding])).values()];
}

export interface LookOptions {
  /** See EvidenceOptions. */
  readonly graceMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Between the two looks. */
  readonly pause: () => Promise<void>;
}

/** What is found in two looks: what is only under way in one of them is done, or further, in the other. Throws DatastoreError. */
export async function lookTwice(
  store: Datastore,
  { graceMs, now, pause }: LookOptions,
): Promise<readonly IpamFinding[]> {
  const look = async () => diagnose(await readCensus(store), { now: now(), graceMs });
  const first = await look();
  if (first.length === 0) return [];
  await pause();
  const seen = new Set(first.map(({ identity }) => identity));
  return (await look()).filter(({ identity }) => seen.has(identity));
}

/**
 * The findings that --fix mends, in batches: when one of a batch was mended, what is left has to be looked for anew. An
 * address in use is noted as such before anything around it is tidied up: its handle may still know whose it is.
 */
export function inOrderOfMending(findings: readonly IpamFinding[]): readonly (readonly IpamFinding[])[] {
  const mendable = findings.filter(({ mend }) => mend !== undefined);
  const isFirst = ({ mend }: IpamFinding) => mend?.operation === "allocate";
  return [mendable.filter(isFirst), mendable.filter((finding) => !isFirst(finding))].filter(({ length }) => length > 0);
}

function finished(draft: Draft, revisions: ReadonlyMap<string, bigint>): IpamFinding {
  const { code, where, what } = draft;
  // A busy block is written all the time and broken all the same; a handle or a claim that is written goes on.
  const isBlock = where.startsWith(`${IPAM_PREFIX}assignment/`);
  const identity = [code, where, what, isBlock ? "" : (revisions.get(where) ?? "")].join(" ");
  return { ...draft, cause: IPAM_CATALOGUE[code].cause, identity };
}
