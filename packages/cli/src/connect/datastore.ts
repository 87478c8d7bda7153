import { ResourceClient } from "@ocicat/client";
import type { Datastore, DatastoreErrorCode } from "@ocicat/datastore";
import { type Clock, createLogger, isOcicatError, OcicatError, type Random } from "@ocicat/kit";
import { type DatastoreConnection, openDatastore, placeOf } from "@ocicat/kubernetes/open";
import type { Surroundings } from "../surroundings.ts";
import { findConnection } from "./connection.ts";

/** How long a call may take unless told, with waiting for a connection, in milliseconds. A person is waiting. */
const TIMEOUT_MS = 5_000;

/** What there is to work with while the datastore is open. */
export interface Opened {
  readonly store: Datastore;
  readonly client: ResourceClient;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Opens the datastore, runs `work`, closes it. One that does not answer, or an address that is none, is an error that
 * says where the address came from.
 */
export async function withDatastore<T>(
  surroundings: Surroundings,
  configFile: string | undefined,
  work: (opened: Opened) => Promise<T>,
  timeoutMs = TIMEOUT_MS,
): Promise<T> {
  const connection = await findConnection(surroundings, configFile);
  const { systemClock, systemRandom } = await import("@ocicat/datastore/etcd");
  let complaint: string | undefined;
  // The client goes on trying and logs why; the last reason is what a person wants to know.
  const logger = createLogger("", "warning", ({ fields }) => {
    complaint = typeof fields.cause === "string" ? fields.cause : complaint;
  });
  const time = { clock: systemClock, random: systemRandom };
  const store = await attempt(connection, () =>
    openDatastore(connection, { ...time, logger, timeoutMs, userAgent: "ocicat-cli" }),
  );
  const parts = { store, ...time };
  try {
    return await work({ ...parts, client: new ResourceClient(parts) });
  } catch (error) {
    throw isSilence(error) ? unreachable(error, connection, timeoutMs, complaint) : error;
  } finally {
    await store.close();
  }
}

/** An address that is none is refused at once. */
async function attempt<T>({ source }: DatastoreConnection, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (!isOcicatError(error)) throw error;
    throw new OcicatError({ code: "CLI_CONFIG", where: source, what: error.message, cause: error });
  }
}

const SILENCES: readonly DatastoreErrorCode[] = ["UNAVAILABLE", "TIMEOUT"];
const SILENCE: ReadonlySet<string> = new Set(SILENCES);

function isSilence(error: unknown): error is OcicatError {
  return isOcicatError(error) && SILENCE.has(error.code);
}

const FIXES = {
  etcdv3: "start it, or name another: ETCD_ENDPOINTS=http://ADDRESS:2379, or -c FILE",
  kubernetes: "start it, or name another: KUBECONFIG=FILE, or -c FILE",
} as const;

function unreachable(
  error: OcicatError,
  connection: DatastoreConnection,
  timeoutMs: number,
  complaint = error.message,
): OcicatError {
  return new OcicatError({
    code: "DATASTORE_UNREACHABLE",
    where: placeOf(connection),
    what: `the datastore did not answer within ${timeoutMs / 1000} s`,
    why: `${complaint}; the address is from ${connection.source}`,
    fix: FIXES[connection.type],
    cause: error,
  });
}
