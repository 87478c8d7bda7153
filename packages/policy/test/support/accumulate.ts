import {
  type EndpointNeeds,
  memberText,
  type NeedsChange,
  type Policy,
  type Profile,
  type SetChange,
  type SetId,
  type SetSpec,
} from "../../src/index.ts";

interface KnownSet {
  readonly spec: SetSpec;
  readonly members: Set<string>;
}

/** Changes of needs, taken together. What a good change never does is thrown: it tells of something that stays as it is. */
export class Accumulated {
  readonly sets = new Map<SetId, KnownSet>();
  readonly policies = new Map<string, Policy>();
  readonly profiles = new Map<string, Profile | "missing">();
  readonly endpoints = new Map<string, EndpointNeeds>();

  apply(change: NeedsChange): this {
    for (const [id, set] of change.sets) this.#applySet(id, set);
    replace(this.policies, change.policies);
    replace(this.profiles, change.profiles);
    replace(this.endpoints, change.endpoints);
    return this;
  }

  #applySet(id: SetId, change: SetChange): void {
    const { spec } = change;
    const known = this.sets.get(id);
    if (spec.id !== id) throw new Error(`${spec.id} is told of as ${id}`);
    if ((change.kind === "made") === (known !== undefined)) throw new Error(`${id} is ${change.kind} out of turn`);
    if (change.kind === "gone") {
      this.sets.delete(id);
      return;
    }
    const { added, removed } = change.kind === "made" ? { added: change.members, removed: [] } : change;
    if (change.kind === "changed" && added.length + removed.length === 0) throw new Error(`${id} changes by nothing`);
    const members = known?.members ?? new Set();
    this.sets.set(id, { spec, members });
    for (const member of removed.map(memberText))
      if (!members.delete(member)) throw new Error(`${id} has no ${member} to remove`);
    for (const member of added.map(memberText)) {
      if (members.has(member)) throw new Error(`${id} has ${member} already`);
      members.add(member);
    }
    const back = new Set(added.map(memberText));
    for (const member of removed.map(memberText)) if (back.has(member)) throw new Error(`${member} goes and comes`);
  }

  /** Equal where the needs are equal, whatever order they became known in. */
  get text(): string {
    const sets = [...this.sets].map(([id, { spec, members }]) => [id, { spec, members: [...members].sort() }]);
    return [sets, [...this.policies], [...this.profiles], [...this.endpoints]]
      .map((part) =>
        part
          .map((entry) => textOf(entry))
          .sort()
          .join("\n"),
      )
      .join("\n\n");
  }
}

function replace<K, V>(all: Map<K, V>, changes: ReadonlyMap<K, V | undefined>): void {
  for (const [key, value] of changes) {
    const before = all.get(key);
    if (textOf(before) === textOf(value)) throw new Error(`${String(key)} is told of, and stays as it was`);
    if (value === undefined) all.delete(key);
    else all.set(key, value);
  }
}

/** JSON, with what it has no form for; the order of an object's parts means nothing. */
function textOf(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) => {
      if (part instanceof Map) return [...part.entries()].sort();
      if (typeof part === "bigint" || part === Number.POSITIVE_INFINITY) return `${part}`;
      if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
      return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
    }) ?? "nothing"
  );
}
