import { type LimitedInterface, QOS_TABLE, qosTable } from "@ocicat/enforcement";
import { type Clock, type Logger, type Scope, toError } from "@ocicat/kit";
import type { Prefix } from "@ocicat/net";
import { type NftKernel, NftReconciler, type Operation } from "@ocicat/nftables";
import { Rounds } from "../program/rounds.ts";

export interface QosRulesOptions {
  readonly kernel: NftKernel;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: Scope;
  /** Addresses of the cluster: what is sent to them is not marked. */
  readonly inside: () => Iterable<Prefix>;
  /** Full comparison with the kernel, milliseconds; 0 switches it off. */
  readonly refreshMs: number;
  readonly defer: (work: () => void) => void;
}

/**
 * Keeps the table that limits packets and connections, and marks what leaves the cluster. It is made whole at each change, and
 * what differs is written: a chain that did not change goes on counting. In transactions of its own: a kernel that refuses a limit
 * does not keep policy from being enforced.
 */
export class QosRules {
  readonly #options: QosRulesOptions;
  readonly #nft: NftReconciler;
  readonly #limited = new Map<string, LimitedInterface>();
  readonly #rounds: Rounds;

  constructor(options: QosRulesOptions) {
    this.#options = options;
    this.#nft = new NftReconciler(options.kernel);
    this.#rounds = new Rounds({
      ...options,
      of: "qos rules",
      work: () => {
        this.flush();
        return false;
      },
      refresh: () => {
        this.#nft.resync();
        this.#rounds.schedule();
      },
    });
  }

  /** Undefined: neither limited nor marked. */
  want(interfaceName: string, limited: LimitedInterface | undefined): void {
    if (limited === undefined && !this.#limited.delete(interfaceName)) return;
    if (limited !== undefined) this.#limited.set(interfaceName, limited);
    this.#rounds.schedule();
  }

  /** Pools or nodes have changed. */
  insideChanged(): void {
    if ([...this.#limited.values()].some(({ controls }) => controls.dscp !== undefined)) this.#rounds.schedule();
  }

  start(): void {
    if (this.#rounds.begin()) this.flush();
  }

  /** What of the table in the kernel is not as it should be, once what is due is written: the changes that would mend it. */
  drift(): readonly Operation[] {
    this.flush();
    return this.#rounds.begun ? this.#nft.drift([QOS_TABLE]) : [];
  }

  flush(): void {
    if (!this.#rounds.begun) return;
    const { inside, logger } = this.#options;
    try {
      const table = qosTable([...this.#limited.values()], [...inside()]);
      this.#nft.setTables([QOS_TABLE], table === undefined ? [] : [table]);
      this.#nft.apply();
    } catch (error) {
      logger.error("the kernel refused the limits of packets and connections, trying again", {
        error: toError(error).message,
      });
      this.#rounds.retryLater();
    }
  }
}
