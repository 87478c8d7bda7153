import { type Difference, describeDifference, POLICY_TABLE, verifyNode } from "@ocicat/enforcement";
import { type Clock, type Logger, type Scope, type Timer, toError } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux";
import { readTables } from "@ocicat/nftables";
import type { HostInterface, PolicyModel } from "@ocicat/policy";

export interface VerifierOptions {
  readonly node: string;
  readonly kernel: Pick<Kernel, "nftQuery" | "links" | "addresses">;
  readonly model: () => PolicyModel;
  /** Whether the kernel has all that is wanted: a proof of what is about to change shows nothing. */
  readonly settled: () => boolean;
  readonly interfacePrefixes: readonly string[];
  /** Between proofs nobody asked for, milliseconds; 0: none. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: Scope;
}

export interface Proof {
  readonly differences: readonly Difference[];
  readonly text: readonly string[];
  readonly interfaces: number;
  /** What it took, milliseconds: nothing else runs meanwhile. */
  readonly tookMs: number;
}

/** A proof takes at most this part of the time. */
const SHARE = 1 / 1000;

/** Reads the kernel's table back and proves that it means what the model wants, for every packet: when asked, and now and then. */
export class Verifier {
  readonly #options: VerifierOptions;
  #timer: Timer | undefined;
  #last: Proof | undefined;

  constructor(options: VerifierOptions) {
    this.#options = options;
    options.scope.add("policy verifier", () => this.#timer?.cancel());
  }

  /** Undefined before the first. */
  get last(): Proof | undefined {
    return this.#last;
  }

  start(): void {
    if (this.#options.intervalMs > 0) this.#arm(this.#options.intervalMs);
  }

  /** Throws KernelError. */
  verify(): Proof {
    const { kernel, clock, node, interfacePrefixes } = this.#options;
    const since = clock.monotonic();
    const [actual] = readTables(kernel.nftQuery.bind(kernel), [POLICY_TABLE]);
    const { differences, interfaces } = verifyNode({
      table: actual?.table,
      unknown: actual?.unknown ?? [],
      model: this.#modelHere(),
      options: { node, interfacePrefixes },
    });
    this.#last = {
      differences,
      text: differences.map(describeDifference),
      interfaces,
      tookMs: clock.monotonic() - since,
    };
    return this.#last;
  }

  /** With this node's interfaces as they are. */
  #modelHere(): PolicyModel {
    const { kernel, node, model } = this.#options;
    const whole = model();
    const addresses = Map.groupBy(kernel.addresses(), ({ linkIndex }) => linkIndex);
    const own = kernel.links().map(
      ({ index, name }): HostInterface => ({
        node,
        name,
        addresses: (addresses.get(index) ?? []).map(({ address }) => address),
      }),
    );
    return { ...whole, nodes: [...(whole.nodes ?? []).filter((each) => each.node !== node), ...own] };
  }

  #arm(ms: number): void {
    const { clock, logger, settled, intervalMs } = this.#options;
    this.#timer = clock.after(ms, "policy proof", () => {
      if (settled()) {
        try {
          const { text } = this.verify();
          for (const difference of text) logger.error("the kernel does otherwise than policy wants", { difference });
        } catch (error) {
          logger.error("policy could not be proved", { error: toError(error).message });
        }
      }
      this.#arm(Math.max(intervalMs, (this.#last?.tookMs ?? 0) / SHARE));
    });
  }
}
