import { OcicatError } from "@ocicat/kit";
import { type NamespaceHandle, openNamespace } from "@ocicat/linux";
import { TUNNEL_NAMESPACES } from "./by-hand/tunnel.ts";
import { PodBook } from "./pods/pod-book.ts";
import { openPodNamespace } from "./pods/pod-namespace.ts";
import type { Topology } from "./topology/topology.ts";
import type { LabPlaces } from "./world/places.ts";

/**
 * Opens the network of a node, pod, router, host or segment, from outside. The caller closes it. Throws OcicatError
 * LAB_NO_SUCH_PLACE.
 */
export function openNetwork(places: LabPlaces, topology: Topology, where: string): NamespaceHandle {
  const pod = new PodBook(places).find(where);
  if (pod !== undefined) return openPodNamespace(places, pod.node, pod.name);
  const stations = [
    ...(topology.byHand === undefined ? [] : TUNNEL_NAMESPACES),
    ...[...topology.nodes, ...topology.routers, ...topology.hosts].map((station) => station.name),
  ];
  if ([...stations, ...topology.segments].includes(where)) return openNamespace(places.netns(where));
  const pods = new PodBook(places).all().map((record) => record.name);
  throw new OcicatError({
    code: "LAB_NO_SUCH_PLACE",
    what: `there is no "${where}"`,
    where: `lab ${topology.name}`,
    fix: `use one of ${[...stations, ...pods].join(", ")}`,
  });
}
