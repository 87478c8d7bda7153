import type { FlowStep } from "./flow.ts";

/** Of packets whose decision never came (lost, or a tier that is gone by now) no more than this is remembered. */
const MOST = 1_000;

/**
 * A packet that a rule passes on is logged once by that rule and once by what decides: this holds the former until the latter
 * comes. Packets are told apart by `packet`, a text of one's own making.
 */
export class Passes {
  readonly #waiting = new Map<string, readonly FlowStep[]>();

  /** All steps of the packet's way, if this was the last; undefined if more are to come. */
  add(packet: string, step: FlowStep): readonly FlowStep[] | undefined {
    const before = this.#waiting.get(packet);
    if (before === undefined && step.action !== "pass") return [step];
    this.#waiting.delete(packet);
    const steps = [...(before ?? []), step];
    if (step.action !== "pass") return steps;
    this.#waiting.set(packet, steps);
    this.#forgetOldest();
    return undefined;
  }

  #forgetOldest(): void {
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > MOST && oldest !== undefined) this.#waiting.delete(oldest);
  }
}
