import type { Labels } from "@ocicat/api";
import type { PolicyModel } from "../model/model.ts";
import { effectiveLabels, type Labelled } from "../read/labels.ts";

/** What selectors see of an endpoint or a set of networks. */
export function labelsIn(item: Labelled, { profiles }: PolicyModel): Labels {
  return effectiveLabels(item, (name) => profiles.find((profile) => profile.name === name));
}
