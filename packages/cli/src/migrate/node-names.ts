import { affinityKey, handleKey, type Node, parseIpamKey } from "@ocicat/api";
import { type JsonValue, OcicatError } from "@ocicat/kit";
import { isList, isObject, type JsonObject } from "../json.ts";
import type { Entry } from "./file.ts";
import type { IpamPart } from "./stored.ts";

/**
 * What Kubernetes calls each node, by the name that it has in etcd. In the Kubernetes datastore a node has no other name:
 * whatever bears one is renamed on the way. Throws OcicatError MIGRATE_NODE_NAMES for a node that Kubernetes does not know.
 */
export function kubernetesNames(nodes: readonly Node[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const owners = new Map<string, string>();
  for (const { metadata, spec } of nodes) {
    const name = spec.orchRefs?.find(({ orchestrator }) => orchestrator === "k8s")?.nodeName;
    if (name === undefined || name === "")
      throw unknown(metadata.name, "has no orchRef of orchestrator k8s with a nodeName: Kubernetes does not know it");
    const other = owners.get(name);
    if (other !== undefined) throw unknown(metadata.name, `is ${name} to Kubernetes, and so is node ${other}`);
    owners.set(name, metadata.name);
    names.set(metadata.name, name);
  }
  return names;
}

function unknown(name: string, what: string): OcicatError {
  const fix = "mend its spec.orchRefs, or delete the node; without --to kubernetes every node keeps its name";
  return new OcicatError({ code: "MIGRATE_NODE_NAMES", where: `node ${name}`, what, fix });
}

type Rename = (name: string) => string;

/** By the kind's plural: a resource's document with the nodes in it renamed. */
const IN_RESOURCES: Readonly<Record<string, (document: JsonObject, rename: Rename) => JsonObject>> = {
  nodes: (document, rename) => renamedAt(document, ["metadata", "name"], rename),
  bgpconfigurations: renamedConfiguration,
  felixconfigurations: renamedConfiguration,
  bgppeers: (document, rename) => renamedAt(document, ["spec", "node"], rename),
  hostendpoints: (document, rename) => renamedAt(document, ["spec", "node"], rename),
};

export function renameInResource(plural: string, document: JsonObject, names: ReadonlyMap<string, string>): JsonObject {
  return IN_RESOURCES[plural]?.(document, renameBy(names)) ?? document;
}

function renameBy(names: ReadonlyMap<string, string>): Rename {
  return (name) => names.get(name) ?? name;
}

/** `node.<name>`: of one node. */
function renamedConfiguration(document: JsonObject, rename: Rename): JsonObject {
  const prefix = "node.";
  return renamedAt(document, ["metadata", "name"], (name) =>
    name.startsWith(prefix) ? prefix + rename(name.slice(prefix.length)) : name,
  );
}

function renamedAt(value: JsonObject, [name, ...rest]: readonly string[], rename: Rename): JsonObject {
  const member = name === undefined ? undefined : value[name];
  if (name === undefined || member === undefined) return value;
  if (rest.length > 0) return isObject(member) ? { ...value, [name]: renamedAt(member, rest, rename) } : value;
  return typeof member === "string" ? { ...value, [name]: rename(member) } : value;
}

/** Handles of addresses that a node holds for itself. */
const TUNNEL_HANDLES = [
  "ipip-tunnel-addr-",
  "vxlan-tunnel-addr-",
  "vxlan-v6-tunnel-addr-",
  "wireguard-tunnel-addr-",
  "wireguard-v6-tunnel-addr-",
] as const;

const IN_IPAM: Readonly<Record<IpamPart, (entry: Entry, rename: Rename) => Entry>> = {
  affinity({ key, value }, rename) {
    const parsed = parseIpamKey(key);
    if (parsed?.kind !== "affinity" || parsed.owner.type !== "host") return { key, value };
    return { key: affinityKey({ ...parsed.owner, name: rename(parsed.owner.name) }, parsed.prefix), value };
  },
  block({ key, value }, rename) {
    if (!isObject(value)) return { key, value };
    const owned = renamedAt(value, ["affinity"], (text) => {
      const [type, name = ""] = text.split(/:(.*)/s);
      return type === "host" ? `host:${rename(name)}` : text;
    });
    // The name that the member had in blocks of old.
    const block = renamedAt(owned, ["hostAffinity"], rename);
    const { attributes } = block;
    if (!isList(attributes)) return { key, value: block };
    return { key, value: { ...block, attributes: attributes.map((item) => renamedAttribute(item, rename)) } };
  },
  handle({ key, value }, rename) {
    const parsed = parseIpamKey(key);
    return parsed?.kind === "handle" ? { key: handleKey(renamedHandle(parsed.id, rename)), value } : { key, value };
  },
  config: (entry) => entry,
};

export function renameInIpam(part: IpamPart, entry: Entry, names: ReadonlyMap<string, string>): Entry {
  return IN_IPAM[part](entry, renameBy(names));
}

function renamedAttribute(attribute: JsonValue, rename: Rename): JsonValue {
  if (!isObject(attribute)) return attribute;
  const byHandle = renamedAt(attribute, ["handle_id"], (id) => renamedHandle(id, rename));
  return renamedAt(byHandle, ["secondary", "node"], rename);
}

function renamedHandle(id: string, rename: Rename): string {
  const prefix = TUNNEL_HANDLES.find((candidate) => id.startsWith(candidate));
  return prefix === undefined ? id : prefix + rename(id.slice(prefix.length));
}
