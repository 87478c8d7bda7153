import { isObject, type Node, node } from "@ocicat/api";
import type { KeyValue } from "@ocicat/datastore";
import type { Controller, World } from "./controller.ts";
import { decoded } from "./rows.ts";

const NODES = node.storage.prefix();
/** Which labels of a node were copied: what is not among them is the operator's own. */
const COPIED = "projectcalico.org/kube-labels";

/**
 * Nodes of a datastore that is not Kubernetes: their labels follow, and a node goes with the one that it is in Kubernetes.
 * Which that is, the node says itself (orchRefs). One that says nothing is no node of Kubernetes, and is left alone.
 */
export const nodes: Controller = {
  name: "node",
  reads: { kubernetes: [NODES], store: [NODES] },
  subjects(side, key, { store }) {
    if (!key.startsWith(NODES)) return [];
    return side === "store" ? [key] : keysOf(key.slice(NODES.length), store.below(NODES));
  },
  *plan(key, { kubernetes, store, settings }: World) {
    const present = store.read(node, key);
    const name = present && kubernetesName(present);
    if (present === undefined || name === undefined) return;
    const wanted = kubernetes.read(node, `${NODES}${name}`);
    if (wanted === undefined) {
      yield { key, resource: undefined, why: `node ${name} does not exist in Kubernetes` };
    } else if (settings?.controllers.node?.syncLabels !== "Disabled") {
      const resource = withLabels(present, wanted.metadata.labels ?? {});
      yield { key, resource, why: `the labels of node ${name} in Kubernetes are so` };
    }
  },
};

function keysOf(kubernetesNode: string, rows: Iterable<KeyValue>): readonly string[] {
  const named = `${NODES}${kubernetesNode}`;
  const others: string[] = [];
  for (const row of rows) {
    // One that cannot be read is nobody's; it is told when it is asked for itself.
    if (row.key !== named && isReadable(row) && kubernetesName(decoded(node, row)) === kubernetesNode)
      others.push(row.key);
  }
  return [named, ...others];
}

function isReadable(row: KeyValue): boolean {
  try {
    decoded(node, row);
    return true;
  } catch {
    return false;
  }
}

function kubernetesName({ spec }: Node): string | undefined {
  return spec.orchRefs?.find(({ orchestrator }) => orchestrator === "k8s")?.nodeName || undefined;
}

function withLabels(present: Node, wanted: Readonly<Record<string, string>>): Node {
  const { labels = {}, annotations = {}, ...metadata } = present.metadata;
  const own = Object.entries(labels).filter(([key]) => !(key in copied(annotations[COPIED])));
  const next = { ...Object.fromEntries(own), ...wanted };
  const sorted = Object.fromEntries(Object.entries(wanted).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    ...present,
    metadata: { ...metadata, labels: next, annotations: { ...annotations, [COPIED]: JSON.stringify(sorted) } },
  };
}

function copied(annotation: string | undefined): object {
  try {
    const value: unknown = JSON.parse(annotation ?? "{}");
    return isObject(value) ? value : {};
  } catch {
    // Of what is not known nothing is taken away.
    return {};
  }
}
