import type { AttributeId, AttributeStore } from "./attribute-store.ts";
import { FIRST_ROWS, grown32, grownU16, grownU32, NONE, roomFor } from "./columns.ts";
import type { SourceId } from "./sources.ts";

/**
 * What was made of an attribute set for a source, the last one that it was made for: nearly always the only one. Holds
 * neither; what has been forgotten by the store is forgotten here.
 */
export class SetMemo {
  readonly #store: AttributeStore;
  #source = new Uint16Array(FIRST_ROWS);
  #made = new Int32Array(FIRST_ROWS);
  /** Of the set when it was looked at, plus one; 0: never. */
  #generation = new Uint32Array(FIRST_ROWS);
  #madeGeneration = new Uint32Array(FIRST_ROWS);

  constructor(store: AttributeStore) {
    this.#store = store;
  }

  /** Undefined: not known. NONE: nothing is made of it. */
  get(set: AttributeId, source: SourceId): AttributeId | undefined {
    const store = this.#store;
    if (this.#generation[set] !== store.generation(set) + 1 || this.#source[set] !== source) return undefined;
    const made = this.#made[set] ?? NONE;
    return made === NONE || this.#madeGeneration[set] === store.generation(made) ? made : undefined;
  }

  put(set: AttributeId, source: SourceId, made: AttributeId): void {
    if (set >= this.#made.length) this.#makeRoom(set);
    this.#source[set] = source;
    this.#made[set] = made;
    this.#generation[set] = this.#store.generation(set) + 1;
    this.#madeGeneration[set] = this.#store.generation(made);
  }

  clear(): void {
    this.#generation.fill(0);
  }

  #makeRoom(set: AttributeId): void {
    const rows = roomFor(set, this.#made.length);
    this.#source = grownU16(this.#source, rows);
    this.#made = grown32(this.#made, rows);
    this.#generation = grownU32(this.#generation, rows);
    this.#madeGeneration = grownU32(this.#madeGeneration, rows);
  }
}
