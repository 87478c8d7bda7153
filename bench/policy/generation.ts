import { type Kernel, openKernel, openNamespace } from "@ocicat/linux";

/** NFT_MSG_GETGEN as an nfnetlink message: header (length, type, flags REQUEST and ACK, sequence, port), then nfgenmsg. */
const GETGEN = Uint8Array.of(20, 0, 0, 0, 16, 10, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

/** Longer than lies between the transactions of one change. */
const SETTLED_MS = 20;

/** Sees each transaction of a node's nftables from outside, as soon as the kernel has it. */
export class GenerationWitness {
  readonly #kernel: Kernel;
  readonly #close: () => void;

  /** `process`: one in the node's network namespace. */
  constructor(process: number) {
    const namespace = openNamespace(`/proc/${process}/ns/net`);
    this.#kernel = openKernel({ namespace });
    this.#close = () => {
      this.#kernel.close();
      namespace.close();
    };
  }

  /** A number that changes with each transaction. */
  now(): string {
    return this.#kernel
      .nftQuery(GETGEN)
      .map(({ payload }) => Buffer.from(payload).subarray(0, 12).toString("hex"))
      .join();
  }

  /**
   * Milliseconds from the call of `work` to the last transaction that follows from it: one change may take up to three, one
   * right after the other. Asks without a pause.
   */
  async after(work: () => Promise<unknown>): Promise<number> {
    let seen = this.now();
    let last: number | undefined;
    const start = performance.now();
    const done = work();
    for (let now = start; last === undefined || now - last < SETTLED_MS; now = performance.now()) {
      const generation = this.now();
      if (generation !== seen) [seen, last] = [generation, performance.now()];
      if (now - start > 10_000) throw new Error("no transaction in ten seconds");
      await new Promise((resolve) => setImmediate(resolve));
    }
    await done;
    return last - start;
  }

  /** Until none has come for a while. */
  async quiet(ms = 60): Promise<void> {
    let [last, since] = [this.now(), performance.now()];
    while (performance.now() - since < ms) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const now = this.now();
      if (now !== last) [last, since] = [now, performance.now()];
    }
  }

  close(): void {
    this.#close();
  }
}
