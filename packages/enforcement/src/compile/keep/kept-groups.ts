import type { RegularChain } from "@ocicat/nftables";
import { DISPATCHES } from "../dispatch.ts";
import type { Group } from "../group.ts";
import { policyKey, profileKey } from "../keys.ts";
import type { TableSink } from "../sink.ts";

interface Kept {
  readonly group: Group;
  /** How many interfaces are led to it. */
  holders: number;
}

/** The chains of groups, change by change: there as long as an interface is led to them. */
export class KeptGroups {
  readonly #groups = new Map<string, Kept>();
  /** Those that call a chain of rules. */
  readonly #callers = new Map<string, Set<string>>();
  readonly #stale = new Set<string>();
  /** Those that the sink has. */
  readonly #there = new Set<string>();
  readonly #leaving = new Set<string>();
  readonly #sink: TableSink;

  constructor(sink: TableSink) {
    this.#sink = sink;
  }

  hold(group: Group): void {
    const kept = this.#groups.get(group.name);
    if (kept !== undefined) {
      kept.holders += 1;
      return;
    }
    this.#groups.set(group.name, { group, holders: 1 });
    this.#stale.add(group.name);
    this.#leaving.delete(group.name);
    for (const key of calledBy(group)) {
      const callers = this.#callers.get(key);
      if (callers === undefined) this.#callers.set(key, new Set([group.name]));
      else callers.add(group.name);
    }
  }

  release({ name }: Group): void {
    const kept = this.#groups.get(name);
    if (kept === undefined) return;
    kept.holders -= 1;
    if (kept.holders > 0) return;
    this.#groups.delete(name);
    this.#stale.delete(name);
    if (this.#there.has(name)) this.#leaving.add(name);
    for (const key of calledBy(kept.group)) {
      const callers = this.#callers.get(key);
      callers?.delete(name);
      if (callers?.size === 0) this.#callers.delete(key);
    }
  }

  /** A chain of rules is called otherwise than before, or not at all. */
  calleeChanged(key: string): void {
    for (const name of this.#callers.get(key) ?? []) this.#stale.add(name);
  }

  refresh(): void {
    for (const name of this.#groups.keys()) this.#stale.add(name);
  }

  settle(compile: (group: Group) => RegularChain): void {
    for (const name of this.#stale) {
      const kept = this.#groups.get(name);
      if (kept === undefined) continue;
      this.#sink.putChain(compile(kept.group));
      this.#there.add(name);
    }
    this.#stale.clear();
  }

  sweep(): void {
    for (const name of this.#leaving) {
      this.#sink.deleteChain(name);
      this.#there.delete(name);
    }
    this.#leaving.clear();
  }
}

/** Staged ones among them: they may be put in force. */
function calledBy({ dispatch, tiers, profiles }: Group): readonly string[] {
  const { direction } = DISPATCHES[dispatch];
  return [
    ...tiers.flatMap(({ policies }) => policies.map((id) => policyKey(id, direction))),
    ...profiles.map((name) => profileKey(name, direction)),
  ];
}
