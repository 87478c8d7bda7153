import type { Datastore, KeyValue, WatchEvent } from "@ocicat/datastore";
import { type Clock, isOcicatError, type Logger, type Scope, toError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import { Alarm } from "./alarm.ts";
import {
  Backlog,
  type Candidate,
  ClusterState,
  judge,
  type PerformOutcome,
  perform,
  type Subject,
  type Verdict,
} from "./collect/index.ts";
import type { Term } from "./election/index.ts";
import type { MirrorSink } from "./mirror.ts";
import { type Overrides, Settings } from "./settings.ts";

export interface CollectorOptions {
  readonly store: Datastore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: Scope;
  /** The time of leading, while there is one. */
  readonly term: () => Term | undefined;
  /** A write was refused by the term's fence. */
  readonly depose: (term: Term) => void;
  /** Why nothing may be judged now: what is known may be old. */
  readonly outOfSync: () => string | undefined;
  /** At most this many subjects a second. */
  readonly perSecond: number;
  /** The datastore is Kubernetes: endpoints follow pods. */
  readonly endpointsFollowPods?: boolean;
  /** What the environment says over the settings. */
  readonly overrides?: Overrides;
  /** Told of what was done. */
  readonly onDone: (verdict: Verdict) => void;
}

/** Subjects in one transaction at most: few enough for its limits, and that a busy block refuses few at a time. */
const BATCH = 32;
/** After what was done, the watch says so; after a refusal, what changed. Only then does it make sense to look again. */
const AFTER_ATTEMPT_MS = 2_000;
const AFTER_FAILURE_MS = 10_000;
/** The least time between full scans. */
const MIN_SCAN_MS = 60_000;
/** Subjects judged in one turn of the event loop. */
const SCAN_SLICE = 2_000;

/**
 * Finds garbage as the datastore changes, lets it wait for the grace period, and takes it away while this instance leads.
 *
 *     mirror ──changes──► state ──subjects touched──► judge ──► backlog ──due, at a bounded rate──► perform
 *
 * Every instance judges; so one that takes over knows what has waited how long. What changes costs what it touches; now and
 * then everything is judged anew, and what that finds beside what the changes had told is a defect, and told.
 */
export class Collector implements MirrorSink {
  readonly backlog = new Backlog();
  readonly #options: CollectorOptions;
  readonly #alarm: Alarm;
  #state: ClusterState;
  #settings: Settings;
  #scanned: number;
  #missed = 0;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#state = this.#empty();
    this.#settings = new Settings(options.overrides);
    this.#alarm = new Alarm(options.clock, "garbage collection");
    this.#scanned = options.clock.monotonic();
  }

  /** Begins; ends with the scope. */
  start(): void {
    this.#alarm.carry(this.#options.scope, () => this.#run());
  }

  get state(): ClusterState {
    return this.#state;
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** Subjects that a full scan judged otherwise than the changes had: always 0, but for a defect. */
  get missed(): number {
    return this.#missed;
  }

  /** Why nothing is collected now; undefined: it is. */
  get idleReason(): string | undefined {
    if (this.#options.term() === undefined) return "another instance leads";
    if (this.settings.leakGraceMs === undefined) return "leakGracePeriod is 0s: garbage collection is off";
    if (this.settings.isLocked) return "the datastore is locked for a migration";
    return this.#options.outOfSync();
  }

  /** To be called when leading begins or ends. */
  wake(): void {
    this.#alarm.ring();
  }

  replace(items: Iterable<KeyValue>): void {
    this.#state = this.#empty();
    this.#settings = new Settings(this.#options.overrides);
    for (const item of items) this.#put(item);
    this.#state.takeDirty();
    const subjects = new Set(this.#state.subjects());
    this.backlog.retain(subjects);
    this.#judge(subjects);
    this.#alarm.ring();
  }

  #empty(): ClusterState {
    return new ClusterState({ endpointsFollowPods: this.#options.endpointsFollowPods ?? false });
  }

  apply(events: readonly WatchEvent[]): void {
    for (const event of events) {
      if (event.type === "put") this.#put(event.item);
      else {
        this.#state.remove(event.key);
        this.#settings.remove(event.key);
      }
    }
    this.#judge(this.#state.takeDirty());
    this.#alarm.ring();
  }

  #put(item: KeyValue): void {
    this.#state.put(item);
    this.#settings.put(item);
  }

  #judge(subjects: Iterable<Subject>): void {
    const now = this.#options.clock.monotonic();
    for (const subject of subjects) {
      const verdict = judge(this.#state, subject);
      const before = this.backlog.get(subject);
      this.backlog.judge(subject, verdict, now);
      if (verdict !== undefined && before === undefined) {
        this.#options.logger.debug("may be garbage", { subject, reason: verdict.reason, why: verdict.why });
      }
    }
  }

  async #run(): Promise<void> {
    const { scope, clock } = this.#options;
    while (!scope.closed) {
      const began = clock.monotonic();
      const count = await this.#round();
      await this.#scanIfDue();
      if (scope.closed) return;
      // The rate: as long as this many may take, less what they took.
      if (count > 0) await this.#rest((count * 1000) / this.#options.perSecond - (clock.monotonic() - began));
      else await this.#alarm.sleep(this.#untilNext());
    }
  }

  async #rest(ms: number): Promise<void> {
    if (ms <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(ms, "garbage collection's rate", () => {
        forget();
        resolve();
      });
      const forget = this.#options.scope.add("garbage collection's rate", () => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Does what is due, as much as fits a transaction. Returns how many subjects were tried. */
  async #round(): Promise<number> {
    const { clock, term: currentTerm } = this.#options;
    const term = currentTerm();
    const grace = this.settings.leakGraceMs;
    if (term === undefined || grace === undefined || this.idleReason !== undefined) return 0;
    const due = this.backlog.due(clock.monotonic(), grace, BATCH);
    if (due.length === 0) return 0;
    try {
      const outcome = await this.#perform(due, term);
      this.#note(outcome, due, term);
    } catch (error) {
      if (due.length > 1) await this.#oneByOne(due, term);
      else this.#fail(due, error);
    }
    return due.length;
  }

  /** One of them cannot be done (a value that cannot be read, too large a transaction): the others can. */
  async #oneByOne(due: readonly Candidate[], term: Term): Promise<void> {
    for (const candidate of due) {
      if (this.#options.term() !== term) return;
      try {
        this.#note(await this.#perform([candidate], term), [candidate], term);
      } catch (error) {
        this.#fail([candidate], error);
        if (isOcicatError(error) && error.retryable) return;
      }
    }
  }

  #perform(candidates: readonly Candidate[], term: Term): Promise<PerformOutcome> {
    const { store, clock } = this.#options;
    return perform(
      store,
      candidates.map(({ verdict }) => verdict),
      term.fence,
      () => ({ now: clock.now(), cooldownSeconds: this.settings.cooldownSeconds }),
    );
  }

  #note(outcome: PerformOutcome, due: readonly Candidate[], term: Term): void {
    const { clock, logger, depose, onDone } = this.#options;
    const later = clock.monotonic() + AFTER_ATTEMPT_MS;
    if (outcome.kind === "fenced") {
      logger.warning("a write was refused: another instance leads, or may");
      depose(term);
      return;
    }
    if (outcome.kind === "contended") {
      for (const { verdict } of due)
        this.backlog.postpone(verdict.subject, later, "others wrote the same rows each time");
      return;
    }
    for (const verdict of outcome.changed) this.backlog.postpone(verdict.subject, later, "it changed meanwhile");
    for (const verdict of outcome.done) {
      this.backlog.postpone(verdict.subject, later, undefined);
      logger.info("collected", describe(verdict));
      onDone(verdict);
    }
  }

  #fail(due: readonly Candidate[], error: unknown): void {
    const { clock, logger } = this.#options;
    const until = clock.monotonic() + AFTER_FAILURE_MS;
    const problem = toError(error).message;
    for (const { verdict } of due) {
      this.backlog.postpone(verdict.subject, until, problem);
      logger.warning("could not be collected, trying again later", { ...describe(verdict), problem });
    }
  }

  /** Milliseconds until something may have to be done without a change. */
  #untilNext(): number {
    const now = this.#options.clock.monotonic();
    const grace = this.settings.leakGraceMs;
    const scan = this.#scanned + this.#scanMs() - now;
    if (grace === undefined || this.idleReason !== undefined) return Math.max(0, scan);
    const next = this.backlog.nextDue(grace);
    return Math.max(0, Math.min(scan, next === undefined ? scan : next - now));
  }

  #scanMs(): number {
    return Math.max(MIN_SCAN_MS, (this.settings.leakGraceMs ?? 0) / 2);
  }

  async #scanIfDue(): Promise<void> {
    if (this.#options.clock.monotonic() < this.#scanned + this.#scanMs()) return;
    this.#scanned = this.#options.clock.monotonic();
    await this.scan();
  }

  /** Judges everything anew, a slice at a time. */
  async scan(): Promise<void> {
    const state = this.#state;
    const subjects = new Set<Subject>([
      ...state.subjects(),
      ...[...this.backlog.all()].map(({ verdict }) => verdict.subject),
    ]);
    let count = 0;
    for (const subject of subjects) {
      // A list has come in between: it has judged everything.
      if (this.#state !== state || this.#options.scope.closed) return;
      const before = this.backlog.get(subject)?.verdict;
      const after = judge(state, subject);
      if (before?.evidence !== after?.evidence || before?.reason !== after?.reason) {
        this.#missed += 1;
        this.#options.logger.error("a change was not followed; found by the full scan", {
          subject,
          before: before?.reason,
          after: after?.reason,
        });
        this.#judge([subject]);
      }
      count += 1;
      if (count % SCAN_SLICE === 0) {
        await new Promise<void>((resolve) => this.#options.clock.after(0, "scan", resolve));
      }
    }
  }
}

function describe({ subject, reason, why, node, action }: Verdict): Readonly<Record<string, unknown>> {
  const addresses =
    action.do === "release" ? { addresses: action.allocations.map((held) => formatAddress(held.address)) } : {};
  const where = node === undefined ? {} : { node };
  return { subject, reason, why, ...where, ...addresses };
}
