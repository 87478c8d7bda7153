import { type Selector, sha1Hex } from "@ocicat/api";
import type { ServiceName } from "./rule.ts";
import type { SetId, SetSpec } from "./sets.ts";

/** Each rule is asked for its sets many times, and a digest costs more than all else in them. */
const selectorSets = new WeakMap<Selector, SetSpec>();
const nodeSets = new WeakMap<Selector, SetSpec>();

/** Addresses of what the selector chooses. */
export function selectorSet(selector: Selector): SetSpec {
  const known = selectorSets.get(selector) ?? { kind: "selector", id: setId("s", selector.text), selector };
  selectorSets.set(selector, known);
  return known;
}

/** Addresses of the nodes that the selector chooses. */
export function nodeSet(selector: Selector): SetSpec {
  const known = nodeSets.get(selector) ?? { kind: "nodes", id: setId("h", selector.text), selector };
  nodeSets.set(selector, known);
  return known;
}

/** The ports that endpoints call so, of those that the selector chooses; of all without one. */
export function namedPortSet(selector: Selector | undefined, protocol: number, name: string): SetSpec {
  const id = setId("n", selector?.text ?? "", String(protocol), name);
  return { kind: "namedPort", id, selector, protocol, name };
}

/** The endpoints of a service, with their ports or without. */
export function serviceSet(service: ServiceName, ports: boolean): SetSpec {
  const id = setId("v", service.namespace, service.name, String(ports));
  return { kind: "service", id, service, ports };
}

/** 64 of SHA-1's bits: among a million sets the chance of two alike is 1 in 30 million. */
function setId(kind: string, ...parts: readonly string[]): SetId {
  // None of the parts can hold a line's end.
  return `${kind}-${sha1Hex(parts.join("\n")).slice(0, 16)}` as SetId;
}
