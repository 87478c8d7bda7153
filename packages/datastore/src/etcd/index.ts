import { EtcdDatastore } from "./client.ts";
import type { EtcdOptions } from "./options.ts";

export type { KeepAlive } from "../http2/index.ts";
export { EtcdDatastore } from "./client.ts";
export type { Credentials, EtcdOptions, TlsFiles } from "./options.ts";
export { systemClock, systemRandom } from "./system.ts";

/**
 * A datastore on the members of an etcd cluster, or on the embedded server. It connects by itself, in the background and
 * again after a loss; calls wait for a connection as long as their time (`timeoutMs`) allows, watches for ever.
 * Throws INVALID for options that cannot work.
 */
export function openEtcd(options: EtcdOptions): EtcdDatastore {
  return new EtcdDatastore(options);
}
