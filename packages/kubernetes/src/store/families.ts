import type { ApiGroup } from "../config/index.ts";
import { storedKinds } from "../crd/index.ts";
import type { Family } from "./collection.ts";
import { type CoreOptions, coreFamilies } from "./core.ts";
import { customCollection } from "./custom.ts";
import { ipamFamilies } from "./ipam.ts";

/** What IPAM keeps is read under its own keys; these kinds are views of it. */
const VIEWS: ReadonlySet<string> = new Set(["BlockAffinity", "IPAMConfiguration"]);

/** All keys that Kubernetes can keep, in their order. */
export function makeFamilies(apiGroup: ApiGroup, options: CoreOptions = {}): readonly Family[] {
  const own = storedKinds
    .filter(({ kind }) => !VIEWS.has(kind))
    .map((kind) => ({ root: kind.storage.prefix(), collections: [customCollection(kind, apiGroup)] }));
  return [...own, ...coreFamilies(options), ...ipamFamilies(apiGroup)].sort((a, b) => (a.root < b.root ? -1 : 1));
}
