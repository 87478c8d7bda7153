import { type LimitedInterface, QOS_TABLE, qosTable } from "@ocicat/enforcement";
import { type Clock, type Logger, type Scope, type Timer, toError } from "@ocicat/kit";
import type { Prefix } from "@ocicat/net";
import { type NftKernel, NftReconciler } from "@ocicat/nftables";

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

const RETRY_MS = 1_000;

/**
 * Keeps the table that limits packets and connections, and marks what leaves the cluster. It is made whole at each change, and
 * what differs is written: a chain that did not change goes on counting. In transactions of its own: a kernel that refuses a limit
 * does not keep policy from being enforced.
 */
export class QosRules {
  readonly #options: QosRulesOptions;
  readonly #nft: NftReconciler;
  readonly #limited = new Map<string, LimitedInterface>();
  #started = false;
  #scheduled = false;
  #retry: Timer | undefined;
  #refresh: Timer | undefined;

  constructor(options: QosRulesOptions) {
    this.#options = options;
    this.#nft = new NftReconciler(options.kernel);
    options.scope.add("qos rules", () => {
      this.#retry?.cancel();
      this.#refresh?.cancel();
    });
  }

  /** Undefined: neither limited nor marked. */
  want(interfaceName: string, limited: LimitedInterface | undefined): void {
    if (limited === undefined && !this.#limited.delete(interfaceName)) return;
    if (limited !== undefined) this.#limited.set(interfaceName, limited);
    this.schedule();
  }

  /** Pools or nodes have changed. */
  insideChanged(): void {
    if ([...this.#limited.values()].some(({ controls }) => controls.dscp !== undefined)) this.schedule();
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.flush();
    this.#armRefresh();
  }

  schedule(): void {
    if (!this.#started || this.#scheduled) return;
    this.#scheduled = true;
    this.#options.defer(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (!this.#started) return;
    const { inside, logger, clock } = this.#options;
    try {
      const table = qosTable([...this.#limited.values()], [...inside()]);
      this.#nft.setTables([QOS_TABLE], table === undefined ? [] : [table]);
      this.#nft.apply();
    } catch (error) {
      logger.error("the kernel refused the limits of packets and connections, trying again", {
        error: toError(error).message,
      });
      this.#retry?.cancel();
      this.#retry = clock.after(RETRY_MS, "qos retry", () => this.schedule());
    }
  }

  #armRefresh(): void {
    const { refreshMs, clock } = this.#options;
    if (refreshMs <= 0) return;
    this.#refresh = clock.after(refreshMs, "qos refresh", () => {
      this.#nft.resync();
      this.schedule();
      this.#armRefresh();
    });
  }
}
