import { type AnyResource, type Labels, type Node, node as nodeKind } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import { isEmpty, jsonIn, textMapIn } from "../json.ts";
import { type AnnotationPatch, patchOf } from "../row.ts";
import { AS_NUMBER, INTERFACES, KUBERNETES_LABELS, OWN_ANNOTATIONS, OWN_LABELS, writeSection } from "./annotations.ts";

/**
 * A node's row as annotations of Kubernetes' node: what the row does not say goes. Kubernetes' own labels, its addresses and its
 * ranges are Kubernetes' to say, and are not written. Throws OcicatError NODE_ROW_INVALID on what is no node's.
 */
export function patchOfNode(resource: AnyResource): AnnotationPatch {
  if (!isNode(resource)) {
    throw new OcicatError({
      code: "NODE_ROW_INVALID",
      where: resource.metadata.name,
      what: `a ${resource.kind} cannot be written to a node`,
    });
  }
  const { metadata, spec, status } = resource;
  const { [KUBERNETES_LABELS]: inherited = "{}", ...notes } = metadata.annotations ?? {};
  const kubernetes = textMapIn(jsonIn(inherited));
  const labels = Object.entries(metadata.labels ?? {}).filter(([label]) => !Object.hasOwn(kubernetes, label));
  const { asNumber } = spec.bgp ?? {};
  const { interfaces = [] } = spec;
  return patchOf({
    [OWN_LABELS]: jsonOf(Object.fromEntries(labels)),
    [OWN_ANNOTATIONS]: jsonOf(notes),
    ...writeSection("bgp", spec.bgp),
    [AS_NUMBER]: asNumber === undefined ? null : String(asNumber),
    ...writeSection("spec", spec),
    ...writeSection("wireguard", spec.wireguard),
    ...writeSection("status", status),
    [INTERFACES]: interfaces.length === 0 ? null : JSON.stringify(interfaces),
  });
}

function jsonOf(texts: Labels): string | null {
  return isEmpty(texts) ? null : JSON.stringify(texts);
}

function isNode(resource: AnyResource): resource is Node {
  return nodeKind.is(resource);
}
