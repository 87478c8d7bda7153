import { existsSync } from "node:fs";
import { isOcicatError, OcicatError } from "@ocicat/kit";
import {
  connectionOf,
  type DatastoreConnection,
  DEFAULT_ENDPOINT,
  type Settings,
  settingsFromEnv,
} from "@ocicat/kubernetes/open";
import { readText } from "../input/files.ts";
import type { Surroundings } from "../surroundings.ts";
import { settingsFromFile } from "./settings.ts";

/**
 * In this order, each over what comes after it, as in calicoctl: the environment, the file given with -c. Where neither
 * names a datastore: a lab that runs on this machine, the standard file, a datastore on this host. Throws OcicatError
 * CLI_CONFIG.
 */
export async function findConnection(
  surroundings: Surroundings,
  file: string | undefined,
): Promise<DatastoreConnection> {
  const { env, places, lab } = surroundings;
  const fromEnv = settingsFromEnv(env);
  const given = file === undefined ? {} : await settingsIn(file);
  const connection = (settings: Settings, source: string) => connect(settings, env, source);
  const variable = namedBy(fromEnv);
  if (variable !== undefined) return await connection({ ...given, ...fromEnv }, variable);
  if (file !== undefined) return await connection({ ...given, ...fromEnv }, file);
  const labEndpoint = lab.datastore();
  if (labEndpoint !== undefined) {
    return await connection({ ...fromEnv, etcdEndpoints: labEndpoint }, "the lab on this machine");
  }
  if (existsSync(places.config)) {
    return await connection({ ...(await settingsIn(places.config)), ...fromEnv }, places.config);
  }
  const source = "the standard, for nothing else is configured";
  return await connection({ etcdEndpoints: DEFAULT_ENDPOINT, ...fromEnv }, source);
}

/** The variable that says which datastore it is. */
function namedBy({ datastoreType, etcdEndpoints }: Settings): string | undefined {
  if (datastoreType === "kubernetes") return "DATASTORE_TYPE";
  return etcdEndpoints === undefined ? undefined : "ETCD_ENDPOINTS";
}

async function connect(settings: Settings, env: Surroundings["env"], source: string): Promise<DatastoreConnection> {
  try {
    return await connectionOf(settings, env, source);
  } catch (error) {
    if (!isOcicatError(error)) throw error;
    throw new OcicatError({
      code: "CLI_CONFIG",
      where: error.where === source ? undefined : source,
      what: error.message,
      cause: error,
    });
  }
}

async function settingsIn(file: string): Promise<Settings> {
  const { parse, YAMLError } = await import("yaml");
  const text = readText(file, "CLI_CONFIG");
  try {
    return settingsFromFile(parse(text), file);
  } catch (cause) {
    if (!(cause instanceof YAMLError)) throw cause;
    const what = cause.message.split("\n")[0] ?? "bad YAML";
    throw new OcicatError({ code: "CLI_CONFIG", where: file, what, fix: "mend the YAML", cause });
  }
}
