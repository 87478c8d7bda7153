import { decodeStored, type Labels, workloadEndpoint } from "@ocicat/api";
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
    const endpoint = decodeStored(workloadEndpoint, item);
    const workload = readWorkload(endpoint);
    return {
      ...workload,
      node: words.get(workload.node),
      namespace: words.get(workload.namespace),
      labels: labels.get(workload.labels),
      profiles: lists.get(workload.profiles),
    };
  };
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
