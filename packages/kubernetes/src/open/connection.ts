import type { EtcdOptions } from "@ocicat/datastore/etcd";
import { OcicatError } from "@ocicat/kit";
import type { ApiGroup, Target } from "../config/index.ts";
import { DEFAULT_ENDPOINT, datastoreTypeOf, type Environment, type Settings } from "./settings.ts";

/** Which datastore, how it is reached, and who said so. */
export type DatastoreConnection = {
  /** For messages: "ETCD_ENDPOINTS", a file's name, "the lab on this machine". */
  readonly source: string;
} & (
  | { readonly type: "etcdv3"; readonly options: Pick<EtcdOptions, "endpoints" | "tls" | "credentials"> }
  | { readonly type: "kubernetes"; readonly target: Target; readonly apiGroup: ApiGroup }
);

/** Throws OcicatError DATASTORE_CONFIG or KUBERNETES_CONFIG. */
export async function connectionOf(settings: Settings, env: Environment, source: string): Promise<DatastoreConnection> {
  if (datastoreTypeOf(settings, source) === "etcdv3")
    return { type: "etcdv3", options: etcdOptions(settings, source), source };
  const { apiGroupOf, targetOf } = await import("../config/index.ts");
  return { type: "kubernetes", target: targetOf(settings, env), apiGroup: apiGroupOf(settings), source };
}

/** Where that is, for messages. */
export function placeOf(connection: DatastoreConnection): string {
  if (connection.type === "etcdv3") return connection.options.endpoints.join(", ");
  const { scheme, host, port } = connection.target.server;
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function etcdOptions(settings: Settings, source: string): Pick<EtcdOptions, "endpoints" | "tls" | "credentials"> {
  const { etcdEndpoints = DEFAULT_ENDPOINT } = settings;
  const tls = tlsFiles(settings);
  const credentials = credentialsIn(settings, source);
  return {
    endpoints: etcdEndpoints.split(",").map((endpoint) => endpoint.trim()),
    ...(tls === undefined ? {} : { tls }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

function tlsFiles({ etcdCACertFile: caFile, etcdCertFile: certFile, etcdKeyFile: keyFile }: Settings) {
  const files = Object.entries({ caFile, certFile, keyFile }).filter(([, file]) => file !== undefined);
  return files.length === 0 ? undefined : Object.fromEntries(files);
}

function credentialsIn({ etcdUsername: username, etcdPassword: password }: Settings, source: string) {
  if (username === undefined && password === undefined) return undefined;
  if (username !== undefined && password !== undefined) return { username, password };
  throw new OcicatError({
    code: "DATASTORE_CONFIG",
    where: source,
    what: "of etcdUsername and etcdPassword only one is given",
    fix: "give both or neither",
  });
}
