import { type Clock, type Logger, type Scope, toError } from "@ocicat/kit";
import { describeOperation, type Kernel, type KernelEvent } from "@ocicat/linux";
import { Rounds } from "../program/rounds.ts";
import { type BandwidthPlan, planBandwidth, type WantedBandwidth } from "./plan.ts";

export interface BandwidthReconcilerOptions {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: Scope;
  /** Full comparison with the kernel, milliseconds; 0 switches it off. */
  readonly refreshMs: number;
  readonly defer: (work: () => void) => void;
}

/** Making an ifb, then leading traffic through it; more only if links come and go meanwhile. */
const MOST_PLANS = 5;

/** Makes workloads' interfaces keep to their bandwidths. */
export class BandwidthReconciler {
  readonly #options: BandwidthReconcilerOptions;
  readonly #wanted = new Map<string, WantedBandwidth>();
  readonly #rounds: Rounds;
  /** Whether the kernel may hold anything of ours: where nobody limits anything nothing is read. */
  #mayHave = true;
  #problems: ReadonlyMap<string, string> = new Map();
  #writes = 0;

  constructor(options: BandwidthReconcilerOptions) {
    this.#options = options;
    const monitor = options.kernel.monitor(["link"], (events) => this.#onEvents(events));
    options.scope.add("bandwidth monitor", () => monitor.close());
    this.#rounds = new Rounds({
      ...options,
      of: "bandwidth",
      work: () => {
        this.flush();
        return false;
      },
      refresh: () => {
        this.#mayHave = true;
        this.#rounds.schedule();
      },
    });
  }

  get writes(): number {
    return this.#writes;
  }

  /** Interfaces that cannot be limited, and why. */
  get problems(): ReadonlyMap<string, string> {
    return this.#problems;
  }

  /** Undefined: as much as comes. */
  want(interfaceName: string, bandwidth: WantedBandwidth | undefined): void {
    if (bandwidth === undefined && !this.#wanted.delete(interfaceName)) return;
    if (bandwidth !== undefined) this.#wanted.set(interfaceName, bandwidth);
    this.#rounds.schedule();
  }

  start(): void {
    if (this.#rounds.begin()) this.flush();
  }

  /** Compares with the kernel now, and writes what differs. A refusal is logged and tried again. */
  flush(): void {
    if (!this.#rounds.begun || (this.#wanted.size === 0 && !this.#mayHave)) return;
    try {
      const failed = this.#converge();
      if (failed.length > 0) this.#tryAgain(failed.join("; "));
      else this.#mayHave = this.#wanted.size > 0;
    } catch (error) {
      this.#tryAgain(toError(error).message);
    }
  }

  /** What the kernel refused. */
  #converge(): string[] {
    for (let count = 0; count < MOST_PLANS; count++) {
      const plan = this.#plan();
      this.#tell(plan.problems);
      const outcomes = this.#options.kernel.apply(plan.operations);
      this.#writes += plan.operations.length;
      const failed = plan.operations.flatMap((operation, index) => {
        const outcome = outcomes[index];
        // A pod may go at any time.
        return outcome === undefined || outcome.errno === "ENODEV"
          ? []
          : [`${describeOperation(operation)}: ${outcome.errno} ${outcome.message}`.trimEnd()];
      });
      if (failed.length > 0 || !plan.unfinished) return failed;
    }
    return ["interfaces changed under each attempt"];
  }

  #plan(): BandwidthPlan {
    const { kernel } = this.#options;
    return planBandwidth(this.#wanted, {
      links: kernel.links(),
      qdiscs: kernel.qdiscs(),
      filtersOf: (linkIndex) => kernel.ingressFilters(linkIndex),
    });
  }

  #tell(problems: ReadonlyMap<string, string>): void {
    for (const [name, why] of problems) {
      if (this.#problems.get(name) === why) continue;
      this.#options.logger.warning("a workload's bandwidth cannot be limited", { interface: name, why });
    }
    this.#problems = problems;
  }

  /** An interface that was waited for has come, or something of ours has gone. */
  #onEvents(events: readonly KernelEvent[]): void {
    if (this.#wanted.size === 0) return;
    const concerns = (event: KernelEvent) =>
      event.type === "resync" ||
      (event.type === "link" && this.#wanted.has(event.link.name)) ||
      (event.type === "link.gone" && event.link.kind === "ifb");
    if (events.some(concerns)) this.#rounds.schedule();
  }

  #tryAgain(error: string): void {
    this.#options.logger.error("the kernel refused a bandwidth, trying again", { error });
    this.#rounds.retryLater();
  }
}
