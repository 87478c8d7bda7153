import { parseSelector, type Selector, type SelectorNode, selectorOf } from "@ocicat/api";
import {
  allOf,
  asServiceAccounts,
  hasLabel,
  inNamespaces,
  isLabel,
  NAMESPACE_LABEL,
  SERVICE_ACCOUNT_LABEL,
} from "./selectors.ts";

/** What a policy says of the endpoints that it is for. */
interface Choice {
  readonly selector: string | undefined;
  readonly serviceAccountSelector: string | undefined;
  readonly namespaceSelector: string | undefined;
}

/** Which endpoints a policy applies to, its namespace counted in. Throws SelectorError. */
export function appliesTo(choice: Choice, namespace: string | undefined): Selector {
  const { selector = "", serviceAccountSelector, namespaceSelector } = choice;
  const conditions: readonly SelectorNode[] = [
    parseSelector(selector),
    ...scope(namespace),
    ...(namespaceSelector === undefined ? [] : [inNamespaces(namespaceSelector)]),
    ...(serviceAccountSelector === undefined ? [] : [serviceAccounts(serviceAccountSelector, namespace)]),
  ];
  return selectorOf(allOf(...conditions));
}

/** What a policy can apply to at most. */
export function everythingOf(namespace: string | undefined): Selector {
  return selectorOf(allOf(...scope(namespace)));
}

function scope(namespace: string | undefined): readonly SelectorNode[] {
  return namespace === undefined ? [] : [isLabel(NAMESPACE_LABEL, namespace)];
}

/** In a policy of no namespace, all() are those that run as any. In a namespaced one Calico takes it for everything. */
function serviceAccounts(selector: string, namespace: string | undefined): SelectorNode {
  return namespace === undefined
    ? asServiceAccounts(selector, hasLabel(SERVICE_ACCOUNT_LABEL))
    : asServiceAccounts(selector);
}
