import { compileSelector, decodeStored, type IPPool, ippool, profile } from "@ocicat/api";
import type { KeyValue } from "@ocicat/datastore";
import type { IpamPool } from "@ocicat/ipam";
import { type Address, parsePrefix } from "@ocicat/net";
import type { PoolOfAddress } from "./wish.ts";

/** A pool that gives services their addresses. */
export interface ServicePool extends IpamPool {
  readonly allowsNamespace: (labels: Readonly<Record<string, string>>) => boolean;
}

/** Undefined: it cannot be read. It gives nothing then, as one that is not there. */
export function servicePool(item: KeyValue): ServicePool | undefined {
  let pool: IPPool;
  try {
    pool = decodeStored(ippool, item);
  } catch {
    return undefined;
  }
  const { spec, metadata } = pool;
  return {
    name: metadata.name,
    prefix: parsePrefix(spec.cidr),
    blockSize: spec.blockSize,
    disabled: spec.disabled,
    assignmentMode: spec.assignmentMode,
    allowedUses: spec.allowedUses,
    // Addresses of services are no node's.
    selectsNode: true,
    allowsNamespace: compileSelector(spec.namespaceSelector || "all()").matches,
  };
}

export function poolOfAddress(pools: readonly IpamPool[], address: Address): PoolOfAddress | undefined {
  const pool = pools.find(({ prefix }) => prefix.has(address));
  return pool && { name: pool.name, cidr: `${pool.prefix}`, isManual: pool.assignmentMode === "Manual" };
}

/** What a namespace's profile says of its labels. */
const LABEL_PREFIX = "pcns.";

export function namespaceKey(namespace: string): string {
  return profile.storage.key(`kns.${namespace}`, undefined) ?? "";
}

export function namespaceLabels(namespace: string, item: KeyValue | undefined): Readonly<Record<string, string>> {
  const applied = item === undefined ? {} : (decodeStored(profile, item).spec.labelsToApply ?? {});
  const own = Object.entries(applied).flatMap(([key, value]) =>
    key.startsWith(LABEL_PREFIX) ? [[key.slice(LABEL_PREFIX.length), value] as const] : [],
  );
  const names = { "kubernetes.io/metadata.name": namespace, "projectcalico.org/name": namespace };
  return { ...Object.fromEntries(own), ...names };
}
