import { formatAddress } from "@ocicat/net";
import type { Candidate } from "./collect/index.ts";
import type { Collector } from "./collector.ts";
import type { Election } from "./election/index.ts";

/** What `/backlog` answers. */
export interface BacklogReport {
  /** Who leads; undefined: nobody, as far as this instance knows. */
  readonly leader: string | undefined;
  readonly leading: boolean;
  /** Why this instance collects nothing now; undefined: it does. */
  readonly idle: string | undefined;
  /** How long what seems to be garbage waits; undefined: for ever. */
  readonly graceSeconds: number | undefined;
  readonly candidates: readonly CandidateReport[];
}

export interface CandidateReport {
  readonly subject: string;
  readonly reason: string;
  readonly why: string;
  readonly node: string | undefined;
  readonly addresses: readonly string[];
  /** For how long it has seemed to be garbage. */
  readonly seconds: number;
  /** When it will be collected, in seconds from now: 0 is as soon as its turn comes; undefined: never. */
  readonly dueInSeconds: number | undefined;
  readonly attempts: number;
  /** Why the last attempt came to nothing. */
  readonly problem: string | undefined;
}

/** `now`: milliseconds of the clock that the backlog goes by. */
export function reportBacklog(collector: Collector, election: Election, now: number): BacklogReport {
  const grace = collector.settings.leakGraceMs;
  return {
    leader: election.leader,
    leading: election.term !== undefined,
    idle: collector.idleReason,
    graceSeconds: grace === undefined ? undefined : grace / 1000,
    candidates: [...collector.backlog.all()].map((candidate) => reportCandidate(candidate, now, grace)),
  };
}

function reportCandidate(
  { verdict, since, notBefore, attempts, problem }: Candidate,
  now: number,
  grace: number | undefined,
): CandidateReport {
  const { subject, reason, why, node, action } = verdict;
  return {
    subject,
    reason,
    why,
    node,
    addresses: action.do === "release" ? action.allocations.map(({ address }) => formatAddress(address)) : [],
    seconds: (now - since) / 1000,
    dueInSeconds: grace === undefined ? undefined : Math.max(0, Math.max(since + grace, notBefore) - now) / 1000,
    attempts,
    problem,
  };
}
