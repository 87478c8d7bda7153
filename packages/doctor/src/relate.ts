import type { Diagnosis } from "./diagnose.ts";
import type { Finding } from "./finding.ts";

/** What several nodes' findings say together: a finding that only sends people to another node gets what was found there. */
export function relate(diagnoses: readonly Diagnosis[]): readonly Diagnosis[] {
  const byNode = new Map(diagnoses.map((diagnosis) => [diagnosis.node, diagnosis.findings]));
  return diagnoses.map((diagnosis) => ({
    ...diagnosis,
    findings: diagnosis.findings.map((finding) => explained(finding, byNode)),
  }));
}

/** A look at the other node, which may have the reason. */
const LOOK = "ocicat doctor";

function explained(finding: Finding, byNode: ReadonlyMap<string, readonly Finding[]>): Finding {
  const { mend, about, node } = finding;
  if (mend.command !== LOOK || mend.node === undefined) return finding;
  const there = byNode.get(mend.node) ?? [];
  const here = byNode.get(node) ?? [];
  const cause =
    there.find((other) => GENERAL.has(other.code)) ?? [...there, ...here].find((other) => isCause(other, about));
  if (cause === undefined) return finding;
  return { ...finding, what: `${finding.what}; ${cause.code} on ${cause.node}: ${cause.where}`, mend: cause.mend };
}

/** What keeps a node from answering whatever is asked. */
const GENERAL: ReadonlySet<string> = new Set(["LINK_DOWN", "ADDRESS_GONE", "AGENT_AWAY"]);

function isCause(other: Finding, about: Finding["about"]): boolean {
  if (other.mend.command === LOOK) return false;
  return about !== undefined && other.about?.traffic === about.traffic;
}
