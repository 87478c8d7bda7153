import type { Labels } from "@ocicat/api";
import { Prefix } from "@ocicat/net";
import type { Endpoint, NamedPort, NetworkSet } from "../model/endpoint.ts";
import type { Held } from "./sets/addresses.ts";

/** What rules select: an endpoint or a network set, as it was when the sets were last worked out. */
export class Item {
  readonly key: string;
  value: Endpoint | NetworkSet;
  /** With those that it inherits. */
  labels: Labels;
  /** Its addresses or networks, each once. */
  held: readonly Held[] = [];

  constructor(key: string, value: Endpoint | NetworkSet, labels: Labels) {
    this.key = key;
    this.value = value;
    this.labels = labels;
  }
}

export function isEndpoint(value: Endpoint | NetworkSet): value is Endpoint {
  return value.kind === "workload" || value.kind === "host";
}

export function networksOf(value: Endpoint | NetworkSet): readonly Prefix[] {
  return isEndpoint(value) ? value.addresses.map((address) => Prefix.host(address)) : value.networks;
}

export function portsOf(value: Endpoint | NetworkSet): readonly NamedPort[] {
  return isEndpoint(value) ? value.ports : [];
}
