import {
  API_VERSION,
  type Labels,
  readQosAnnotations,
  resourceKey,
  type WorkloadEndpoint,
  withoutPluginBandwidth,
  workloadEndpointName,
  workloadInterfaceName,
} from "@ocicat/api";
import { toError } from "@ocicat/kit";
import { formatAddress, type Prefix, parseAddress, parseMac, parsePrefix } from "@ocicat/net";
import { jsonIn, objectIn, textIn } from "../json.ts";
import { given, headOf, type ObjectHead } from "../metadata.ts";
import { namespaceProfile, serviceAccountProfile } from "../profile.ts";
import { type DerivedRow, rowOf } from "../row.ts";
import { podAddresses } from "./addresses.ts";
import { ALLOWED_SOURCES, CONTAINER_ID, FLOATING_IPS, MAC, NETWORK_STATUS } from "./annotations.ts";
import { podPorts } from "./ports.ts";

/** Kubernetes knows one interface of a pod, and calls it so. */
export const POD_INTERFACE = "eth0";
/** A label has no longer value. */
const LABEL_MAX = 63;

export interface PodOptions {
  /** What the names of workloads' interfaces on the host begin with: `cali` unless told. */
  readonly interfacePrefix?: string | undefined;
}

/**
 * The endpoint of a pod. Undefined for a pod that has none: one of the host's network, one that is on no node yet. A pod can
 * become an endpoint, and never ceases to be one but by going. What it says that is none is left out, and told.
 */
export function rowOfPod(pod: unknown, options: PodOptions = {}): DerivedRow | undefined {
  const object = objectIn(pod);
  const head = headOf(object);
  const spec = objectIn(object.spec);
  const node = textIn(spec.nodeName);
  if (node === undefined || spec.hostNetwork === true || head.name === "" || head.namespace === "") return undefined;
  const problems: string[] = [];
  const attempt = <T>(read: () => T, otherwise: T): T => attempted(read, otherwise, problems);
  const { annotations, namespace, name } = head;
  const networks = attempt(() => podAddresses(head, objectIn(object.status)), []);
  const serviceAccountName = textIn(spec.serviceAccountName);
  const { controls, problems: limits } = readQosAnnotations(withoutPluginBandwidth(annotations));
  problems.push(...limits.map(({ annotation, text, why }) => `${annotation}: "${text}" ${why}`));
  const endpoint: WorkloadEndpoint = {
    kind: "WorkloadEndpoint",
    apiVersion: API_VERSION,
    metadata: {
      name: endpointNameOf(node, name),
      namespace,
      ...given({ uid: head.uid, creationTimestamp: head.creationTimestamp }),
      labels: labelsOf(head, serviceAccountName),
      ...statusOf(annotations),
    },
    // In the order in which it is stored, as `usualRow` wants it.
    spec: {
      orchestrator: "k8s",
      node,
      ...given({ containerID: textIn(annotations[CONTAINER_ID]) }),
      pod: name,
      endpoint: POD_INTERFACE,
      ...given({ serviceAccountName }),
      ...some("ipNetworks", networks.map(String)),
      ...some(
        "ipNATs",
        attempt(() => floatingAddresses(annotations[FLOATING_IPS], networks), []),
      ),
      profiles: profilesOf(namespace, serviceAccountName),
      interfaceName: workloadInterfaceName(namespace, name, options.interfacePrefix),
      ...given({ mac: attempt(() => macOf(annotations[MAC]), undefined) }),
      ...some("ports", podPorts(spec)),
      ...some(
        "allowSpoofedSourcePrefixes",
        attempt(() => allowedSources(annotations[ALLOWED_SOURCES]), []),
      ),
      ...given({ qosControls: controls }),
    },
  };
  return usualRow(endpoint, problems) ?? rowOf(endpoint, problems);
}

/** Written otherwise in Go's JSON. */
const ESCAPED = /[<>&\u2028\u2029]/;

/**
 * The row of an endpoint as nearly all are: the same bytes without a look at the schema, for there may be ten thousand of them,
 * and each of them is told again with every word of its kubelet. Undefined for one that may not be as it would be stored.
 */
function usualRow(endpoint: WorkloadEndpoint, problems: readonly string[]): DerivedRow | undefined {
  const { metadata, spec } = endpoint;
  if (spec.qosControls !== undefined) return undefined;
  const value = JSON.stringify(endpoint);
  if (ESCAPED.test(value)) return undefined;
  return { key: resourceKey("WorkloadEndpoint", metadata.name, metadata.namespace), value, problems };
}

/** A list with something in it. */
function some<Name extends string, T>(name: Name, list: readonly T[]): { readonly [K in Name]?: readonly T[] } {
  return list.length === 0 ? {} : ({ [name]: list } as { readonly [K in Name]: readonly T[] });
}

/** The key of a pod's endpoint: for a pod that was deleted, of which no more is known than who it was. */
export function endpointKeyOf(node: string, namespace: string, pod: string): string {
  return resourceKey("WorkloadEndpoint", endpointNameOf(node, pod), namespace);
}

function endpointNameOf(node: string, pod: string): string {
  return workloadEndpointName({ orchestrator: "k8s", node, pod, endpoint: POD_INTERFACE });
}

/** What a pod says of itself under the system's names does not count. */
function labelsOf({ labels, namespace }: ObjectHead, serviceAccount: string | undefined): Labels {
  const all = {
    ...labels,
    "projectcalico.org/namespace": namespace,
    "projectcalico.org/orchestrator": "k8s",
    ...(serviceAccount !== undefined && serviceAccount.length < LABEL_MAX
      ? { "projectcalico.org/serviceaccount": serviceAccount }
      : {}),
  };
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function profilesOf(namespace: string, serviceAccount: string | undefined): readonly string[] {
  const own = namespaceProfile(namespace);
  return serviceAccount === undefined ? [own] : [own, serviceAccountProfile(namespace, serviceAccount)];
}

function statusOf(annotations: Readonly<Record<string, string>>) {
  const status = annotations[NETWORK_STATUS];
  return status === undefined ? {} : { annotations: { [NETWORK_STATUS]: status } };
}

/** Each leads to the pod's own address of its family; one without such leads nowhere, and is left out. */
function floatingAddresses(text: string | undefined, networks: readonly Prefix[]) {
  return textList(FLOATING_IPS, text).flatMap((each) => {
    const external = parsed(FLOATING_IPS, each, () => parseAddress(each));
    const own = networks.findLast(({ address }) => typeof address === typeof external);
    if (own === undefined) return [];
    return [{ internalIP: formatAddress(own.address), externalIP: formatAddress(external) }];
  });
}

function allowedSources(text: string | undefined): readonly string[] {
  return textList(ALLOWED_SOURCES, text).map((each) =>
    parsed(ALLOWED_SOURCES, each, () => parsePrefix(each, { hostBits: "clear" }).toString()),
  );
}

function macOf(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : parsed(MAC, text, () => parseMac(text)).toString();
}

function textList(annotation: string, text: string | undefined): readonly string[] {
  if (text === undefined || text === "") return [];
  const list = jsonIn(text);
  if (Array.isArray(list) && list.every((each) => typeof each === "string")) return list;
  throw new RangeError(`${annotation}: ${text} is not a JSON list of texts`);
}

function parsed<T>(annotation: string, text: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new RangeError(`${annotation}: "${text}": ${toError(error).message}`);
  }
}

function attempted<T>(read: () => T, otherwise: T, problems: string[]): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    problems.push(error.message);
    return otherwise;
  }
}
