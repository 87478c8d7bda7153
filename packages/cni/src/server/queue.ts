/**
 * Runs tasks so that those of one key follow each other in order of arrival, and at most `concurrency` run at once. A task
 * waits for its key before it takes a place, so that a busy key holds up nobody else.
 */
export class KeyedQueue {
  readonly #concurrency: number;
  readonly #tails = new Map<string, Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  /** Tasks that run now. */
  get running(): number {
    return this.#running;
  }

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    this.#tails.set(key, done);
    try {
      await before;
      await this.#enter();
      try {
        return await task();
      } finally {
        this.#leave();
      }
    } finally {
      if (this.#tails.get(key) === done) this.#tails.delete(key);
      finish();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#concurrency) {
      this.#running += 1;
      return;
    }
    // The place is handed over by #leave, so the count stays as it is.
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
