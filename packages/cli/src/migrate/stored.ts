import {
  type AnyResource,
  type ClusterInformation,
  clusterInformation,
  decodeAffinity,
  decodeBlock,
  decodeHandle,
  decodeIpamConfig,
  decodeStored,
  type IpamKey,
  type Kind,
  parseIpamKey,
} from "@ocicat/api";
import type { Datastore, KeyValue } from "@ocicat/datastore";
import { OcicatError, toError } from "@ocicat/kit";
import { exportedKinds, isDerivedPolicy } from "./kinds.ts";

/** Everything that Calico, or Ocicat, keeps in an etcd datastore. */
export const ROOT = "/calico/";

/** IPAM's values in the order in which they are written: blocks are found by their affinities, and handles name blocks. */
export const IPAM_PARTS = ["affinity", "block", "handle", "config"] as const;
export type IpamPart = (typeof IPAM_PARTS)[number];

/** What a datastore holds at one revision, sorted by where it stands in an export. */
export interface StoredContents {
  readonly resources: ReadonlyMap<Kind, readonly AnyResource[]>;
  readonly cluster: ClusterInformation | undefined;
  readonly ipam: Readonly<Record<IpamPart, readonly KeyValue[]>>;
  /** All the rest: workload endpoints, profiles, values of kinds that are not known here. */
  readonly others: readonly KeyValue[];
}

const CLUSTER_KEY = clusterInformation.storage.key("default", undefined) ?? "";

/** Throws OcicatError if a value cannot be read: it would be lost on the way. */
export async function readContents(store: Datastore): Promise<StoredContents> {
  const { items } = await store.list(ROOT);
  const resources = new Map<Kind, AnyResource[]>(exportedKinds().map((kind) => [kind, []]));
  const ipam: Record<IpamPart, KeyValue[]> = { affinity: [], block: [], handle: [], config: [] };
  const others: KeyValue[] = [];
  let cluster: ClusterInformation | undefined;
  for (const item of items) {
    // What dies with its writer is that writer's to write again.
    if (item.lease !== 0n) continue;
    const part = ipamPartOf(item.key);
    const kind = part === undefined ? kindOf(resources.keys(), item.key) : undefined;
    if (item.key === CLUSTER_KEY) cluster = readable(item, () => decodeStored(clusterInformation, item));
    else if (part !== undefined) ipam[part].push(readable(item, () => checkIpamValue(part, item)));
    else if (kind !== undefined) resources.get(kind)?.push(readable(item, () => decodeStored(kind, item)));
    else others.push(item);
  }
  return { resources, cluster, ipam, others };
}

export function ipamPartOf(key: string): IpamPart | undefined {
  const kind: IpamKey["kind"] | undefined = parseIpamKey(key)?.kind;
  return IPAM_PARTS.find((part) => part === kind);
}

const DECODERS: Readonly<Record<IpamPart, (key: string, value: string) => unknown>> = {
  affinity: decodeAffinity,
  block: decodeBlock,
  handle: decodeHandle,
  config: decodeIpamConfig,
};

/** The same item, if IPAM can read it. Throws IpamCorruptError. */
export function checkIpamValue<T extends Pick<KeyValue, "key" | "value">>(part: IpamPart, item: T): T {
  DECODERS[part](item.key, item.value);
  return item;
}

function kindOf(kinds: Iterable<Kind>, key: string): Kind | undefined {
  for (const kind of kinds) {
    const owner = kind.storage.parse(key);
    if (owner !== undefined) return isDerivedPolicy(kind, owner.name) ? undefined : kind;
  }
  return undefined;
}

function readable<T>({ key }: KeyValue, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new OcicatError({
      code: "MIGRATE_UNREADABLE",
      where: key,
      what: "the stored value cannot be read, and would be lost",
      why: toError(cause).message,
      fix: "mend it, or delete it, and export again",
      cause,
    });
  }
}
