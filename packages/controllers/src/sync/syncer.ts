import {
  type AnyResource,
  asCreated,
  asUpdated,
  decodeStored,
  encodeStored,
  type KubeControllersConfigurationSpec,
  knownKind,
  randomUid,
} from "@ocicat/api";
import type { Datastore, KeyValue, Transaction, WatchEvent } from "@ocicat/datastore";
import { type Clock, type Logger, type Random, type Scope, toError } from "@ocicat/kit";
import { Alarm } from "../alarm.ts";
import { commitUnder } from "../collect/index.ts";
import type { Term } from "../election/index.ts";
import type { MirrorSink } from "../mirror.ts";
import type { Controller, Side, Want, World } from "./controller.ts";
import { Rows } from "./rows.ts";
import { WorkQueue } from "./work-queue.ts";

export interface SyncerOptions {
  readonly store: Datastore;
  readonly controllers: readonly Controller[];
  readonly settings: () => KubeControllersConfigurationSpec | undefined;
  /** How often all is asked again, in milliseconds. */
  readonly periodMs: () => number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly scope: Scope;
  /** The time of leading, while there is one. */
  readonly term: () => Term | undefined;
  /** A write was refused by the term's fence. */
  readonly depose: (term: Term) => void;
  /** Why nothing may be written now: what is known may be old, or the datastore is locked. */
  readonly idleReason: () => string | undefined;
  /** Told of each write: by which controller. */
  readonly onWrite: (controller: string) => void;
}

/** Subjects that are looked at side by side. */
const AT_ONCE = 16;

/**
 * Keeps rows of the datastore as controllers say they should be.
 *
 *     mirrors ──changes──► rows of both sides ──subjects──► queue ──while leading──► plan ──differs──► one write, compared
 *
 * A write that finds the row changed is not repeated: the watch tells of the change, and that asks again.
 */
export class Syncer {
  readonly #options: SyncerOptions;
  readonly #alarm: Alarm;
  readonly #queue = new WorkQueue();
  readonly #rows: Readonly<Record<Side, Rows>> = { kubernetes: new Rows(), store: new Rows() };
  readonly #problems = new Map<string, string>();
  #askedAll: number;

  constructor(options: SyncerOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock, "controllers");
    this.#askedAll = options.clock.monotonic();
  }

  /** Begins; ends with the scope. */
  start(): void {
    this.#alarm.carry(this.#options.scope, () => this.#run());
  }

  /** What could not be done, by controller and subject, with the reason. */
  get problems(): ReadonlyMap<string, string> {
    return this.#problems;
  }

  /** How many subjects wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Prefixes of the rows that are looked at. */
  reads(side: Side): readonly string[] {
    return this.#options.controllers.flatMap(({ reads }) => reads[side]);
  }

  /** Where a mirror of a side puts what it sees. */
  sink(side: Side): MirrorSink {
    return {
      replace: (items: Iterable<KeyValue>) =>
        this.#touch(side, this.#rows[side].replace(this.#ofInterest(side, items))),
      apply: (events: readonly WatchEvent[]) => this.#touch(side, this.#rows[side].apply(this.#seen(side, events))),
    };
  }

  /** To be called when leading begins or ends, and when it may go on. */
  wake(): void {
    this.#alarm.ring();
  }

  /** Asks everything again: the settings have changed. */
  askAll(): void {
    this.#askedAll = this.#options.clock.monotonic();
    for (const side of SIDES) this.#touch(side, this.#rows[side].keys());
  }

  get #world(): World {
    return { ...this.#rows, settings: this.#options.settings() };
  }

  #isRead(side: Side, key: string): boolean {
    return this.#options.controllers.some(({ reads }) => reads[side].some((prefix) => key.startsWith(prefix)));
  }

  *#ofInterest(side: Side, items: Iterable<KeyValue>): Iterable<KeyValue> {
    for (const item of items) if (this.#isRead(side, item.key)) yield item;
  }

  #seen(side: Side, events: readonly WatchEvent[]): readonly WatchEvent[] {
    return events.filter((event) => this.#isRead(side, event.type === "put" ? event.item.key : event.key));
  }

  #touch(side: Side, keys: Iterable<string>): void {
    const world = this.#world;
    for (const key of keys) {
      for (const controller of this.#options.controllers) {
        for (const subject of controller.subjects(side, key, world)) this.#queue.add(`${controller.name} ${subject}`);
      }
    }
    this.#alarm.ring();
  }

  async #run(): Promise<void> {
    const { scope, clock, term, idleReason, periodMs } = this.#options;
    while (!scope.closed) {
      const now = clock.monotonic();
      if (now >= this.#askedAll + periodMs()) this.askAll();
      const current = term();
      const subjects = current === undefined || idleReason() !== undefined ? [] : this.#queue.take(now, AT_ONCE);
      if (current === undefined || subjects.length === 0) {
        await this.#alarm.sleep(this.#untilNext(current !== undefined && idleReason() === undefined));
        continue;
      }
      await Promise.all(subjects.map((subject) => this.#look(subject, current)));
    }
  }

  #untilNext(mayWork: boolean): number {
    const now = this.#options.clock.monotonic();
    const all = Math.max(0, this.#askedAll + this.#options.periodMs() - now);
    const next = mayWork ? this.#queue.untilNext(now) : undefined;
    return Math.min(all, next ?? all);
  }

  async #look(queued: string, term: Term): Promise<void> {
    const { controllers, clock, logger } = this.#options;
    const space = queued.indexOf(" ");
    const controller = controllers.find(({ name }) => name === queued.slice(0, space));
    try {
      for (const want of controller?.plan(queued.slice(space + 1), this.#world) ?? []) {
        await this.#bring(want, controller?.name ?? "", term);
      }
      this.#queue.done(queued);
      this.#problems.delete(queued);
    } catch (error) {
      const problem = toError(error).message;
      // Told once; what waits is told by the metrics.
      if (this.#problems.get(queued) !== problem) logger.warning("cannot be kept in step", { what: queued, problem });
      this.#problems.set(queued, problem);
      this.#queue.fail(queued, clock.monotonic());
    }
  }

  async #bring({ key, resource, why }: Want, controller: string, term: Term): Promise<void> {
    const { store, logger, depose, onWrite } = this.#options;
    const present = this.#rows.store.get(key);
    const value = resource && this.#encode(resource, present);
    if (value === present?.value) return;
    const outcome = await commitUnder(store, term.fence, transactionOf(key, value, present));
    if (outcome.kind === "fenced") {
      logger.warning("a write was refused: another instance leads, or may");
      depose(term);
    } else if (outcome.kind === "done") {
      const did = present === undefined ? "created" : value === undefined ? "deleted" : "updated";
      logger.info(did, { controller, key, why });
      onWrite(controller);
    }
  }

  /** The text to store: what is there already, where it says the same in another form. */
  #encode(resource: AnyResource, present: KeyValue | undefined): string {
    const { clock, random } = this.#options;
    if (present === undefined) {
      return encodeStored(asCreated(resource, { uid: randomUid(random), now: clock.now() }));
    }
    const before = decodeStored(knownKind(resource.kind), present);
    const wanted = encodeStored(asUpdated(resource, before), present.key);
    return wanted === encodeStored(before, present.key) ? present.value : wanted;
  }
}

const SIDES: readonly Side[] = ["kubernetes", "store"];

function transactionOf(key: string, value: string | undefined, present: KeyValue | undefined): Transaction {
  const compare = present === undefined ? { key, exists: false } : { key, modRevision: present.modRevision };
  return { compares: [compare], operations: [value === undefined ? { delete: key } : { put: key, value }] };
}
