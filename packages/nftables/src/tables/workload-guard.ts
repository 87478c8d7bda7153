import { type Origin, origin, type ResourceRef } from "@ocicat/kit";
import { baseChain } from "../ir/chain.ts";
import { COUNTER, type Expression, equal, notInSet, verdict } from "../ir/expression.ts";
import { meta, type Operand } from "../ir/operand.ts";
import { rule } from "../ir/rule.ts";
import { element, type SetElement, set } from "../ir/set.ts";
import { type SetRef, type Table, type TableRef, table } from "../ir/table.ts";
import { interfaceName, interfacePrefix } from "../ir/value.ts";
import { DROP } from "../ir/verdict.ts";
import { workloadPrefixes } from "./interface-prefix.ts";

export const GUARD_TABLE: TableRef = Object.freeze({ family: "inet", name: "ocicat-guard" });

/** The set of interfaces with a workload behind them. */
export const KNOWN_INTERFACES: SetRef = Object.freeze({ table: GUARD_TABLE, set: "known" });

export interface WorkloadGuardOptions {
  /** Interfaces of this node's workload endpoints, each with the endpoint it belongs to. */
  readonly knownInterfaces: ReadonlyMap<string, Origin>;
  /** FelixConfiguration's interfacePrefix: "cali", or several separated by commas. */
  readonly interfacePrefix: string;
  /** Where the prefix comes from, if somebody set it. */
  readonly configuration?: ResourceRef | undefined;
}

/** NF_IP_PRI_RAW: before connection tracking. */
const RAW_PRIORITY = -300;

/**
 * Fail closed: an interface that looks like a workload's and is nobody's neither sends nor receives. Other interfaces are not
 * looked at twice.
 *
 *     prerouting    iifname "cali*" iifname != @known drop     for the host and to be forwarded alike
 *     postrouting   oifname "cali*" oifname != @known drop     forwarded and the host's own alike
 *
 * Both are where every packet of that direction passes, whatever other tables do between them, and no other table can
 * undo a drop. Knowing one interface more is one element in a hash set.
 */
export function workloadGuard(options: WorkloadGuardOptions): Table {
  const prefixes = workloadPrefixes(options.interfacePrefix);
  const from = options.configuration === undefined ? [] : [options.configuration];
  return table({
    ...GUARD_TABLE,
    origin: origin("workload interfaces nobody knows get no traffic", ...from),
    sets: [
      set({
        name: KNOWN_INTERFACES.set,
        key: "ifname",
        origin: origin("interfaces with a workload endpoint"),
        elements: [...options.knownInterfaces].map(([name, why]) => knownInterface(name, why)),
      }),
    ],
    chains: [
      guardChain(
        "prerouting",
        meta("iifname"),
        prefixes,
        origin("from a workload interface without an endpoint", ...from),
      ),
      guardChain(
        "postrouting",
        meta("oifname"),
        prefixes,
        origin("to a workload interface without an endpoint", ...from),
      ),
    ],
  });
}

/** For NftReconciler.putElement(KNOWN_INTERFACES, …): one interface more. */
export function knownInterface(name: string, why: Origin): SetElement {
  return element(why, interfaceName(name));
}

function guardChain(hook: "prerouting" | "postrouting", device: Operand, prefixes: readonly string[], why: Origin) {
  const unknown = (prefix: string): readonly Expression[] => [
    equal(device, interfacePrefix(prefix)),
    notInSet(device, KNOWN_INTERFACES.set),
    COUNTER,
    verdict(DROP),
  ];
  return baseChain({
    name: hook,
    type: "filter",
    hook,
    priority: RAW_PRIORITY,
    policy: "accept",
    origin: why,
    rules: prefixes.map((prefix) => rule(why, ...unknown(prefix))),
  });
}
