import {
  type ActualTable,
  type Chain,
  commentOf,
  elementComment,
  elementKey,
  type NamedSet,
  type NftKernel,
  readTables,
  type Table,
  type TableRef,
} from "@ocicat/nftables";

/** A table as a plain value, in an order of its own: two are deeply equal if the tables mean the same. */
export function canonical(table: Table) {
  return {
    family: table.family,
    name: table.name,
    dormant: table.dormant,
    sets: table.sets.map(canonicalSet).toSorted(byName),
    chains: table.chains.map(canonicalChain).toSorted(byName),
  };
}

export function readCanonical(kernel: NftKernel, ...refs: readonly TableRef[]) {
  return readActual(kernel, ...refs).map(({ table }) => canonical(table));
}

export function readActual(kernel: NftKernel, ...refs: readonly TableRef[]): readonly ActualTable[] {
  return readTables((request) => kernel.nftQuery(request), refs);
}

function canonicalSet(set: NamedSet) {
  const elements = set.elements.map((one) => ({
    text: elementKey(set, one),
    key: one.key,
    verdict: one.verdict,
    timeout: one.timeout,
    comment: elementComment(one),
  }));
  return {
    name: set.name,
    key: set.key,
    data: set.data,
    interval: set.interval,
    timeout: set.timeout,
    elements: elements.toSorted((a, b) => (a.text < b.text ? -1 : 1)),
  };
}

function canonicalChain(chain: Chain) {
  const rules = chain.rules.map((rule) => ({ body: rule.body, comment: commentOf(rule) }));
  if (chain.kind === "chain") return { name: chain.name, rules };
  const { name, type, hook, priority, policy } = chain;
  return { name, type, hook, priority, policy, rules };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
