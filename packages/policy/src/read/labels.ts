import type { Labels } from "@ocicat/api";
import type { Profile } from "../model/policy.ts";

/** What has labels of its own and of profiles: an endpoint, or a set of networks. */
export interface Labelled {
  readonly labels: Labels;
  readonly profiles: readonly string[];
}

/** What selectors see: its own labels, and beside them those of its profiles, the first to have one winning. */
export function effectiveLabels(item: Labelled, profileOf: (name: string) => Profile | undefined): Labels {
  const inherited = item.profiles.map((name) => Object.entries(profileOf(name)?.labels ?? {}));
  if (inherited.every((labels) => labels.length === 0)) return item.labels;
  // The last of equal keys stays.
  return Object.fromEntries([...inherited.reverse().flat(), ...Object.entries(item.labels)]);
}
