import type { NamedSet } from "@ocicat/nftables";
import type { Rule } from "@ocicat/policy";
import { type SetId, setsOfRules } from "@ocicat/policy";
import type { RuleChain } from "../rule-chain.ts";
import type { TableSink } from "../sink.ts";

/** How the rules of one owner in one direction become a chain, with the sets as they are at the time. */
export interface RuleSource {
  readonly rules: readonly Rule[];
  readonly compile: () => RuleChain;
}

/** The chains of policies and profiles, and the constant sets that they list, change by change. */
export class KeptRules {
  readonly #sources = new Map<string, RuleSource>();
  readonly #chains = new Map<string, RuleChain>();
  readonly #usedBy = new Map<SetId, Set<string>>();
  readonly #constants = new Map<string, number>();
  /** Their rules are older than their owner, or than the sets. */
  readonly #stale = new Set<string>();
  readonly #leavingChains = new Set<string>();
  readonly #leavingSets = new Set<string>();
  readonly #sink: TableSink;

  constructor(sink: TableSink) {
    this.#sink = sink;
  }

  get chains(): ReadonlyMap<string, RuleChain> {
    return this.#chains;
  }

  /** Undefined: there is no such owner any more. */
  put(key: string, source: RuleSource | undefined): void {
    const before = this.#sources.get(key);
    if (before === undefined && source === undefined) return;
    for (const id of setsOfRules(before?.rules ?? []).keys()) this.#unuse(id, key);
    if (source === undefined) this.#sources.delete(key);
    else this.#sources.set(key, source);
    for (const id of setsOfRules(source?.rules ?? []).keys()) this.#use(id, key);
    this.#stale.add(key);
  }

  /** The kernel has other sets of it than before. */
  setChanged(id: SetId): void {
    for (const key of this.#usedBy.get(id) ?? []) this.#stale.add(key);
  }

  /** Everything is compiled anew. */
  refresh(): void {
    for (const key of this.#sources.keys()) this.#stale.add(key);
  }

  /** Makes what is stale anew. Returns the keys of those that are now called differently: at all, or for passing. */
  settle(): ReadonlySet<string> {
    const changed = new Set<string>();
    for (const key of this.#stale) {
      const before = this.#chains.get(key);
      const after = this.#sources.get(key)?.compile();
      for (const set of after?.constants ?? []) this.#hold(set);
      for (const set of before?.constants ?? []) this.#release(set);
      if (after === undefined) this.#chains.delete(key);
      else this.#chains.set(key, after);
      if (after?.chain !== undefined) {
        this.#leavingChains.delete(after.chain.name);
        this.#sink.putChain(after.chain);
      } else if (before?.chain !== undefined) {
        this.#leavingChains.add(before.chain.name);
      }
      if ((before?.chain === undefined) !== (after?.chain === undefined) || before?.passes !== after?.passes) {
        changed.add(key);
      }
    }
    this.#stale.clear();
    return changed;
  }

  /** Takes away what nobody calls or looks into any more. */
  sweep(): void {
    for (const name of this.#leavingChains) this.#sink.deleteChain(name);
    for (const name of this.#leavingSets) this.#sink.deleteSet(name);
    this.#leavingChains.clear();
    this.#leavingSets.clear();
  }

  #hold(set: NamedSet): void {
    const holders = this.#constants.get(set.name) ?? 0;
    this.#constants.set(set.name, holders + 1);
    if (holders > 0 || this.#leavingSets.delete(set.name)) return;
    this.#sink.putSet(set);
  }

  #release({ name }: NamedSet): void {
    const holders = (this.#constants.get(name) ?? 0) - 1;
    if (holders > 0) {
      this.#constants.set(name, holders);
      return;
    }
    this.#constants.delete(name);
    this.#leavingSets.add(name);
  }

  #use(id: SetId, key: string): void {
    const users = this.#usedBy.get(id);
    if (users === undefined) this.#usedBy.set(id, new Set([key]));
    else users.add(key);
  }

  #unuse(id: SetId, key: string): void {
    const users = this.#usedBy.get(id);
    users?.delete(key);
    if (users?.size === 0) this.#usedBy.delete(id);
  }
}
