import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import { flag, type Infer, object, optional, text } from "../schema/index.ts";

const spec = object({
  clusterGUID: optional(text(), ""),
  clusterType: optional(text(), ""),
  calicoVersion: optional(text(), ""),
  datastoreReady: optional(flag()),
  variant: optional(text(), ""),
});

export interface ClusterInformationSpec extends Infer<typeof spec> {}
export type ClusterInformation = Resource<ClusterInformationSpec, unknown, "ClusterInformation">;

export const clusterInformation = defineKind<ClusterInformation>({
  kind: "ClusterInformation",
  plural: "clusterinformations",
  aliases: ["clusterinfo"],
  namespaced: false,
  spec,
  rules: [],
  columns: [],
});
