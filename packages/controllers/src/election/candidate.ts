import { Alarm } from "../alarm.ts";
import type { Election, ElectionOptions, Term } from "./election.ts";

/** What every way of electing has: one loop, and what is known of who leads. */
export abstract class Candidate implements Election {
  readonly #options: Pick<ElectionOptions, "scope" | "onChange">;
  /** What the loop sleeps on. */
  protected readonly alarm: Alarm;
  #term: Term | undefined;
  #leader: string | undefined;

  constructor({ clock, scope, onChange }: ElectionOptions) {
    this.#options = { scope, onChange };
    this.alarm = new Alarm(clock, "election");
  }

  start(): void {
    this.alarm.carry(this.#options.scope, () => this.run());
  }

  get term(): Term | undefined {
    return this.#term;
  }

  get leader(): string | undefined {
    return this.#leader;
  }

  depose(term: Term): void {
    if (this.#term !== term) return;
    this.setTerm(undefined);
    this.alarm.ring();
  }

  /** Until the scope ends. */
  protected abstract run(): Promise<void>;

  protected setLeader(leader: string | undefined): void {
    if (leader === this.#leader) return;
    this.#leader = leader;
    this.#options.onChange();
  }

  protected setTerm(term: Term | undefined): void {
    if (term === this.#term) return;
    this.#term = term;
    this.#options.onChange();
  }
}
