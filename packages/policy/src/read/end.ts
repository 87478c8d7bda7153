import { type EntityRule, parseSelector, type Selector, type SelectorNode, selectorOf } from "@ocicat/api";
import type { End, PortMatch } from "../model/rule.ts";
import { readNetwork } from "./network.ts";
import {
  allOf,
  asServiceAccounts,
  inNamespaces,
  isLabel,
  isOneOf,
  NAMESPACE_LABEL,
  negated,
  SERVICE_ACCOUNT_LABEL,
} from "./selectors.ts";

/** Matches everything. */
export const ANY_END: End = Object.freeze({
  networks: [],
  notNetworks: [],
  selector: undefined,
  notSelector: undefined,
  nodes: undefined,
  ports: [],
  notPorts: [],
  service: undefined,
});

/**
 * One end of a rule. `namespace`: of the policy, if it has one. Throws SelectorError and AddressError, on what no check let
 * through.
 */
export function readEnd(end: EntityRule, namespace: string | undefined): End {
  const { nets = [], notNets = [], ports = [], notPorts = [], services } = end;
  const selector = selectorOfEnd(end, namespace);
  return {
    networks: nets.map((text) => readNetwork(text)),
    notNetworks: notNets.map((text) => readNetwork(text)),
    selector,
    notSelector: selector === undefined ? optionalSelector(end.notSelector) : undefined,
    nodes: undefined,
    ports: ports.map(readPort),
    notPorts: notPorts.map(readPort),
    service:
      services === undefined ? undefined : { name: services.name, namespace: services.namespace ?? namespace ?? "" },
  };
}

/**
 * All that chooses endpoints, as one selector; undefined where nothing does.
 *
 *     namespaceSelector   what endpoints have from their namespaces; without one, a namespaced policy means its own …
 *     serviceAccounts     … as soon as anything here chooses endpoints: a rule with networks alone is not narrowed
 *     selector
 *     notSelector         beside any of them it thins them out; alone it says what else may be there, known or not
 */
function selectorOfEnd(end: EntityRule, namespace: string | undefined): Selector | undefined {
  const { selector, notSelector, namespaceSelector, serviceAccounts } = end;
  const chosen = [
    ...(serviceAccounts === undefined ? [] : readServiceAccounts(serviceAccounts)),
    ...(selector === undefined ? [] : [parseSelector(selector)]),
  ];
  const scope = scopeOf(namespaceSelector, namespace);
  const isScoped =
    scope !== undefined && (chosen.length > 0 || notSelector !== undefined || namespaceSelector !== undefined);
  const wanted = isScoped ? [scope, ...chosen] : chosen;
  if (wanted.length === 0) return undefined;
  const unwanted = notSelector === undefined ? [] : [negated(parseSelector(notSelector))];
  return selectorOf(allOf(...wanted, ...unwanted));
}

function scopeOf(namespaceSelector: string | undefined, namespace: string | undefined): SelectorNode | undefined {
  if (namespaceSelector !== undefined) return inNamespaces(namespaceSelector);
  return namespace === undefined ? undefined : isLabel(NAMESPACE_LABEL, namespace);
}

type ServiceAccounts = NonNullable<EntityRule["serviceAccounts"]>;

function readServiceAccounts({ names = [], selector }: ServiceAccounts): readonly SelectorNode[] {
  return [
    ...(selector === undefined ? [] : [asServiceAccounts(selector)]),
    ...(names.length === 0 ? [] : [isOneOf(SERVICE_ACCOUNT_LABEL, names)]),
  ];
}

function optionalSelector(text: string | undefined): Selector | undefined {
  return text === undefined ? undefined : selectorOf(parseSelector(text));
}

/** A number, a range `first:last`, or a name. */
export function readPort(port: string | number): PortMatch {
  const range = /^(\d+)(?::(\d+))?$/.exec(String(port));
  if (range === null) return { kind: "name", name: String(port) };
  return { kind: "range", first: Number(range[1]), last: Number(range[2] ?? range[1]) };
}
