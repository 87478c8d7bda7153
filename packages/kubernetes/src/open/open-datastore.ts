import type { EtcdDatastore } from "@ocicat/datastore/etcd";
import type { Clock, Logger, Random } from "@ocicat/kit";
import type { Answered } from "../api/index.ts";
import type { KubernetesDatastore } from "../store/index.ts";
import type { DatastoreConnection } from "./connection.ts";

export interface OpenOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** What a call may take, with waiting for a connection, in milliseconds; the drivers' own unless told. */
  readonly timeoutMs?: number;
  /** Who this is, for an API server's log: `ocicat-agent`. */
  readonly userAgent?: string;
  /** Told of each exchange with an API server when it is over: for counting. */
  readonly onAnswer?: (answer: Answered) => void;
  /** Addresses of pods come from the ranges that Kubernetes gives its nodes. */
  readonly usePodCidr?: boolean | undefined;
}

export type OpenedDatastore = EtcdDatastore | KubernetesDatastore;

/**
 * The datastore that agent, controllers and command line work on. It connects by itself, in the background. What is not used is
 * not loaded. Throws DatastoreError INVALID for an address that is none.
 */
export async function openDatastore(connection: DatastoreConnection, options: OpenOptions): Promise<OpenedDatastore> {
  const { usePodCidr, userAgent, onAnswer, ...surroundings } = options;
  if (connection.type === "etcdv3") {
    const { openEtcd } = await import("@ocicat/datastore/etcd");
    return openEtcd({ ...connection.options, ...surroundings });
  }
  const { KubernetesDatastore } = await import("../store/index.ts");
  const { target, apiGroup } = connection;
  const more = { ...(userAgent === undefined ? {} : { userAgent }), ...(onAnswer === undefined ? {} : { onAnswer }) };
  return new KubernetesDatastore({ target, apiGroup, usePodCidr, ...more, ...surroundings });
}

/** The store, where it is a cluster's API. */
export function asKubernetes(store: OpenedDatastore): KubernetesDatastore | undefined {
  return "api" in store ? store : undefined;
}
