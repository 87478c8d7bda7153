import type { Clock, Scope, Timer } from "@ocicat/kit";

export interface RoundsOptions {
  /** "routes": in the names of timers. */
  readonly of: string;
  /** Writes what is due. True: more is due, and the next turn is soon enough. */
  readonly work: () => boolean;
  /** Compares with all that the kernel holds. */
  readonly refresh: () => void;
  /** Between refreshes, milliseconds; 0 switches them off. */
  readonly refreshMs: number;
  /** What is done some time after a refusal; unless told another round. */
  readonly retry?: () => void;
  /** How long after it, milliseconds; unless told a second. */
  readonly retryMs?: () => number;
  /** Nothing is waiting to be written any more. */
  readonly onIdle?: () => void;
  readonly clock: Clock;
  readonly scope: Scope;
  /** Runs work once what is being done now is done. */
  readonly defer: (work: () => void) => void;
}

const RETRY_MS = 1_000;

/** When a reconciler writes: once for all changes of a turn, again some time after a refusal, and every so often in full. */
export class Rounds {
  readonly #options: RoundsOptions;
  #begun = false;
  #scheduled = false;
  #retry: Timer | undefined;
  #refresh: Timer | undefined;
  #waiting: (() => void)[] = [];

  constructor(options: RoundsOptions) {
    this.#options = options;
    options.scope.add(options.of, () => {
      this.#retry?.cancel();
      this.#refresh?.cancel();
    });
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** Rounds are held from now on; false if they were already. */
  begin(): boolean {
    if (this.#begun) return false;
    this.#begun = true;
    this.#armRefresh();
    return true;
  }

  /** A round after what is being done now. Nothing before the beginning, nor after the end. */
  schedule(): void {
    if (!this.#begun || this.#scheduled || this.#options.scope.closed) return;
    this.#scheduled = true;
    this.#options.defer(() => {
      this.#scheduled = false;
      const isOpen = !this.#options.scope.closed;
      if (isOpen && this.#options.work()) this.schedule();
      if (this.#scheduled) return;
      if (isOpen) this.#options.onIdle?.();
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
  }

  /** After a refusal. One that comes while another waits is taken care of by the same. */
  retryLater(): void {
    const { clock, retryMs, retry, of } = this.#options;
    this.#retry ??= clock.after(retryMs?.() ?? RETRY_MS, `${of} retry`, () => {
      this.#retry = undefined;
      if (retry === undefined) this.schedule();
      else retry();
    });
  }

  /** Resolves when nothing is waiting to be written; what was refused waits for its retry and does not count. */
  settled(): Promise<void> {
    if (!this.#scheduled) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #armRefresh(): void {
    const { clock, refreshMs, refresh, of } = this.#options;
    if (refreshMs <= 0) return;
    this.#refresh = clock.after(refreshMs, `${of} refresh`, () => {
      refresh();
      this.#armRefresh();
    });
  }
}
