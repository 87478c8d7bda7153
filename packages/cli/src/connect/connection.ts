import { existsSync } from "node:fs";
import type { EtcdOptions } from "@ocicat/datastore/etcd";
import { OcicatError } from "@ocicat/kit";
import { readText } from "../input/files.ts";
import type { Surroundings } from "../surroundings.ts";
import { clientOptions, DEFAULT_ENDPOINT, type Settings, settingsFromEnv, settingsFromFile } from "./settings.ts";

/** How the datastore is reached, and who said so. */
export interface Connection {
  readonly options: Pick<EtcdOptions, "endpoints" | "tls" | "credentials">;
  /** For messages: "ETCD_ENDPOINTS", a file's name, "the lab on this machine". */
  readonly source: string;
}

/**
 * In this order, each over what comes after it, as in calicoctl: the environment, the file given with -c. Where neither
 * says an endpoint: a lab that runs on this machine, the standard file, a datastore on this host. Throws OcicatError
 * CLI_CONFIG.
 */
export async function findConnection(surroundings: Surroundings, file: string | undefined): Promise<Connection> {
  const { env, places, lab } = surroundings;
  const fromEnv = settingsFromEnv(env);
  const given = file === undefined ? {} : await settingsIn(file);
  if (fromEnv.etcdEndpoints !== undefined) return connection({ ...given, ...fromEnv }, "ETCD_ENDPOINTS");
  if (file !== undefined) return connection({ ...given, ...fromEnv }, file);
  const labEndpoint = lab.datastore();
  if (labEndpoint !== undefined) {
    return connection({ ...fromEnv, etcdEndpoints: labEndpoint }, "the lab on this machine");
  }
  if (existsSync(places.config)) return connection({ ...(await settingsIn(places.config)), ...fromEnv }, places.config);
  return connection({ etcdEndpoints: DEFAULT_ENDPOINT, ...fromEnv }, "the standard, for nothing else is configured");
}

function connection(settings: Settings, source: string): Connection {
  return { options: clientOptions(settings, source), source };
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
