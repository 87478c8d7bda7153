import { type Random, seededRandom } from "@ocicat/kit";

/** Choices that follow from a seed. */
export class Dice {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** In [0, bound). */
  below(bound: number): number {
    return Math.floor((this.#random.uint32() / 2 ** 32) * bound);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** Throws RangeError for an empty list. */
  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new RangeError("nothing to pick from");
    return picked;
  }
}
