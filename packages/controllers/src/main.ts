import { hostname } from "node:os";
import { setFlagsFromString } from "node:v8";
import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { createLogger, Scope } from "@ocicat/kit";
import { asKubernetes, type DatastoreConnection, openDatastore } from "@ocicat/kubernetes/open";
import { logToStdout, untilSignalled } from "@ocicat/service";
import { startControllers } from "./controllers.ts";
import { kubernetesBeside, kubernetesSide } from "./kubernetes-side.ts";
import { controllersOptionsFrom } from "./options.ts";

/**
 * V8 lets its young generation grow to 128 MiB under a stream of events, and keeps it. What is young here dies young: a small
 * one costs nothing that could be measured.
 */
const SMALL_YOUNG_GENERATION = "--semi-space-growth-factor=1";

/** Runs the controllers until SIGTERM or SIGINT. Throws OcicatError if they cannot start. */
export async function runControllers(
  env: Readonly<Record<string, string | undefined>>,
  connection: DatastoreConnection,
): Promise<void> {
  const ended = untilSignalled();
  setFlagsFromString(SMALL_YOUNG_GENERATION);
  const options = controllersOptionsFrom(env, hostname(), process.pid);
  const logger = createLogger("controllers", env.OCICAT_LOG_LEVEL === "debug" ? "debug" : "info", logToStdout);
  const scope = new Scope("controllers");
  const surroundings = { clock: systemClock, random: systemRandom, logger };
  const driver = { ...surroundings, logger: logger.child("datastore"), userAgent: "ocicat-controllers" };
  const store = await openDatastore(connection, driver);
  scope.add("datastore", () => store.close());
  const kubernetes = asKubernetes(store) ?? (await kubernetesBeside(env, driver));
  if (kubernetes !== undefined && kubernetes !== store) scope.add("kubernetes", () => kubernetes.close());
  const side = kubernetes && kubernetesSide(kubernetes, env);
  const { port } = await startControllers(options, { ...surroundings, store, kubernetes: side }, scope);
  logger.info("serving", { identity: options.identity, port, socket: options.socket });
  await ended;
  await scope.close();
}
