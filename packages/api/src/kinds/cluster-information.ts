import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import { flag, type Infer, object, optional, text } from "../schema/index.ts";
import { defaultName } from "./configuration-name.ts";

const spec = object(
  {
    clusterGUID: optional(text(), ""),
    clusterType: optional(text(), ""),
    calicoVersion: optional(text(), ""),
    datastoreReady: optional(flag()),
    variant: optional(text(), ""),
  },
  {
    clusterGUID: "The cluster's identity, 32 hexadecimal digits.",
    clusterType: "What the cluster consists of, parted by commas, as k8s,bgp.",
    calicoVersion: "The version of Calico that the cluster's data is for.",
    datastoreReady: "False while the datastore is locked: nobody may change it, and no workload is added.",
    variant: "The edition of Calico, if it is not the open one.",
  },
);

export interface ClusterInformationSpec extends Infer<typeof spec> {}
/** What is true of the cluster as a whole. While `datastoreReady` is false, nobody may change it. */
export type ClusterInformation = Resource<ClusterInformationSpec, unknown, "ClusterInformation">;

export const clusterInformation = defineKind<ClusterInformation>({
  kind: "ClusterInformation",
  description: "What is true of the cluster as a whole. There is one, which the agents make.",
  plural: "clusterinformations",
  aliases: ["clusterinfo", "clusterinfos"],
  namespaced: false,
  name: defaultName,
  spec,
  example: { name: "default", spec: { clusterType: "k8s,bgp", datastoreReady: true } },
  columns: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "CLUSTERGUID", cell: ({ spec }) => spec.clusterGUID ?? "" },
    { heading: "CLUSTERTYPE", cell: ({ spec }) => spec.clusterType ?? "" },
    { heading: "CALICOVERSION", cell: ({ spec }) => spec.calicoVersion ?? "" },
    { heading: "DATASTOREREADY", cell: ({ spec }) => String(spec.datastoreReady ?? "") },
  ],
});
