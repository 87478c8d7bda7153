import { isObject } from "@ocicat/api";
import { expect } from "vitest";
import { parseAllDocuments } from "yaml";
import type { TestCluster } from "./cluster.ts";

interface Rights {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** What roles of this name give, in a manifest: `group/resource verb`. */
export function granted(manifest: string, account: string): ReadonlySet<string> {
  const rights = parseAllDocuments(manifest)
    .map((document): unknown => document.toJS())
    .filter(isObject)
    .filter(
      ({ kind, metadata }) => /^(Cluster)?Role$/.test(String(kind)) && isObject(metadata) && metadata.name === account,
    )
    .flatMap(({ rules }) => (Array.isArray(rules) ? (rules as Rights[]) : []));
  return new Set(
    rights.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => right(group, resource, verb)))),
    ),
  );
}

/** What a service account has asked of the API server; none of it was refused. */
export function used(cluster: TestCluster, account: string): ReadonlySet<string> {
  const all = cluster.kubernetes.controlPlane().audited();
  const own = all.filter(({ user }) => user === `system:serviceaccount:kube-system:${account}`);
  expect(own.filter(({ status }) => status === 403)).toEqual([]);
  return new Set(own.map(({ group, resource, verb }) => right(group, resource, verb)));
}

/** Granted is what is used, but for what is rare. */
export function expectLeast(
  has: ReadonlySet<string>,
  uses: ReadonlySet<string>,
  isRare: (right: string) => boolean,
): void {
  expect(
    [...uses].filter((each) => !has.has(each)),
    "used and not granted",
  ).toEqual([]);
  expect(
    [...has].filter((each) => !uses.has(each) && !isRare(each)),
    "granted and not used",
  ).toEqual([]);
}

const right = (group: string, resource: string, verb: string) => `${group}/${resource} ${verb}`;
