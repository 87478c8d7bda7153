import { API_VERSION, decodeStored, isObject, type Labels, type WorkloadEndpoint, workloadEndpoint } from "@ocicat/api";
import type { KeyValue } from "@ocicat/datastore";
import { readWorkload, type Workload } from "@ocicat/policy";

/**
 * Reads the endpoints of a whole cluster, of which there are many: what labels and profiles they have in common is kept
 * once, and of each no more than policy asks for. Throws as decodeStored does.
 */
export function workloadReader(): (item: KeyValue) => Workload {
  const labels = new Shared<Labels>((each) =>
    Object.entries(each)
      .map(([name, value]) => `${name}=${value}`)
      .join(","),
  );
  const lists = new Shared<readonly string[]>((each) => each.join(","));
  const words = new Shared<string>((each) => each);
  return (item) => {
    const workload = readWorkload(usualEndpoint(item) ?? decodeStored(workloadEndpoint, item));
    return {
      ...workload,
      node: words.get(workload.node),
      namespace: words.get(workload.namespace),
      labels: labels.get(workload.labels),
      profiles: lists.get(workload.profiles),
    };
  };
}

/**
 * An endpoint as nearly all are, with what policy asks for and nothing else, looked at no further than that asks for: a tenth
 * of what reading it by its schema takes, and there may be ten thousand. Undefined for one that has more, or that is not as it
 * should be: then the schema says what.
 */
function usualEndpoint({ key, value }: KeyValue): WorkloadEndpoint | undefined {
  const name = workloadEndpoint.storage.parse(key);
  const document = parsed(value);
  const { metadata, spec } = document;
  if (name === undefined || !isObject(metadata) || !isObject(spec)) return undefined;
  const { labels = {} } = metadata;
  const { node, orchestrator, endpoint, pod, workload, containerID, serviceAccountName, interfaceName } = spec;
  const { ipNetworks, profiles } = spec;
  const optional = [pod, workload, containerID, serviceAccountName, interfaceName];
  const isUsual =
    metadata.name === name.name &&
    metadata.namespace === name.namespace &&
    spec.ports === undefined &&
    spec.allowSpoofedSourcePrefixes === undefined &&
    optional.every((each) => each === undefined || (typeof each === "string" && each !== ""));
  if (!isUsual || !isText(node) || !isText(orchestrator) || !isText(endpoint)) return undefined;
  if (!areTexts(ipNetworks) || !areTexts(profiles) || !isTextMap(labels)) return undefined;
  if (!ipNetworks.every((network) => HOST.test(network))) return undefined;
  const text = (each: unknown) => (typeof each === "string" ? each : undefined);
  return {
    kind: "WorkloadEndpoint",
    apiVersion: API_VERSION,
    metadata: { ...name, namespace: name.namespace ?? "", labels },
    spec: {
      node,
      orchestrator,
      endpoint,
      ipNetworks,
      profiles,
      ...given({ pod: text(pod), workload: text(workload), containerID: text(containerID) }),
      ...given({ serviceAccountName: text(serviceAccountName), interfaceName: text(interfaceName) }),
    },
  };
}

/** IPv4; others are read by their schema. */
const HOST = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\/32$/;

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const document: unknown = JSON.parse(text);
    return isObject(document) ? document : {};
  } catch {
    return {};
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText);
}

function isTextMap(value: unknown): value is Labels {
  return isObject(value) && Object.values(value).every((each) => typeof each === "string");
}

/** Those that are there. */
function given<T extends Readonly<Record<string, string | undefined>>>(
  values: T,
): { readonly [K in keyof T]?: string } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { readonly [K in keyof T]?: string };
}

/** Equal values as one and the same. Forgets all it knows when there are more than pay: whoever has one keeps it. */
class Shared<T> {
  readonly #keyOf: (value: T) => string;
  readonly #known = new Map<string, T>();

  constructor(keyOf: (value: T) => string) {
    this.#keyOf = keyOf;
  }

  get(value: T): T {
    const key = this.#keyOf(value);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(key, value);
    return value;
  }
}

const MOST = 4096;
