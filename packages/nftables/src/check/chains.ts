import { invalid } from "../errors.ts";
import type { BaseChain, Chain, Hook } from "../ir/chain.ts";
import type { Expression, Translate } from "../ir/expression.ts";
import type { MetaKey, Operand } from "../ir/operand.ts";
import type { NamedSet, SetElement } from "../ir/set.ts";
import type { TableFamily } from "../ir/table.ts";
import { targetOf } from "../ir/verdict.ts";

/** NFT_JUMP_STACK_SIZE: the kernel refuses more levels of chains, the base chain among them. */
const MAX_LEVELS = 16;
/** nat chains must come after connection tracking (NF_IP_PRI_CONNTRACK). */
const CONNTRACK_PRIORITY = -200;

const FILTER_HOOKS: Readonly<Record<TableFamily, readonly Hook[]>> = {
  ip: ["prerouting", "input", "forward", "output", "postrouting"],
  ip6: ["prerouting", "input", "forward", "output", "postrouting"],
  inet: ["prerouting", "input", "forward", "output", "postrouting"],
  bridge: ["prerouting", "input", "forward", "output", "postrouting"],
  arp: ["input", "output"],
  netdev: [],
};

/** Where a packet has no such interface yet, or no longer: a comparison there would be a rule that never, or always, holds. */
const WITHOUT_INTERFACE: Readonly<Partial<Record<MetaKey, readonly Hook[]>>> = {
  iifname: ["output"],
  iifgroup: ["output"],
  oifname: ["prerouting", "input"],
  oifgroup: ["prerouting", "input"],
};

const WITH_INCOMING: ReadonlySet<Hook> = new Set<Hook>(["prerouting", "input", "forward"]);
const UNTRACKED_HOOKS: ReadonlySet<Hook> = new Set<Hook>(["prerouting", "output"]);
const TRANSLATION_HOOKS: Readonly<Record<Translate["end"], readonly Hook[]>> = {
  source: ["postrouting", "input"],
  destination: ["prerouting", "output"],
};

/** Is there such a hook for such a chain? Throws NftError. */
export function checkHook(where: string, family: TableFamily, chain: BaseChain): void {
  const { type, hook, priority } = chain;
  const routed = family === "ip" || family === "ip6" || family === "inet";
  const possible: Readonly<Record<BaseChain["type"], boolean>> = {
    filter: FILTER_HOOKS[family].includes(hook),
    nat: routed && hook !== "forward",
    route: routed && hook === "output",
  };
  if (!possible[type]) throw invalid(where, `a ${type} chain of family ${family} has no hook ${hook}`);
  if (!Number.isInteger(priority) || Math.abs(priority) > 0x7fff_ffff) {
    throw invalid(where, `${priority} is not a priority`);
  }
  if (type === "nat" && priority <= CONNTRACK_PRIORITY) {
    throw invalid(where, `priority ${priority} is before connection tracking, without which there is no NAT`);
  }
}

/** Follows the ways through the chains. Throws NftError for circles, for ways too deep, and for what cannot be done at a hook. */
export function checkPaths(where: string, chains: readonly Chain[], sets: readonly NamedSet[]): void {
  const elements = new Map(sets.map((set) => [set.name, set.elements]));
  const graph: Graph = new Map(
    chains.map((chain) => [chain.name, { chain, targets: [...new Set(targetsOf(chain, elements))] }]),
  );
  const levels = new Map<string, number>();
  for (const chain of chains) {
    if (levelsBelow(where, graph, chain.name, levels, []) > MAX_LEVELS) {
      throw invalid(where, `more than ${MAX_LEVELS} levels of chains below ${chain.name}`);
    }
    if (chain.kind !== "baseChain") continue;
    for (const name of reachable(graph, chain.name)) {
      for (const rule of graph.get(name)?.chain.rules ?? []) {
        for (const expression of rule.body) checkAtHook(`${where} chain ${name}`, chain, expression);
      }
    }
  }
}

type Graph = ReadonlyMap<string, { readonly chain: Chain; readonly targets: readonly string[] }>;

/** Itself included. Each chain is looked at once, however many ways lead to it. */
function levelsBelow(
  where: string,
  graph: Graph,
  name: string,
  known: Map<string, number>,
  path: readonly string[],
): number {
  if (path.includes(name)) throw invalid(where, `the chains go in a circle: ${[...path, name].join(" → ")}`);
  const before = known.get(name);
  if (before !== undefined) return before;
  const below = (graph.get(name)?.targets ?? []).map((target) =>
    levelsBelow(where, graph, target, known, [...path, name]),
  );
  const levels = 1 + Math.max(0, ...below);
  known.set(name, levels);
  return levels;
}

function reachable(graph: Graph, from: string): ReadonlySet<string> {
  const reached = new Set([from]);
  for (const name of reached) for (const target of graph.get(name)?.targets ?? []) reached.add(target);
  return reached;
}

function targetsOf(chain: Chain, elements: ReadonlyMap<string, readonly SetElement[]>): readonly string[] {
  return chain.rules.flatMap((rule) => rule.body.flatMap((expression) => verdictsOf(expression, elements)));
}

function verdictsOf(expression: Expression, elements: ReadonlyMap<string, readonly SetElement[]>): readonly string[] {
  const verdicts =
    expression.kind === "verdict"
      ? [expression.verdict]
      : expression.kind === "verdictLookup"
        ? (elements.get(expression.map) ?? []).map((element) => element.verdict)
        : [];
  return verdicts.flatMap((verdict) => (verdict && targetOf(verdict)) ?? []);
}

function checkAtHook(at: string, base: BaseChain, expression: Expression): void {
  const hook = `${base.hook} (from base chain ${base.name})`;
  if (expression.kind === "masquerade" && (base.type !== "nat" || base.hook !== "postrouting")) {
    throw invalid(at, `masquerade in ${hook}`, "masquerade in chains of type nat at postrouting");
  }
  if (expression.kind === "translate") checkTranslation(at, base, expression);
  if (expression.kind === "notrack" && !(base.priority < CONNTRACK_PRIORITY && UNTRACKED_HOOKS.has(base.hook))) {
    throw invalid(
      at,
      `notrack in ${hook}, too late to have an effect`,
      "use prerouting or output before priority -200",
    );
  }
  if (expression.kind === "reject" && base.hook === "postrouting") {
    throw invalid(at, `reject in ${hook}`, "reject before postrouting, or drop");
  }
  for (const operand of operandsOf(expression)) {
    if (operand.kind === "fib" && operand.key !== "daddr type" && !WITH_INCOMING.has(base.hook)) {
      throw invalid(at, `a packet came by no interface in ${hook}`);
    }
    if (operand.kind === "meta" && WITHOUT_INTERFACE[operand.key]?.includes(base.hook) === true) {
      throw invalid(at, `a packet has no ${operand.key} in ${hook}`);
    }
  }
}

function checkTranslation(at: string, base: BaseChain, { end }: Translate): void {
  const hooks = TRANSLATION_HOOKS[end];
  if (base.type !== "nat" || !hooks.includes(base.hook)) {
    throw invalid(
      at,
      `translating the ${end} in ${base.hook} (from base chain ${base.name})`,
      `do it in chains of type nat at ${hooks.join(" or ")}`,
    );
  }
}

function operandsOf(expression: Expression): readonly Operand[] {
  switch (expression.kind) {
    case "compare":
    case "bits":
      return [expression.left];
    case "lookup":
    case "verdictLookup":
      return expression.keys;
    default:
      return [];
  }
}
