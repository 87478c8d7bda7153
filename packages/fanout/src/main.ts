import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { createLogger, Scope } from "@ocicat/kit";
import { type DatastoreConnection, openDatastore } from "@ocicat/kubernetes/open";
import { logToStdout, untilSignalled } from "@ocicat/service";
import { startFanout } from "./fanout.ts";
import { fanoutOptionsFrom } from "./options.ts";

/** Runs a fan-out until SIGTERM or SIGINT. Throws OcicatError if it cannot start. */
export async function runFanout(
  env: Readonly<Record<string, string | undefined>>,
  connection: DatastoreConnection,
): Promise<void> {
  const ended = untilSignalled();
  const options = fanoutOptionsFrom(env);
  const logger = createLogger("fanout", env.OCICAT_LOG_LEVEL === "debug" ? "debug" : "info", logToStdout);
  const scope = new Scope("fanout");
  const surroundings = { clock: systemClock, random: systemRandom, logger };
  const driver = { ...surroundings, logger: logger.child("datastore"), userAgent: "ocicat-fanout" };
  const upstream = await openDatastore(connection, driver);
  scope.add("datastore", () => upstream.close());
  const { endpoint, healthPort } = await startFanout(options, { ...surroundings, upstream }, scope);
  logger.info("serving", { endpoint, healthPort });
  await ended;
  await scope.close();
}
