import type { BaseChain, Table } from "@ocicat/nftables";
import type { Node } from "../space/diagram.ts";
import type { Logic } from "../space/logic.ts";
import { JOURNEYS, type Journey, type Traffic } from "../traffic.ts";
import type { Chains } from "./chains.ts";
import type { Asked } from "./match.ts";

/** A journey's base chains by the interface that their verdicts depend on: no one chain is to ask for both. */
export interface Sides {
  readonly incoming: readonly BaseChain[];
  readonly outgoing: readonly BaseChain[];
  readonly both: readonly BaseChain[];
}

/** What a table's base chains do to packets on their way, one after the other. */
export class Ways {
  readonly #logic: Logic;
  readonly #chains: Chains;
  readonly #base: readonly BaseChain[];

  constructor(logic: Logic, chains: Chains, table: Table) {
    this.#logic = logic;
    this.#chains = chains;
    this.#base = table.dormant ? [] : table.chains.filter((chain): chain is BaseChain => chain.kind === "baseChain");
  }

  /** In the order in which the kernel comes by. */
  chainsOf(journey: Journey): readonly BaseChain[] {
    return JOURNEYS[journey].flatMap((hook) =>
      this.#base.filter((chain) => chain.hook === hook).toSorted((a, b) => a.priority - b.priority),
    );
  }

  /** In pieces: the diagrams of all chains are made here. */
  *sides(journey: Journey, traffics: readonly Traffic[]): Generator<undefined, Sides> {
    const sides = { incoming: [] as BaseChain[], outgoing: [] as BaseChain[], both: [] as BaseChain[] };
    for (const chain of this.chainsOf(journey)) {
      const asked: Asked = { incoming: false, outgoing: false };
      for (const traffic of traffics) {
        this.#chains.meaning(chain.name, traffic, asked);
        yield undefined;
      }
      sides[asked.incoming && asked.outgoing ? "both" : asked.outgoing ? "outgoing" : "incoming"].push(chain);
    }
    return sides;
  }

  /** Accept or drop for every packet, or unknown. */
  meaning(chains: readonly BaseChain[], traffic: Traffic): Node {
    const logic = this.#logic;
    const each = chains.map((chain) =>
      logic.atHook(this.#chains.meaning(chain.name, traffic, { incoming: false, outgoing: false }), chain.policy),
    );
    return logic.unmarked(each.reduceRight((after, one) => logic.both(one, after), logic.accept));
  }
}
