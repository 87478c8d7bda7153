import type { Clock, Scope, Timer } from "@ocicat/kit";

/** What a loop sleeps on. A ring while nobody sleeps is not lost: the next sleep ends at once. */
export class Alarm {
  readonly #clock: Clock;
  readonly #name: string;
  #hasRung = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock, name: string) {
    this.#clock = clock;
    this.#name = name;
  }

  /** Begins a loop that sleeps on this. The scope's end rings, and waits until the loop has ended. */
  carry(scope: Scope, loop: () => Promise<void>): void {
    const running = loop();
    scope.add(this.#name, () => {
      this.ring();
      return running;
    });
  }

  ring(): void {
    this.#hasRung = true;
    this.#wake?.();
  }

  /** Until somebody rings, at most `ms` (undefined: as long as it takes). */
  async sleep(ms?: number): Promise<void> {
    if (!this.#hasRung) {
      await new Promise<void>((resolve) => {
        let timer: Timer | undefined;
        this.#wake = () => {
          timer?.cancel();
          resolve();
        };
        if (ms !== undefined) timer = this.#clock.after(ms, this.#name, resolve);
      });
      this.#wake = undefined;
    }
    this.#hasRung = false;
  }
}
