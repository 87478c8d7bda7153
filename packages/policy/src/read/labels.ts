import type { Labels } from "@ocicat/api";
import type { Profile } from "../model/policy.ts";

/** What has labels of its own and of profiles: an endpoint, or a set of networks. */
export interface Labelled {
  readonly labels: Labels;
  readonly profiles: readonly string[];
}

/** What selectors see: its own labels, and beside them those of its profiles, the first to have one winning. */
export function effectiveLabels(item: Labelled, profileOf: (name: string) => Profile | undefined): Labels {
  let all = item.labels;
  for (const name of item.profiles) {
    const inherited = profileOf(name)?.labels;
    if (inherited !== undefined && Object.keys(inherited).length > 0) all = { ...inherited, ...all };
  }
  return all;
}
