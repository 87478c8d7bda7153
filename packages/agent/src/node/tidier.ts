import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock, Scope, Timer } from "@ocicat/kit";
import { giveBackFreed } from "@ocicat/linux";

/** So many changes leave more behind than waits well for the engine: it would collect amid the next ones. */
const MANY = 1_000;
/** When nothing has changed for so long, milliseconds, nobody waits for what takes some tens of them. */
const QUIET_MS = 300;

export interface TidierOptions {
  readonly clock: Clock;
  readonly scope: Scope;
  readonly tidy: () => void;
}

/** Has garbage collected once many changes are over, and not while those that follow are waited for. */
export class Tidier {
  readonly #options: TidierOptions;
  #changes = 0;
  #last = 0;
  #timer: Timer | undefined;

  constructor(options: TidierOptions) {
    this.#options = options;
    options.scope.add("garbage", () => this.#timer?.cancel());
  }

  changed(): void {
    this.#last = this.#options.clock.monotonic();
    this.#changes += 1;
    if (this.#changes >= MANY) this.due();
  }

  /** As soon as it is quiet. */
  due(): void {
    if (this.#timer === undefined) this.#arm(QUIET_MS);
  }

  #arm(ms: number): void {
    const { clock, tidy } = this.#options;
    this.#timer = clock.after(ms, "garbage", () => {
      this.#timer = undefined;
      const quiet = clock.monotonic() - this.#last;
      if (quiet < QUIET_MS) return this.#arm(QUIET_MS - quiet);
      this.#changes = 0;
      tidy();
    });
  }
}

/**
 * Collects the engine's garbage, all of it, now, and hands back what is free: tens of milliseconds. After many changes there is
 * as much of it as there are live objects, and the engine keeps the room for good: it has no reason to collect while little is
 * allocated.
 */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect();
  giveBackFreed();
}
