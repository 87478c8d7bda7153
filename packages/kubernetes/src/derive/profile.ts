import { API_VERSION, type Labels, type Profile } from "@ocicat/api";
import { objectIn } from "./json.ts";
import { derivedUid, given, headOf, type ObjectHead } from "./metadata.ts";
import { type DerivedRow, rowOf } from "./row.ts";

const NAMESPACE = { profile: "kns.", label: "pcns." } as const;
const SERVICE_ACCOUNT = { profile: "ksa.", label: "pcsa." } as const;
const NAME_LABEL = "projectcalico.org/name";

export function namespaceProfile(namespace: string): string {
  return `${NAMESPACE.profile}${namespace}`;
}

export function serviceAccountProfile(namespace: string, name: string): string {
  return `${SERVICE_ACCOUNT.profile}${namespace}.${name}`;
}

/** What a profile follows from; undefined for a name that no object of Kubernetes is behind. */
export type ProfileSource =
  | { readonly kind: "Namespace"; readonly name: string }
  | { readonly kind: "ServiceAccount"; readonly namespace: string; readonly name: string };

/** The namespace ends at the first dot: it has none itself, a service account's name may. */
export function sourceOfProfile(profile: string): ProfileSource | undefined {
  const [, namespace] = /^kns\.(.+)$/.exec(profile) ?? [];
  if (namespace !== undefined) return { kind: "Namespace", name: namespace };
  const [, of, name] = /^ksa\.([^.]+)\.(.+)$/.exec(profile) ?? [];
  return of === undefined || name === undefined ? undefined : { kind: "ServiceAccount", namespace: of, name };
}

/** What pods of a namespace have in common: its labels under names of their own, and that without a policy all is allowed. */
export function rowOfNamespace(namespace: unknown): DerivedRow {
  const head = headOf(objectIn(namespace));
  const allow = [{ action: "Allow", source: {}, destination: {} } as const];
  return profileRow(namespaceProfile(head.name), head, NAMESPACE.label, { ingress: allow, egress: allow });
}

/** Labels alone: it allows nothing. */
export function rowOfServiceAccount(serviceAccount: unknown): DerivedRow {
  const head = headOf(objectIn(serviceAccount));
  return profileRow(serviceAccountProfile(head.namespace, head.name), head, SERVICE_ACCOUNT.label, {});
}

function profileRow(name: string, head: ObjectHead, prefix: string, rules: Omit<Profile["spec"], "labelsToApply">) {
  const labels: Labels = { ...head.labels, [NAME_LABEL]: head.name };
  const uid = head.uid === undefined ? undefined : derivedUid(head.uid);
  const profile: Profile = {
    kind: "Profile",
    apiVersion: API_VERSION,
    metadata: { name, ...given({ uid, creationTimestamp: head.creationTimestamp }) },
    spec: {
      ...rules,
      labelsToApply: Object.fromEntries(Object.entries(labels).map(([label, value]) => [`${prefix}${label}`, value])),
    },
  };
  return rowOf(profile);
}
