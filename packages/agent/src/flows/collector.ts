import {
  FLOW_GROUPS,
  type Flow,
  type FlowDecision,
  type FlowEnd,
  FlowLog,
  type FlowStep,
  Passes,
  parseFlowPrefix,
} from "@ocicat/enforcement";
import { type Clock, isOcicatError, type Logger, type Scope, type Timer } from "@ocicat/kit";
import type { Kernel, KernelMonitor, LoggedPacket } from "@ocicat/linux";
import type { Address } from "@ocicat/net";

export interface FlowCollectorOptions {
  readonly kernel: Pick<Kernel, "packetLog">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: Scope;
  /** Asked for once, when it is started for the first time. */
  readonly names: () => Names;
}

interface Names {
  end(address: Address): FlowEnd;
  step(decision: FlowDecision): FlowStep;
}

/** After this another listener may be gone. */
const RETRY_MS = 10_000;
/** How often those who follow are told. */
const PAGE_MS = 1_000;

export type OnFlows = (flows: readonly Flow[]) => void;

/** What rules log, as flows with names. Costs nothing until it is started. */
export class FlowCollector {
  readonly #options: FlowCollectorOptions;
  readonly #log = new FlowLog();
  readonly #passes = new Passes();
  readonly #followers = new Set<OnFlows>();
  #names: Names | undefined;
  #page: Timer | undefined;
  #monitor: KernelMonitor | undefined;
  #retry: Timer | undefined;
  #failure: string | undefined;
  #lost = 0;
  #foreign = 0;

  constructor(options: FlowCollectorOptions) {
    this.#options = options;
    options.scope.add("flows", () => this.stop());
  }

  get running(): boolean {
    return this.#monitor !== undefined;
  }

  /** Packets that the kernel logged faster than they could be read. */
  get lost(): number {
    return this.#lost;
  }

  /** Packets in our groups that none of our rules has logged. */
  get foreign(): number {
    return this.#foreign;
  }

  /** Packets of too many different flows to be counted with one of them. */
  get uncounted(): number {
    return this.#log.uncounted;
  }

  get intervalMs(): number {
    return this.#log.limits.intervalMs;
  }

  /**
   * Listens from now on. Where somebody else listens to a group it is said, once, and tried again until it works or `stop`: flows
   * are not told meanwhile, rules are enforced all the same.
   */
  start(): void {
    if (this.running || this.#retry !== undefined) return;
    const { kernel, logger, clock } = this.#options;
    this.#names ??= this.#options.names();
    const names = this.#names;
    try {
      this.#monitor = kernel.packetLog(Object.values(FLOW_GROUPS), (packets, lost) => this.#take(packets, lost, names));
      if (this.#failure !== undefined) logger.info("flows are told again");
      this.#failure = undefined;
    } catch (error) {
      if (!isOcicatError(error)) throw error;
      this.#retry = clock.after(RETRY_MS, "flows", () => {
        this.#retry = undefined;
        this.start();
      });
      if (this.#failure === error.message) return;
      this.#failure = error.message;
      logger.error("flows cannot be told: another program may listen to NFLOG's groups 1 and 2, trying again", {
        error: error.message,
        fix: "find who listens: cat /proc/net/netfilter/nfnetlink_log",
      });
    }
  }

  stop(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#monitor?.close();
    this.#monitor = undefined;
  }

  /** Flows with a packet seen at that time (milliseconds since 1970) or later. */
  since(time: number): Iterable<Flow> {
    return this.#log.since(time);
  }

  /** Tells from now on, once a second, what has come; returns what ends it. */
  follow(onFlows: OnFlows): () => void {
    this.#followers.add(onFlows);
    if (this.#followers.size === 1) this.#turnPage();
    return () => {
      this.#followers.delete(onFlows);
      if (this.#followers.size > 0) return;
      this.#page?.cancel();
      this.#log.closePage();
    };
  }

  #turnPage(): void {
    const flows = [...this.#log.turnPage(this.#options.clock.now())];
    if (flows.length > 0) for (const onFlows of this.#followers) onFlows(flows);
    this.#page = this.#options.clock.after(PAGE_MS, "flows", () => this.#turnPage());
  }

  #take(packets: readonly LoggedPacket[], lost: number, names: Names): void {
    this.#lost += lost;
    const now = this.#options.clock.now();
    for (const packet of packets) this.#add(packet, now, names);
  }

  #add(packet: LoggedPacket, now: number, names: Names): void {
    const { source, destination, protocol, destinationPort, icmp } = packet;
    const decision = parseFlowPrefix(packet.prefix);
    if (decision === undefined) {
      this.#foreign += 1;
      return;
    }
    const { direction, action } = decision;
    const steps = this.#passes.add(keyOf(packet), names.step(decision));
    if (steps === undefined || action === "pass") return;
    const ends = { source: names.end(source), destination: names.end(destination) };
    this.#log.add({ direction, action, ...ends, protocol, destinationPort, icmp, steps }, now);
  }
}

function keyOf({ group, source, destination, protocol, sourcePort, destinationPort, icmp }: LoggedPacket): string {
  return `${group} ${source} ${destination} ${protocol} ${sourcePort} ${destinationPort} ${icmp?.type} ${icmp?.code}`;
}
