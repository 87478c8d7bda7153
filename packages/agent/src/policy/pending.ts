import type { Clock } from "@ocicat/kit";

/** How long the oldest change has waited that is not enforced yet. */
export class Pending {
  readonly #clock: Clock;
  #seen: number | undefined;
  #workedOut: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get waits(): boolean {
    return this.#seen !== undefined || this.#workedOut !== undefined;
  }

  /** A change became known. */
  seen(): void {
    this.#seen ??= this.#clock.monotonic();
  }

  /** All that is known is in what will be written next. */
  workedOut(): void {
    this.#workedOut ??= this.#seen;
    this.#seen = undefined;
  }

  /** It is written: milliseconds since the first of it became known; undefined if nothing waited. */
  applied(): number | undefined {
    const since = this.#workedOut;
    this.#workedOut = undefined;
    return since === undefined ? undefined : this.#clock.monotonic() - since;
  }
}
