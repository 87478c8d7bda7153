import { type CalicoNodeStatus, calicoNodeStatus } from "@ocicat/api";
import { type ResourceClient, ResourceError } from "@ocicat/client";
import { type Clock, type Logger, type Scope, type Timer, toError } from "@ocicat/kit";
import type { Table } from "../tables/table.ts";
import { type NodeState, nodeStatus } from "./node-status.ts";

export interface StatusReporterOptions {
  readonly node: string;
  readonly requests: Table<CalicoNodeStatus>;
  readonly client: ResourceClient;
  readonly state: () => NodeState;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: Scope;
}

interface Schedule {
  readonly periodMs: number;
  timer: Timer;
}

/** Writes this node's state into each CalicoNodeStatus that asks for it, as often as that asks; with 0 never. */
export class StatusReporter {
  readonly #options: StatusReporterOptions;
  readonly #schedules = new Map<string, Schedule>();
  /** A report that takes long, as with a datastore that is away, is not overtaken by the next one. */
  readonly #busy = new Set<string>();

  constructor(options: StatusReporterOptions) {
    this.#options = options;
    options.requests.subscribe((_key, row, previous) => {
      const name = (row ?? previous)?.metadata.name;
      if (name !== undefined) this.#consider(name, row);
    });
    options.scope.add("node status", () => {
      for (const { timer } of this.#schedules.values()) timer.cancel();
      this.#schedules.clear();
    });
  }

  #consider(name: string, request: CalicoNodeStatus | undefined): void {
    const mine = request?.spec.node === this.#options.node ? request : undefined;
    const periodMs = (mine?.spec.updatePeriodSeconds ?? 0) * 1000;
    const known = this.#schedules.get(name);
    // Our own report comes back as a change: it asks for the same.
    if (known?.periodMs === periodMs) return;
    known?.timer.cancel();
    this.#schedules.delete(name);
    if (periodMs > 0) this.#schedule(name, periodMs, 0);
  }

  #schedule(name: string, periodMs: number, afterMs: number): void {
    const timer = this.#options.clock.after(afterMs, "node status", () => {
      this.#schedule(name, periodMs, periodMs);
      void this.#report(name);
    });
    this.#schedules.set(name, { periodMs, timer });
  }

  async #report(name: string): Promise<void> {
    if (this.#busy.has(name)) return;
    this.#busy.add(name);
    const { client, state, clock, logger } = this.#options;
    try {
      await client.modify(calicoNodeStatus, name, undefined, (request) => ({
        ...request,
        status: nodeStatus(request.spec.classes, state(), clock.now()),
      }));
    } catch (error) {
      const gone = error instanceof ResourceError && error.code === "RESOURCE_NOT_FOUND";
      if (!gone) logger.warning("the node's status cannot be written", { name, error: toError(error).message });
    } finally {
      this.#busy.delete(name);
    }
  }
}
