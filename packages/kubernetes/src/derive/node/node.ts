import { API_VERSION, type Labels, type Node, node as nodeKind, resourceKey } from "@ocicat/api";
import { formatAddress, parsePrefix } from "@ocicat/net";
import { isEmpty, jsonIn, listIn, objectIn, textIn, textMapIn, textsIn } from "../json.ts";
import { given, headOf } from "../metadata.ts";
import { type DerivedRow, rowOf } from "../row.ts";
import { AS_NUMBER, INTERFACES, KUBERNETES_LABELS, OWN_ANNOTATIONS, OWN_LABELS, readSection } from "./annotations.ts";

type NodeAddress = NonNullable<Node["spec"]["addresses"]>[number];
type NodeInterface = NonNullable<Node["spec"]["interfaces"]>[number];

export interface NodeOptions {
  /** Addresses of pods come from the range that Kubernetes gives each node (host-local), so that its first is the tunnel's. */
  readonly usePodCidr?: boolean | undefined;
}

/** A node as Kubernetes knows it, with what agents keep in its annotations. */
export function rowOfNode(kubernetesNode: unknown, options: NodeOptions = {}): DerivedRow {
  const object = objectIn(kubernetesNode);
  const head = headOf(object);
  const { annotations, name } = head;
  const { podCIDR, podCIDRs } = objectIn(object.spec);
  const problems: string[] = [];
  const asNumber = readAsNumber(annotations[AS_NUMBER], problems);
  const status = readSection("status", annotations, problems);
  const tunnel = options.usePodCidr === true ? firstOf(textIn(podCIDR), problems) : undefined;
  const bgp = {
    ...given({ asNumber }),
    ...readSection("bgp", annotations, problems),
    ...(tunnel === undefined ? {} : { ipv4IPIPTunnelAddr: tunnel }),
  };
  const wireguard =
    tunnel === undefined
      ? readSection("wireguard", annotations, problems)
      : given({ interfaceIPv4Address: status.wireguardPublicKey && tunnel });
  const own = {
    labels: textMapOf(annotations, OWN_LABELS, problems),
    notes: textMapOf(annotations, OWN_ANNOTATIONS, problems),
  };
  const row: Node = {
    kind: "Node",
    apiVersion: API_VERSION,
    metadata: {
      name,
      ...given({ uid: head.uid, creationTimestamp: head.creationTimestamp }),
      labels: { ...own.labels, ...head.labels },
      annotations: { ...own.notes, [KUBERNETES_LABELS]: sortedJson(head.labels) },
    },
    spec: {
      ...(isEmpty(bgp) ? {} : { bgp }),
      ...readSection("spec", annotations, problems),
      orchRefs: [{ nodeName: name, orchestrator: "k8s" }],
      ...(isEmpty(wireguard) ? {} : { wireguard }),
      addresses: [...nodeAddresses(bgp), ...kubernetesAddresses(objectIn(object.status).addresses)],
      interfaces: interfacesOf(annotations[INTERFACES], problems),
    },
    status: { ...status, podCIDRs: textsIn(podCIDRs) },
  };
  return rowOf(row, problems);
}

/** The key of a node's row: for one that was deleted. */
export function nodeKeyOf(name: string): string {
  return resourceKey("Node", name);
}

/** Whose node a key is about. */
export function nodeOfKey(key: string): string | undefined {
  return nodeKind.storage.parse(key)?.name;
}

/** 64512, or 0.64512 (RFC 5396). */
function readAsNumber(text: string | undefined, problems: string[]): number | undefined {
  if (text === undefined || text === "") return undefined;
  const [, high = "0", low = ""] = /^(?:(\d{1,5})\.)?(\d{1,10})$/.exec(text) ?? [];
  const [top, rest] = [Number(high), Number(low)];
  const number = top * 65_536 + rest;
  const isDotted = text.includes(".");
  if (low !== "" && number <= 0xffff_ffff && !(isDotted && (top > 65_535 || rest > 65_535))) return number;
  problems.push(`${AS_NUMBER}: "${text}" is no AS number`);
  return undefined;
}

/** The first address of an IPv4 range. */
function firstOf(range: string | undefined, problems: string[]): string | undefined {
  if (range === undefined) return undefined;
  try {
    const { address } = parsePrefix(range);
    return typeof address === "number" ? formatAddress(parsePrefix(range).nth(1)) : undefined;
  } catch {
    problems.push(`spec.podCIDR: "${range}" is no range of addresses`);
    return undefined;
  }
}

function nodeAddresses({ ipv4Address, ipv6Address }: NonNullable<Node["spec"]["bgp"]>): readonly NodeAddress[] {
  return [ipv4Address, ipv6Address].flatMap((address) =>
    address === undefined ? [] : [{ address, type: "CalicoNodeIP" as const }],
  );
}

function kubernetesAddresses(addresses: unknown): readonly NodeAddress[] {
  return listIn(addresses).flatMap((each): readonly NodeAddress[] => {
    const { type, address: text } = objectIn(each);
    const address = textIn(text);
    return address !== undefined && (type === "InternalIP" || type === "ExternalIP") ? [{ address, type }] : [];
  });
}

function interfacesOf(text: string | undefined, problems: string[]): readonly NodeInterface[] {
  if (text === undefined || text === "") return [];
  const list = jsonIn(text);
  if (!Array.isArray(list)) problems.push(`${INTERFACES}: is not a JSON list`);
  return listIn(list).map((each) => {
    const { name, addresses } = objectIn(each);
    return { ...given({ name: textIn(name) }), addresses: textsIn(addresses) };
  });
}

function textMapOf(annotations: Readonly<Record<string, string>>, name: string, problems: string[]): Labels {
  const text = annotations[name];
  if (text === undefined || text === "") return {};
  const value = jsonIn(text);
  if (value === undefined) problems.push(`${name}: is not JSON`);
  return textMapIn(value);
}

function sortedJson(labels: Labels): string {
  return JSON.stringify(Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))));
}
