import { isObject } from "@ocicat/api";
import type { Announced, LeaseRecord, LeaseStore } from "./lease-election.ts";

/** What of the API server's client is needed here. */
export interface LeaseApi {
  get(resource: typeof LEASES, place: Place): Promise<object | undefined>;
  create(resource: typeof LEASES, namespace: string | undefined, object: object): Promise<object>;
  replace(resource: typeof LEASES, place: Place, object: object): Promise<object>;
}

interface Place {
  readonly namespace: string | undefined;
  readonly name: string;
}

export const LEASES = { group: "coordination.k8s.io", version: "v1", plural: "leases", namespaced: true } as const;

/** As JSON: `[["/calico/ipam/v2/…", "4711"], …]`. */
const ANNOUNCED = "ocicat.io/announced";

/** A Lease by its place. Other annotations and labels of it stay as they are. */
export function leaseAt(api: LeaseApi, place: Place): LeaseStore {
  let last: object = {};
  const seen = (object: object): LeaseRecord => {
    last = object;
    return recordOf(object);
  };
  return {
    async read() {
      const found = await api.get(LEASES, place);
      return found && seen(found);
    },
    create: (record) =>
      unlessConflict(async () => seen(await api.create(LEASES, place.namespace, objectOf(place, record, {})))),
    replace: (record) =>
      unlessConflict(async () => seen(await api.replace(LEASES, place, objectOf(place, record, last)))),
  };
}

/** 409: it exists, or is at another version. */
async function unlessConflict<T>(write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof Error && "status" in error && error.status === 409) return undefined;
    throw error;
  }
}

function recordOf(object: object): LeaseRecord {
  const { metadata, spec } = object as { readonly metadata?: unknown; readonly spec?: unknown };
  const [head, lease] = [isObject(metadata) ? metadata : {}, isObject(spec) ? spec : {}];
  const annotations = isObject(head.annotations) ? head.annotations : {};
  return {
    version: text(head.resourceVersion),
    holder: text(lease.holderIdentity),
    durationSeconds: count(lease.leaseDurationSeconds),
    acquired: Date.parse(text(lease.acquireTime)) || 0,
    renewed: Date.parse(text(lease.renewTime)) || 0,
    transitions: count(lease.leaseTransitions),
    announced: announcedIn(annotations[ANNOUNCED]),
  };
}

function objectOf(place: Place, record: Omit<LeaseRecord, "version"> & { readonly version?: string }, before: object) {
  const { metadata } = before as { readonly metadata?: unknown };
  const head = isObject(metadata) ? metadata : {};
  const annotations = isObject(head.annotations) ? head.annotations : {};
  const announced = record.announced.map(({ key, revision }) => [key, `${revision}`]);
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      ...place,
      ...(head.labels === undefined ? {} : { labels: head.labels }),
      ...(record.version === undefined ? {} : { resourceVersion: record.version }),
      annotations: { ...annotations, [ANNOUNCED]: JSON.stringify(announced) },
    },
    spec: {
      holderIdentity: record.holder,
      leaseDurationSeconds: record.durationSeconds,
      acquireTime: microTime(record.acquired),
      renewTime: microTime(record.renewed),
      leaseTransitions: record.transitions,
    },
  };
}

/** RFC 3339 with six digits, as Kubernetes' MicroTime. */
function microTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000Z`;
}

/** What cannot be read was written by nobody of us: there is nothing to undo. */
function announcedIn(value: unknown): readonly Announced[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text(value) || "[]");
  } catch {
    return [];
  }
  if (!Array.isArray(parsed)) return [];
  return parsed.flatMap((pair: unknown) => {
    const [key, revision] = Array.isArray(pair) ? (pair as readonly unknown[]) : [];
    return typeof key === "string" && typeof revision === "string" && /^\d+$/.test(revision)
      ? [{ key, revision: BigInt(revision) }]
      : [];
  });
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function count(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
