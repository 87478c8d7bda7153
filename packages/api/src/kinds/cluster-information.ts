import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import { flag, type Infer, object, optional, text } from "../schema/index.ts";
import { checkDefaultName } from "./configuration-name.ts";

const spec = object({
  clusterGUID: optional(text(), ""),
  clusterType: optional(text(), ""),
  calicoVersion: optional(text(), ""),
  datastoreReady: optional(flag()),
  variant: optional(text(), ""),
});

export interface ClusterInformationSpec extends Infer<typeof spec> {}
/** What is true of the cluster as a whole. While `datastoreReady` is false, nobody may change it. */
export type ClusterInformation = Resource<ClusterInformationSpec, unknown, "ClusterInformation">;

export const clusterInformation = defineKind<ClusterInformation>({
  kind: "ClusterInformation",
  plural: "clusterinformations",
  aliases: ["clusterinfo", "clusterinfos"],
  namespaced: false,
  name: checkDefaultName,
  spec,
  columns: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "CLUSTERGUID", cell: ({ spec }) => spec.clusterGUID ?? "" },
    { heading: "CLUSTERTYPE", cell: ({ spec }) => spec.clusterType ?? "" },
    { heading: "CALICOVERSION", cell: ({ spec }) => spec.calicoVersion ?? "" },
    { heading: "DATASTOREREADY", cell: ({ spec }) => String(spec.datastoreReady ?? "") },
  ],
});
