import {
  API_VERSION,
  compileSelector,
  type HostEndpoint,
  hostEndpoint,
  type KubeControllersConfigurationSpec,
  type Node,
  node,
} from "@ocicat/api";
import { parseAddress, parsePrefix } from "@ocicat/net";
import type { Controller, Want } from "./controller.ts";
import { made } from "./resources.ts";
import { decoded, type Rows } from "./rows.ts";

const NODES = node.storage.prefix();
const ENDPOINTS = hostEndpoint.storage.prefix();
const SUFFIX = "-auto-hep";
/** Whose they are: what does not have it is never touched. */
const CREATED_BY = "projectcalico.org/created-by";
const CREATOR = "calico-kube-controllers";
const ALLOW = "projectcalico-default-allow";

type Settings = NonNullable<NonNullable<KubeControllersConfigurationSpec["controllers"]["node"]>["hostEndpoint"]>;
type Template = NonNullable<Settings["templates"]>[number];

/**
 * Host endpoints made for nodes: one for all of a node's interfaces, and those of templates.
 *
 *     node1-auto-hep                       all interfaces, all addresses of the node
 *     node1-<template>-auto-hep            the interface that has one of the template's addresses
 *     node1-<template>-<name>-auto-hep     the interface of this name, which the template's pattern matches
 *
 * A subject is a node's name. Its endpoints go with it, with its template, and when they are switched off.
 */
export const hostEndpoints: Controller = {
  name: "hostendpoint",
  reads: { kubernetes: [], store: [NODES, ENDPOINTS] },
  subjects(side, key, { store }) {
    if (side !== "store") return [];
    if (key.startsWith(NODES)) return [key.slice(NODES.length)];
    return key.startsWith(ENDPOINTS) && key.endsWith(SUFFIX) ? nodesOf(key, store) : [];
  },
  *plan(name, { store, settings }) {
    const present = store.read(node, `${NODES}${name}`);
    const wanted = present === undefined ? [] : endpointsOf(present, settings?.controllers.node?.hostEndpoint);
    const keys = new Set(wanted.map(({ key }) => key));
    for (const want of wanted) if (isOursOrFree(store, want.key)) yield want;
    const why = present === undefined ? `node ${name} does not exist` : "it is not called for any more";
    for (const { key } of store.below(`${ENDPOINTS}${name}-`)) {
      if (!keys.has(key) && nodeOf(store, key) === name) yield { key, resource: undefined, why };
    }
  },
};

/** The node whose endpoint it was or is; of one that is gone, all that its name begins with. */
function nodesOf(key: string, store: Rows): readonly string[] {
  const name = nodeOf(store, key);
  if (name !== undefined) return [name];
  const rest = key.slice(ENDPOINTS.length, -SUFFIX.length);
  const dashes = [...rest.matchAll(/-/g)].map(({ index }) => rest.slice(0, index));
  return [...dashes, rest].filter((prefix) => store.get(`${NODES}${prefix}`) !== undefined);
}

/** Undefined: it is not ours, or there is none. */
function nodeOf(store: Rows, key: string): string | undefined {
  const row = store.get(key);
  if (row === undefined) return undefined;
  const { metadata, spec } = decoded(hostEndpoint, row);
  return metadata.labels?.[CREATED_BY] === CREATOR ? spec.node : undefined;
}

function isOursOrFree(store: Rows, key: string): boolean {
  return store.get(key) === undefined || nodeOf(store, key) !== undefined;
}

function endpointsOf(present: Node, settings: Settings | undefined): readonly Want[] {
  if (settings?.autoCreate !== "Enabled") return [];
  const { name } = present.metadata;
  const all = settings.createDefaultHostEndpoint !== "Disabled" ? [defaultOf(present)] : [];
  return [...all, ...(settings.templates ?? []).flatMap((template) => templated(present, template))].map(
    (resource) => ({
      key: hostEndpoint.storage.key(resource.metadata.name, undefined) ?? "",
      resource,
      why: `node ${name} is so`,
    }),
  );
}

function defaultOf(present: Node): HostEndpoint {
  return endpoint(present, "", "*", nodeAddresses(present), {});
}

function templated(present: Node, template: Template): readonly HostEndpoint[] {
  const { generateName = "", interfaceCIDRs = [], interfacePattern, nodeSelector = "" } = template;
  if (!compileSelector(nodeSelector || "all()").matches(present.metadata.labels ?? {})) return [];
  const networks = interfaceCIDRs.map((network) => parsePrefix(network));
  const inside = (address: string) => {
    const parsed = parseAddress(address);
    return networks.some((network) => network.has(parsed));
  };
  if (interfacePattern === undefined || interfacePattern === "") {
    const addresses = nodeAddresses(present).filter(inside);
    return addresses.length === 0 ? [] : [endpoint(present, generateName, undefined, addresses, template)];
  }
  const pattern = new RegExp(interfacePattern);
  return (present.spec.interfaces ?? []).flatMap(({ name = "", addresses = [] }) => {
    const own = addresses.map(withoutLength);
    const expected = networks.length === 0 ? own : own.filter(inside);
    if (!pattern.test(name) || (networks.length > 0 && expected.length === 0)) return [];
    return [endpoint(present, `${generateName}-${dnsName(name)}`, name, expected, template)];
  });
}

function endpoint(
  { metadata }: Node,
  middle: string,
  interfaceName: string | undefined,
  expectedIPs: readonly string[],
  { labels = {}, annotations }: Pick<Template, "labels" | "annotations">,
): HostEndpoint {
  const parts = [metadata.name, middle].filter((part) => part !== "");
  return made(hostEndpoint, {
    kind: "HostEndpoint",
    apiVersion: API_VERSION,
    metadata: {
      name: `${parts.join("-")}${SUFFIX}`,
      labels: { ...metadata.labels, ...labels, [CREATED_BY]: CREATOR },
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      node: metadata.name,
      ...(interfaceName === undefined ? {} : { interfaceName }),
      expectedIPs,
      profiles: [ALLOW],
    },
  });
}

/** By which others reach the node, and its tunnels'. */
function nodeAddresses({ spec }: Node): readonly string[] {
  const { bgp, wireguard } = spec;
  const internal = (spec.addresses ?? []).filter(({ type }) => type === "InternalIP").map(({ address }) => address);
  const all = [
    bgp?.ipv4Address,
    bgp?.ipv6Address,
    bgp?.ipv4IPIPTunnelAddr,
    spec.ipv4VXLANTunnelAddr,
    spec.ipv6VXLANTunnelAddr,
    wireguard?.interfaceIPv4Address,
    wireguard?.interfaceIPv6Address,
    ...internal,
  ];
  return [...new Set(all.flatMap((address) => (address ? [withoutLength(address)] : [])))];
}

function withoutLength(address: string): string {
  return address.split("/", 1)[0] ?? address;
}

/** An interface's name in a resource's: what cannot stand there is a dash. */
function dnsName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}
