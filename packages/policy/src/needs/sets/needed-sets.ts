import type { SetChange } from "../../model/needs.ts";
import type { SetId, SetMember, SetSpec } from "../../model/sets.ts";
import type { Delta } from "./delta.ts";
import { type SelectedSet, SelectedSets } from "./selected-sets.ts";
import { ServiceSets } from "./service-sets.ts";

interface Needed {
  readonly spec: SetSpec;
  users: number;
  made: boolean;
}

/** Which sets there are: those that a rule in use refers to, once each however many rules do. */
export class NeededSets {
  readonly selected = new SelectedSets();
  /** The same of nodes, that no other selector chooses. */
  readonly nodes = new SelectedSets();
  readonly services = new ServiceSets();
  readonly #needed = new Map<SetId, Needed>();
  /** Those that may begin or cease to be needed. */
  readonly #dirty = new Set<Needed>();

  get size(): number {
    return this.#needed.size;
  }

  need(spec: SetSpec): void {
    const needed = this.#needed.get(spec.id) ?? { spec, users: 0, made: false };
    this.#needed.set(spec.id, needed);
    needed.users += 1;
    this.#dirty.add(needed);
  }

  drop({ id }: SetSpec): void {
    const needed = this.#needed.get(id);
    if (needed === undefined) return;
    needed.users -= 1;
    this.#dirty.add(needed);
  }

  /** Sets that nobody needs any more, before their members change in vain. */
  takeGone(changes: Map<SetId, SetChange>): void {
    for (const needed of this.#dirty) {
      const { spec, users, made } = needed;
      if (users > 0) continue;
      this.#needed.delete(spec.id);
      this.#dirty.delete(needed);
      if (!made) continue;
      if (spec.kind === "service") this.services.forget(spec);
      else this.#selectedOf(spec).forget(spec);
      changes.set(spec.id, { kind: "gone", spec });
    }
  }

  /** What has changed in sets that were there, then the new ones, whole. */
  takeChanges(changes: Map<SetId, SetChange>): void {
    for (const [spec, delta] of [
      ...this.selected.takeChanges(),
      ...this.nodes.takeChanges(),
      ...this.services.takeChanges(),
    ])
      changes.set(spec.id, changed(spec, delta));
    for (const needed of this.#dirty) {
      if (needed.made) continue;
      needed.made = true;
      changes.set(needed.spec.id, { kind: "made", spec: needed.spec, members: this.#make(needed.spec) });
    }
    this.#dirty.clear();
  }

  #make(spec: SetSpec): readonly SetMember[] {
    return spec.kind === "service" ? this.services.make(spec) : this.#selectedOf(spec).make(spec);
  }

  #selectedOf({ kind }: SelectedSet): SelectedSets {
    return kind === "nodes" ? this.nodes : this.selected;
  }
}

function changed(spec: SetSpec, { added, removed }: Delta): SetChange {
  return { kind: "changed", spec, added: [...added], removed: [...removed] };
}
