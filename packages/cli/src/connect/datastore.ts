import { ResourceClient } from "@ocicat/client";
import type { Datastore } from "@ocicat/datastore";
import { isOcicatError, OcicatError } from "@ocicat/kit";
import type { Surroundings } from "../surroundings.ts";
import { type Connection, findConnection } from "./connection.ts";

/** How long a call may take, with waiting for a connection, in milliseconds. A person is waiting. */
const TIMEOUT_MS = 5_000;

/** What there is to work with while the datastore is open. */
export interface Opened {
  readonly store: Datastore;
  readonly client: ResourceClient;
}

/** Opens the datastore, runs `work`, closes it. One that does not answer is an error that says where it was sought, and why there. */
export async function withDatastore<T>(
  surroundings: Surroundings,
  configFile: string | undefined,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const connection = await findConnection(surroundings, configFile);
  const { openEtcd, systemClock, systemRandom } = await import("@ocicat/datastore/etcd");
  const store = openEtcd({ ...connection.options, timeoutMs: TIMEOUT_MS });
  try {
    return await work({ store, client: new ResourceClient({ store, clock: systemClock, random: systemRandom }) });
  } catch (error) {
    throw explained(error, connection);
  } finally {
    await store.close();
  }
}

/** The client knows what went wrong; where the address came from is known here. */
function explained(error: unknown, { options, source }: Connection): unknown {
  if (!isOcicatError(error) || (error.code !== "UNAVAILABLE" && error.code !== "TIMEOUT")) return error;
  return new OcicatError({
    code: "DATASTORE_UNREACHABLE",
    where: options.endpoints.join(", "),
    what: "the datastore does not answer",
    why: `${error.message}; this address is from ${source}`,
    fix: "start it, or name another: ETCD_ENDPOINTS=http://ADDRESS:2379, or -c FILE",
    cause: error,
  });
}
