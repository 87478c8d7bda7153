import type { IpamSettings } from "../../pool/index.ts";
import type { Planned } from "../commit/committer.ts";
import type { Draft } from "../draft.ts";
import type { Job, Missing, PlanContext, Search } from "../plan/job.ts";
import type { Rows } from "../rows.ts";

/** A request in the queue, whatever it returns. */
export interface Task {
  attempts: number;
  /** It failed on rows as remembered, which have been forgotten since: another failure is final. */
  isRechecked: boolean;
  /** Some of it may be in the store although it fails. */
  isWritten: boolean;
  readonly undo: Undo | undefined;
  missing(rows: Rows, settings: IpamSettings): Iterable<Missing>;
  plan(draft: Draft, context: PlanContext): PlannedTask | { readonly search: Search } | { readonly waits: true };
  fail(error: unknown): void;
}

export interface PlannedTask extends Planned {
  readonly task: Task;
  finish(): void;
}

/** Takes back what a request may have written in part before it failed. */
export interface Undo {
  readonly handleId: string;
  readonly job: Job<void>;
}

export function makeTask<R>(
  job: Job<R>,
  undo: Undo | undefined,
  resolve: (result: R) => void,
  reject: (error: unknown) => void,
): Task {
  const task: Task = {
    attempts: 0,
    isRechecked: false,
    isWritten: false,
    undo,
    missing: (rows, settings) => job.missing(rows, settings),
    plan(draft, context) {
      const plan = job.plan(draft, context);
      if (plan.kind === "short") return { search: plan.search };
      if (plan.kind === "wait") return { waits: true };
      return {
        task,
        extra: plan.extra,
        finish: () => resolve(plan.result),
        mayHaveWritten: (key) => job.mayHaveWritten?.(key),
      };
    },
    fail: reject,
  };
  return task;
}
