import { OcicatError } from "@ocicat/kit";
import { KUBERNETES_VARIABLES } from "../config/variables.ts";

/** What says which datastore to use and how it is reached, by the names of calicoctl's configuration file, with the variable that says the same. */
export const SETTINGS = {
  datastoreType: "DATASTORE_TYPE",
  etcdEndpoints: "ETCD_ENDPOINTS",
  etcdUsername: "ETCD_USERNAME",
  etcdPassword: "ETCD_PASSWORD",
  etcdKeyFile: "ETCD_KEY_FILE",
  etcdCertFile: "ETCD_CERT_FILE",
  etcdCACertFile: "ETCD_CA_CERT_FILE",
  ...KUBERNETES_VARIABLES,
} as const;

export type SettingName = keyof typeof SETTINGS;
export type Settings = { readonly [K in SettingName]?: string };

export type Environment = Readonly<Record<string, string | undefined>>;

export const DATASTORE_TYPES = ["etcdv3", "kubernetes"] as const;
export type DatastoreType = (typeof DATASTORE_TYPES)[number];

export const DEFAULT_ENDPOINT = "http://127.0.0.1:2379";

/** What the environment says: `ETCD_ENDPOINTS` and its like, or the same after `CALICO_`. Empty is unset. */
export function settingsFromEnv(env: Environment): Settings {
  const found = Object.entries(SETTINGS).flatMap(([name, variable]) => {
    const value = env[variable] || env[`CALICO_${variable}`];
    return value === undefined || value === "" ? [] : [[name, value]];
  });
  return Object.fromEntries(found) as Settings;
}

/** Throws OcicatError DATASTORE_CONFIG; `source` is who said it. */
export function datastoreTypeOf({ datastoreType = "etcdv3" }: Settings, source: string): DatastoreType {
  const type = DATASTORE_TYPES.find((each) => each === datastoreType);
  if (type !== undefined) return type;
  const what = `datastoreType "${datastoreType}" is none`;
  throw new OcicatError({
    code: "DATASTORE_CONFIG",
    where: source,
    what,
    fix: 'use "etcdv3", the standard, or "kubernetes"',
  });
}
