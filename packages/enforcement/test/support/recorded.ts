import {
  type Chain,
  element,
  elementKey,
  type NamedSet,
  renderElement,
  ruleKey,
  type SetElement,
  type SetRef,
  type Table,
  type TableEdits,
  type TableRef,
  type Value,
} from "@ocicat/nftables";

interface Kept {
  readonly set: NamedSet;
  readonly elements: Map<string, SetElement>;
}

/** Keeps what it is told, and refuses what the kernel would: what is not there, and what is still in use. */
export class RecordedTable implements TableEdits {
  readonly #sets = new Map<string, Kept>();
  readonly #chains = new Map<string, Chain>();
  /** How often it was told anything. */
  operations = 0;

  putSet(_table: TableRef, set: NamedSet): void {
    this.operations += 1;
    this.#sets.set(set.name, { set, elements: new Map(set.elements.map((one) => [elementKey(set, one), one])) });
    for (const one of set.elements) this.#checkTarget(one);
  }

  deleteSet({ set: name }: SetRef): void {
    this.operations += 1;
    if (!this.#sets.delete(name)) throw new Error(`there is no set ${name} to delete`);
  }

  putElement({ set: name }: SetRef, one: SetElement): void {
    this.operations += 1;
    const kept = this.#kept(name);
    this.#checkTarget(one);
    kept.elements.set(elementKey(kept.set, one), one);
  }

  deleteElement({ set: name }: SetRef, key: Value | readonly Value[]): void {
    this.operations += 1;
    const kept = this.#kept(name);
    const text = elementKey(kept.set, element(kept.set.origin, key));
    if (!kept.elements.delete(text)) throw new Error(`${name} has no element ${text} to delete`);
  }

  putChain(_table: TableRef, chain: Chain): void {
    this.operations += 1;
    this.#checkRules(chain);
    this.#chains.set(chain.name, chain);
  }

  deleteChain(_table: TableRef, name: string): void {
    this.operations += 1;
    if (!this.#chains.delete(name)) throw new Error(`there is no chain ${name} to delete`);
  }

  /** Throws if anything is used that is not there. */
  check(): void {
    for (const chain of this.#chains.values()) this.#checkRules(chain);
    for (const { elements } of this.#sets.values()) for (const one of elements.values()) this.#checkTarget(one);
  }

  /** What it holds, as text whose order does not depend on how it came to be. */
  get content(): readonly string[] {
    return contentOf(
      [...this.#sets.values()].map(({ set, elements }) => ({ ...set, elements: [...elements.values()] })),
      [...this.#chains.values()],
    );
  }

  #kept(name: string): Kept {
    const kept = this.#sets.get(name);
    if (kept === undefined) throw new Error(`there is no set ${name}`);
    return kept;
  }

  #checkRules({ rules }: Chain): void {
    for (const one of rules.flatMap(({ body }) => body)) {
      if (one.kind === "lookup") this.#kept(one.set);
      if (one.kind === "verdictLookup") this.#kept(one.map);
      if (one.kind === "verdict") this.#checkChain(one.verdict);
    }
  }

  #checkTarget(element: SetElement): void {
    if (element.verdict !== undefined) this.#checkChain(element.verdict);
  }

  #checkChain(verdict: NonNullable<SetElement["verdict"]>): void {
    if ((verdict.kind === "jump" || verdict.kind === "goto") && !this.#chains.has(verdict.chain)) {
      throw new Error(`there is no chain ${verdict.chain}`);
    }
  }
}

export function contentOfTable({ sets, chains }: Table): readonly string[] {
  return contentOf(sets, chains);
}

function contentOf(sets: readonly NamedSet[], chains: readonly Chain[]): readonly string[] {
  return [
    ...sets.map((set) => {
      const elements = set.elements.map((one) => renderElement(set, one)).sort();
      return `set ${set.name} ${set.key.join(" . ")} ${set.interval} { ${elements.join(", ")} }`;
    }),
    ...chains.map((chain) => {
      const hook = chain.kind === "baseChain" ? `${chain.hook} ${chain.priority} ${chain.policy}` : "";
      return [`chain ${chain.name} ${hook}`, ...chain.rules.map(ruleKey)].join("\n  ");
    }),
  ].sort();
}
