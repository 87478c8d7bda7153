import type { Subject } from "./subject.ts";
import type { Verdict } from "./verdict.ts";

/** Garbage that waits for its grace period to end, or for its turn. */
export interface Candidate {
  readonly verdict: Verdict;
  /** Since when it has been garbage for the same evidence; milliseconds of a clock that never goes back. */
  readonly since: number;
  /** Not before this, of the same clock: an attempt was made, or refused. */
  readonly notBefore: number;
  readonly attempts: number;
  /** Why the last attempt came to nothing. */
  readonly problem: string | undefined;
}

/**
 * What is garbage, since when. In the order of `since`, and all wait equally long: so the first are due first, and who
 * asks for what is due looks at no more than that.
 */
export class Backlog {
  readonly #candidates = new Map<Subject, Candidate>();

  get size(): number {
    return this.#candidates.size;
  }

  get(subject: Subject): Candidate | undefined {
    return this.#candidates.get(subject);
  }

  all(): IterableIterator<Candidate> {
    return this.#candidates.values();
  }

  /** Takes a verdict; undefined: the subject is no garbage. New evidence begins the wait anew. */
  judge(subject: Subject, verdict: Verdict | undefined, now: number): void {
    const before = this.#candidates.get(subject);
    if (verdict === undefined) {
      this.#candidates.delete(subject);
    } else if (before?.verdict.evidence === verdict.evidence && before.verdict.reason === verdict.reason) {
      this.#candidates.set(subject, { ...before, verdict });
    } else {
      this.#candidates.delete(subject);
      this.#candidates.set(subject, { verdict, since: now, notBefore: 0, attempts: 0, problem: undefined });
    }
  }

  /** Those that have been garbage for `graceMs`, the oldest first, at most `limit`. */
  due(now: number, graceMs: number, limit: number): readonly Candidate[] {
    const found: Candidate[] = [];
    for (const candidate of this.#candidates.values()) {
      if (candidate.since + graceMs > now || found.length === limit) break;
      if (candidate.notBefore <= now) found.push(candidate);
    }
    return found;
  }

  /** When the next one is due; undefined: there is none. */
  nextDue(graceMs: number): number | undefined {
    let next: number | undefined;
    for (const { since, notBefore } of this.#candidates.values()) {
      const at = Math.max(since + graceMs, notBefore);
      if (next === undefined || at < next) next = at;
      // Those that follow wait at least as long as this one's grace period.
      if (since + graceMs >= next) break;
    }
    return next;
  }

  /** An attempt was made: not again before `until`, unless the evidence changes. `problem`: why it came to nothing. */
  postpone(subject: Subject, until: number, problem: string | undefined): void {
    const before = this.#candidates.get(subject);
    if (before === undefined) return;
    this.#candidates.set(subject, { ...before, notBefore: until, attempts: before.attempts + 1, problem });
  }

  /** Forgets what is not among these any more: after everything was judged anew. */
  retain(subjects: ReadonlySet<Subject>): void {
    for (const subject of this.#candidates.keys()) if (!subjects.has(subject)) this.#candidates.delete(subject);
  }
}
