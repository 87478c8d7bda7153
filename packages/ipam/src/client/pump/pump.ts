import { HANDLES_PREFIX, handleKey } from "@ocicat/api/ipam";
import { DatastoreError, MAX_TRANSACTION_OPERATIONS } from "@ocicat/datastore";
import { type Clock, type Logger, toError } from "@ocicat/kit";
import type { Family } from "@ocicat/net";
import { IpamError } from "../../errors.ts";
import type { IpamSettings } from "../../pool/index.ts";
import type { Affinities } from "../affinity/affinities.ts";
import type { Committer } from "../commit/committer.ts";
import type { SureWriter } from "../commit/sure.ts";
import { Draft } from "../draft.ts";
import { type Found, type Job, type PlanContext, type Search, searchName } from "../plan/job.ts";
import type { Rows } from "../rows.ts";
import type { BlockSearch } from "../search/search.ts";
import type { RowReader } from "./reader.ts";
import { makeTask, type PlannedTask, type Task, type Undo } from "./task.ts";

export interface PumpTools {
  readonly reader: RowReader;
  readonly rows: Rows;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly writer: SureWriter;
  readonly committer: Committer;
  readonly affinities: Affinities;
  readonly search: BlockSearch;
  readonly settings: () => IpamSettings | Promise<IpamSettings>;
  readonly firstSequence: () => bigint;
}

/** How many requests share a commit at most. */
const MAX_BATCH = 64;
/** Room for compares and operations that requests add to one another's rows. */
const MAX_SIZE = MAX_TRANSACTION_OPERATIONS - 16;
/** Calico gives up after as many conflicts. */
const MAX_ATTEMPTS = 100;

interface Exclusive {
  run(): Promise<void>;
}

/** Does one job at once, for what runs alone. */
export type Serve = <R>(job: Job<R>) => Promise<R>;

/** One commit in the making. */
interface Drafted {
  readonly draft: Draft;
  readonly planned: PlannedTask[];
  /** Nothing more is to be done with these in this commit. */
  readonly settled: Set<Task>;
  /** Compares and operations of the callers' own. */
  extras: number;
}

/**
 * One node's requests, one commit at a time. Those that wait while a commit is under way are drafted over one another
 * and share the next, so that a hundred pods starting at once are a few writes of one block, and never compete for it.
 *
 *     queue ─► read what is missing ─► draft each ─► search blocks that lack ─► commit ─► answer
 *                     ▲                                                          │ refused: rows learnt
 *                     └──────────────────────────────────────────────────────────┘
 */
export class Pump {
  readonly #tools: PumpTools;
  #queue: (Task | Exclusive)[] = [];
  #isRunning = false;
  #limit = MAX_BATCH;
  readonly #doubted = new Set<string>();

  constructor(tools: PumpTools) {
    this.#tools = tools;
  }

  /** `undo` takes back what a failed request may have written in part. */
  submit<R>(job: Job<R>, undo?: Undo): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#enqueue(makeTask(job, undo, resolve, reject));
    });
  }

  /** Runs alone, between commits; what it wants done meanwhile goes through `serve`. */
  exclusive<R>(run: (serve: Serve) => Promise<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#enqueue({ run: () => this.#settled(run).then(resolve, reject) });
    });
  }

  #enqueue(entry: Task | Exclusive): void {
    this.#queue.push(entry);
    if (this.#isRunning) return;
    this.#isRunning = true;
    // Later in this turn, so that requests made in one go are drafted together.
    void Promise.resolve().then(() => this.#run());
  }

  async #settled<R>(run: (serve: Serve) => Promise<R>): Promise<R> {
    await this.#tools.writer.settle();
    const settings = await this.#tools.settings();
    return run((job) => this.#serve(job, settings));
  }

  async #run(): Promise<void> {
    let open: Task[] = [];
    while (open.length > 0 || this.#queue.length > 0) {
      const head = this.#queue[0];
      if (open.length === 0 && head !== undefined && "run" in head) {
        this.#queue.shift();
        await head.run();
        continue;
      }
      open = [...open, ...this.#takeTasks(this.#limit - open.length)];
      open = await this.#round(open);
      if (open.length > 0) continue;
      this.#limit = MAX_BATCH;
      this.#tools.rows.trim();
    }
    this.#isRunning = false;
  }

  #takeTasks(most: number): Task[] {
    const tasks: Task[] = [];
    for (let head = this.#queue[0]; head !== undefined && tasks.length < most; head = this.#queue[0]) {
      if ("run" in head) break;
      tasks.push(head);
      this.#queue.shift();
    }
    return tasks;
  }

  /** One commit's worth. Returns the tasks that are to be tried again. */
  async #round(open: readonly Task[]): Promise<Task[]> {
    const left = new Set(open);
    const failed = new Map<Task, unknown>();
    try {
      await this.#tools.writer.settle();
      const settings = await this.#tools.settings();
      const drafted = await this.#draftAll(left, failed, settings);
      await this.#commit(drafted, left, failed);
      await this.#giveUpUnselected(settings);
    } catch (error) {
      for (const task of left) failed.set(task, error);
    }
    await this.#forgetDoubted(left, failed);
    for (const [task, error] of failed) await this.#fail(task, error);
    return [...left].filter((task) => !failed.has(task));
  }

  async #draftAll(left: Set<Task>, failed: Map<Task, unknown>, settings: IpamSettings): Promise<Drafted> {
    const { rows, reader, writer } = this.#tools;
    const found = new Map<string, Found[]>();
    const refreshed = new Set(([4, 6] as const).filter((family) => !rows.isLoaded(family)));
    let drafted = begin(rows);
    let lost = 0;
    for (let count = 0; count < MAX_ATTEMPTS; count++) {
      await reader.read(left, settings);
      // What was drafted before a search stands, unless that brought news of what it rests on.
      if (!drafted.draft.isCurrent) drafted = begin(rows);
      const searches = this.#draft(drafted, left, failed, this.#context(settings, found));
      if (searches.size === 0) return drafted;
      for (const search of searches.values()) {
        const isLost = !(await this.#search(search, settings, found, refreshed));
        lost = isLost ? lost + 1 : 0;
      }
      await writer.giveWay(lost);
    }
    throw contention("no block could be claimed");
  }

  #context(settings: IpamSettings, found: ReadonlyMap<string, readonly Found[]>): PlanContext {
    return {
      settings,
      now: this.#tools.clock.now(),
      transactions: !this.#tools.committer.leavesParts,
      found: (search) => found.get(searchName(search)) ?? [],
      firstSequence: this.#tools.firstSequence,
    };
  }

  /**
   * Drafts the tasks over one another, in order, up to the first that needs a search: none overtakes it. Returns all that
   * has to be searched.
   */
  #draft(drafted: Drafted, left: Set<Task>, failed: Map<Task, unknown>, context: PlanContext) {
    const { draft, planned, settled } = drafted;
    const searches = new Map<string, Search>();
    for (const task of left) {
      if (settled.has(task)) continue;
      const layer = draft.layer();
      let plan: ReturnType<Task["plan"]>;
      try {
        plan = task.plan(layer, context);
      } catch (error) {
        if (searches.size > 0) continue;
        settled.add(task);
        if (task.isRechecked) {
          left.delete(task);
          failed.set(task, error);
        } else {
          task.isRechecked = true;
          for (const key of layer.read) this.#doubted.add(key);
        }
        continue;
      }
      if ("search" in plan) {
        searches.set(searchName(plan.search), plan.search);
        continue;
      }
      if (searches.size > 0 || "waits" in plan) continue;
      for (const { key } of plan.extra?.compares ?? []) layer.reserve(key);
      for (const operation of plan.extra?.operations ?? [])
        layer.reserve("put" in operation ? operation.put : operation.delete);
      const more = (plan.extra?.operations.length ?? 0) + (plan.extra?.compares?.length ?? 0);
      const fits =
        planned.length < this.#limit && (planned.length === 0 || layer.size + drafted.extras + more <= MAX_SIZE);
      if (layer.collides || !fits) continue;
      layer.merge();
      drafted.extras += more;
      planned.push(plan);
      settled.add(task);
    }
    return searches;
  }

  /**
   * A refusal may rest on old rows: those it looked at are read again, and the task is planned once more. So is a handle
   * that was taken to be new: an earlier life of this node may have got it the addresses.
   */
  async #forgetDoubted(left: Set<Task>, failed: Map<Task, unknown>): Promise<void> {
    const { rows, reader } = this.#tools;
    if (this.#doubted.size === 0) return;
    const handles = [...this.#doubted].filter((key) => key.startsWith(HANDLES_PREFIX));
    for (const key of this.#doubted) rows.forget(key);
    for (const family of [4, 6] as const) if (rows.isLoaded(family)) rows.doubtAffinities(family);
    this.#doubted.clear();
    const reads = await Promise.allSettled(handles.map((key) => reader.readAgain(key)));
    for (const read of reads) if (read.status === "rejected") for (const task of left) failed.set(task, read.reason);
  }

  /** False: another was faster to claim what was found. */
  async #search(
    search: Search,
    settings: IpamSettings,
    found: Map<string, Found[]>,
    refreshed: Set<Family>,
  ): Promise<boolean> {
    const { rows, search: blocks, committer, affinities, clock } = this.#tools;
    if (!refreshed.has(search.family)) {
      // Somebody else may have claimed for this node meanwhile.
      refreshed.add(search.family);
      rows.doubtAffinities(search.family);
      return true;
    }
    const name = searchName(search);
    const before = found.get(name) ?? [];
    const own = rows.affine(search.family);
    const result = await blocks.find(search, settings, before, clock.now());
    // Looking at blocks may have turned up some of the node's own that lost their affinity.
    if (rows.affine(search.family) !== own) await affinities.nameOwn(search.family);
    if (result === undefined) return true;
    if (result.kind === "claim" && committer.leavesParts) return affinities.claim(result.candidate, settings);
    found.set(name, [...before, result]);
    return true;
  }

  async #commit({ draft, planned }: Drafted, left: Set<Task>, failed: Map<Task, unknown>): Promise<void> {
    const fail = (task: Task, error: unknown) => {
      if (left.delete(task)) failed.set(task, error);
    };
    if (planned.length === 0) return;
    for (const { task } of planned) task.isWritten = this.#tools.committer.leavesParts;
    try {
      const outcome = await this.#tools.committer.commit(draft, planned);
      if (outcome.kind === "committed") {
        for (const done of planned) if (left.delete(done.task)) done.finish();
        return;
      }
      for (const [{ task }, error] of outcome.refused) fail(task, error);
      const isOld = await this.#countAttempts(planned, fail);
      // Else two who undo each other's work would each go on with what it knew before the other's last write.
      if (isOld) for (const key of draft.keys) this.#doubted.add(key);
    } catch (error) {
      if (isTooLarge(error) && planned.length > 1) {
        this.#limit = Math.ceil(planned.length / 2);
        return;
      }
      if (error instanceof IpamError && error.code === "IPAM_OUTCOME_UNKNOWN") this.#tools.rows.forgetAll();
      for (const { task } of planned) fail(task, error);
    }
  }

  /** A node keeps a block of a pool that turned away from it as long as an address is in use, and no longer. */
  async #giveUpUnselected(settings: IpamSettings): Promise<void> {
    const { affinities, logger } = this.#tools;
    try {
      await affinities.releaseUnselected(settings);
    } catch (error) {
      logger.debug("a block of a pool for other nodes is kept for now", { reason: toError(error).message });
    }
  }

  async #countAttempts(planned: readonly PlannedTask[], fail: (task: Task, error: unknown) => void): Promise<boolean> {
    let most = 0;
    for (const { task } of planned) {
      task.attempts += 1;
      most = Math.max(most, task.attempts);
      if (task.attempts >= MAX_ATTEMPTS) fail(task, contention("the rows could not be written"));
    }
    return this.#tools.writer.giveWay(most);
  }

  async #fail(task: Task, error: unknown): Promise<void> {
    if (task.isWritten && task.undo !== undefined) await this.#undo(task.undo);
    task.fail(error);
  }

  /** Best effort: what cannot be undone now is found by its handle. */
  async #undo({ handleId, job }: Undo): Promise<void> {
    const { rows, logger, settings } = this.#tools;
    try {
      rows.forget(handleKey(handleId));
      await this.#serve(job, await settings());
    } catch (error) {
      logger.warning("a failed allocation could not be taken back", { handleId, reason: toError(error).message });
    }
  }

  /** One job by itself, at once. It must not need a new block. */
  async #serve<R>(job: Job<R>, settings: IpamSettings): Promise<R> {
    const { rows, committer, writer } = this.#tools;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      await this.#tools.reader.read([job], settings);
      const draft = new Draft(rows);
      const plan = job.plan(draft, this.#context(settings, new Map()));
      if (plan.kind !== "ready") throw new Error("a job that runs alone cannot search a block");
      const mayHaveWritten = (key: string) => job.mayHaveWritten?.(key);
      const outcome = await committer.commit(draft, [{ extra: plan.extra, mayHaveWritten }]);
      if (outcome.kind === "committed") return plan.result;
      for (const error of outcome.refused.values()) throw error;
      if (await writer.giveWay(attempt + 1)) for (const key of draft.keys) rows.forget(key);
    }
    throw contention("the rows could not be written");
  }
}

function begin(rows: Rows): Drafted {
  return { draft: new Draft(rows), planned: [], settled: new Set(), extras: 0 };
}

function contention(what: string): IpamError {
  return new IpamError({ code: "IPAM_CONTENTION", what, why: `others were faster ${MAX_ATTEMPTS} times` });
}

function isTooLarge(error: unknown): boolean {
  return error instanceof DatastoreError && error.code === "TOO_LARGE";
}
