import { invalid } from "../errors.ts";
import type { BaseChain, Hook } from "../ir/chain.ts";
import type { Expression, Translate } from "../ir/expression.ts";
import type { MetaKey, Operand } from "../ir/operand.ts";
import type { TableFamily } from "../ir/table.ts";

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

/** Can what the expression does, or asks, be done at some hooks only? */
export function dependsOnHook(expression: Expression): boolean {
  switch (expression.kind) {
    case "masquerade":
    case "translate":
    case "notrack":
    case "reject":
      return true;
    default:
      return operandsOf(expression).some((operand) => operand.kind === "fib" || isOfInterface(operand));
  }
}

function isOfInterface(operand: Operand): boolean {
  return operand.kind === "meta" && WITHOUT_INTERFACE[operand.key] !== undefined;
}

/** Throws NftError for what a packet at the base chain's hook has not, or what cannot be done to it there. */
export function checkAtHook(at: string, base: BaseChain, expression: Expression): void {
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
