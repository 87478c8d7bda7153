import { type Difference, describeDifference, POLICY_TABLE, verifyNodeInSteps } from "@ocicat/enforcement";
import { type Clock, type Logger, type Scope, type Timer, toError } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux";
import { type Operation, readTables, renderOperations, tableKey } from "@ocicat/nftables";
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
  /** Milliseconds of work, in slices: everything else goes on in between. */
  readonly tookMs: number;
}

/** A proof takes at most this part of the time. */
const SHARE = 1 / 1000;
/** Milliseconds after which others have their turn. */
const SLICE_MS = 5;

/** Tables that say themselves what is to be in them. */
export interface Compared {
  /** What would mend them in the kernel. Throws NftError. */
  drift(): readonly Operation[];
}

/**
 * Reads the kernel's tables back and proves that policy's means what the model wants, for every packet, and that all others hold
 * what they should, rule for rule: when asked, and now and then.
 */
export class Verifier {
  readonly #options: VerifierOptions;
  #timer: Timer | undefined;
  #slice: Timer | undefined;
  readonly #compared: Compared[] = [];
  #turn: Promise<void> = Promise.resolve();
  #last: Proof | undefined;

  constructor(options: VerifierOptions) {
    this.#options = options;
    options.scope.add("policy verifier", () => {
      this.#timer?.cancel();
      this.#slice?.cancel();
    });
  }

  /** Undefined before the first. */
  get last(): Proof | undefined {
    return this.#last;
  }

  /** With these tables too, from now on. */
  compare(tables: Compared): void {
    this.#compared.push(tables);
  }

  start(): void {
    if (this.#options.intervalMs > 0) this.#arm(this.#options.intervalMs);
  }

  /** One after the other; each is of the kernel and the model as they are when it begins. Rejects with KernelError. */
  verify(): Promise<Proof> {
    const proof = this.#turn.then(() => this.#prove());
    this.#turn = proof.then(
      () => undefined,
      () => undefined,
    );
    return proof;
  }

  async #prove(): Promise<Proof> {
    const { kernel, clock, node, interfacePrefixes } = this.#options;
    let since = clock.monotonic();
    let tookMs = 0;
    const drifted = this.#compared.flatMap((each) => each.drift().map(driftOf));
    const [actual] = readTables(kernel.nftQuery.bind(kernel), [POLICY_TABLE]);
    const steps = verifyNodeInSteps({
      table: actual?.table,
      unknown: actual?.unknown ?? [],
      model: this.#modelHere(),
      options: { node, interfacePrefixes },
    });
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) {
        const { interfaces } = value;
        const differences = [...value.differences, ...drifted];
        const text = differences.map(describeDifference);
        this.#last = { differences, text, interfaces, tookMs: tookMs + clock.monotonic() - since };
        return this.#last;
      }
      if (clock.monotonic() - since < SLICE_MS) continue;
      tookMs += clock.monotonic() - since;
      await this.#othersTurn();
      since = clock.monotonic();
    }
  }

  #othersTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#slice = this.#options.clock.after(0, "policy proof's next slice", resolve);
    });
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
    this.#timer = this.#options.clock.after(ms, "policy proof", () => void this.#proveNowAndThen());
  }

  async #proveNowAndThen(): Promise<void> {
    const { logger, settled, intervalMs } = this.#options;
    if (settled()) {
      try {
        const { text } = await this.verify();
        for (const difference of text) logger.error("the kernel does otherwise than policy wants", { difference });
      } catch (error) {
        logger.error("policy could not be proved", { error: toError(error).message });
      }
    }
    this.#arm(Math.max(intervalMs, (this.#last?.tookMs ?? 0) / SHARE));
  }
}

function driftOf(operation: Operation): Difference {
  const mends = renderOperations([operation]).trimEnd();
  return {
    kind: "table",
    what: `table ${tableKey(operation.table)} is not as it should be, what would mend it: ${mends}`,
  };
}
