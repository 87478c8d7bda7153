import { profile } from "@ocicat/api";
import type { Controller } from "./controller.ts";
import { withoutIdentity } from "./resources.ts";

const PROFILES = profile.storage.prefix();

/** Profiles of namespaces: what their pods may do unless a policy says otherwise, and the namespace's labels. */
export const namespaces = profilesOf("namespace", "kns.", "namespace");

/** Profiles of service accounts: their labels. */
export const serviceAccounts = profilesOf("serviceaccount", "ksa.", "service account");

/** Profiles that Kubernetes' objects are, whose names begin so. All of this name are ours to write and to delete. */
function profilesOf(name: string, begin: string, what: string): Controller {
  const prefix = `${PROFILES}${begin}`;
  return {
    name,
    reads: { kubernetes: [prefix], store: [prefix] },
    subjects: (_side, key) => (key.startsWith(prefix) ? [key] : []),
    *plan(key, { kubernetes }) {
      const wanted = kubernetes.read(profile, key);
      const why = wanted === undefined ? `the ${what} does not exist` : `the ${what} is so`;
      yield { key, resource: wanted && withoutIdentity(wanted), why };
    },
  };
}
