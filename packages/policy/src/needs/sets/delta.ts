import type { SetMember } from "../../model/sets.ts";

/** What is otherwise in a set than before: what comes and goes again was never there. Members are told apart as objects. */
export class Delta {
  readonly added = new Set<SetMember>();
  readonly removed = new Set<SetMember>();

  add(member: SetMember): void {
    if (!this.removed.delete(member)) this.added.add(member);
  }

  remove(member: SetMember): void {
    if (!this.added.delete(member)) this.removed.add(member);
  }

  get isEmpty(): boolean {
    return this.added.size === 0 && this.removed.size === 0;
  }
}
