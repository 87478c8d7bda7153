/** How long what failed waits: longer each time, in milliseconds. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

interface Failure {
  readonly attempts: number;
  readonly dueAt: number;
}

/** What has to be looked at, each once however often it is asked for; what failed waits, and does not hold up the others. */
export class WorkQueue {
  readonly #ready = new Set<string>();
  readonly #failures = new Map<string, Failure>();

  get size(): number {
    return this.#ready.size + this.#failures.size;
  }

  /** Asks for it now. What failed because of what was is tried again because it changed. */
  add(subject: string): void {
    this.#ready.add(subject);
  }

  /** What is to be looked at now, at most `limit`. */
  take(now: number, limit: number): readonly string[] {
    for (const [subject, { dueAt }] of this.#failures) if (dueAt <= now) this.#ready.add(subject);
    const taken: string[] = [];
    for (const subject of this.#ready) {
      if (taken.length === limit) break;
      taken.push(subject);
      this.#ready.delete(subject);
    }
    return taken;
  }

  done(subject: string): void {
    this.#failures.delete(subject);
  }

  fail(subject: string, now: number): void {
    const attempts = (this.#failures.get(subject)?.attempts ?? 0) + 1;
    const wait = Math.min(FIRST_WAIT_MS * 2 ** (attempts - 1), LONGEST_WAIT_MS);
    this.#failures.set(subject, { attempts, dueAt: now + wait });
  }

  /** Milliseconds until something is to be looked at; undefined: nothing waits. */
  untilNext(now: number): number | undefined {
    if (this.#ready.size > 0) return 0;
    let next: number | undefined;
    for (const { dueAt } of this.#failures.values()) next = Math.min(next ?? dueAt, dueAt);
    return next === undefined ? undefined : Math.max(0, next - now);
  }
}
