import type { EtcdOptions } from "@ocicat/datastore/etcd";
import { OcicatError } from "@ocicat/kit";

/** What reaches a datastore, by the names of calicoctl's configuration file, with the variable that says the same. */
const SETTINGS = {
  datastoreType: "DATASTORE_TYPE",
  etcdEndpoints: "ETCD_ENDPOINTS",
  etcdUsername: "ETCD_USERNAME",
  etcdPassword: "ETCD_PASSWORD",
  etcdKeyFile: "ETCD_KEY_FILE",
  etcdCertFile: "ETCD_CERT_FILE",
  etcdCACertFile: "ETCD_CA_CERT_FILE",
} as const;

type SettingName = keyof typeof SETTINGS;
export type Settings = { readonly [K in SettingName]?: string };

/** Settings of other datastores: accepted beside ours and without meaning here. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  "kubeconfig",
  "k8sAPIEndpoint",
  "k8sKeyFile",
  "k8sCertFile",
  "k8sCAFile",
  "k8sAPIToken",
  "k8sInsecureSkipTLSVerify",
  "k8sCurrentContext",
  "k8sClientQPS",
  "calicoAPIGroup",
]);

/** Settings that a file may hold and that would be ignored at the user's peril. */
const NOT_YET: Readonly<Record<string, string>> = {
  etcdDiscoverySrv: "list the members in etcdEndpoints",
  etcdKey: "put the key into a file and name it in etcdKeyFile",
  etcdCert: "put the certificate into a file and name it in etcdCertFile",
  etcdCACert: "put the certificates into a file and name it in etcdCACertFile",
};

const FORMAT = "write apiVersion: projectcalico.org/v3, kind: CalicoAPIConfig, and spec.etcdEndpoints";

/** What the environment says: `ETCD_ENDPOINTS` and its like, or the same after `CALICO_`. Empty is unset. */
export function settingsFromEnv(env: Readonly<Record<string, string | undefined>>): Settings {
  const found = Object.entries(SETTINGS).flatMap(([name, variable]) => {
    const value = env[variable] || env[`CALICO_${variable}`];
    return value === undefined || value === "" ? [] : [[name, value]];
  });
  return Object.fromEntries(found) as Settings;
}

/** What a parsed CalicoAPIConfig says. `file` is for the message. Throws OcicatError CLI_CONFIG. */
export function settingsFromFile(document: unknown, file: string): Settings {
  if (!isObject(document) || document.kind !== "CalicoAPIConfig" || !isObject(document.spec ?? {})) {
    throw refused(file, "is not a CalicoAPIConfig with a spec", FORMAT);
  }
  const entries = Object.entries(document.spec ?? {}).filter(([name]) => !ELSEWHERE.has(name));
  for (const [name, value] of entries) checkSetting(`${file}: spec.${name}`, name, value);
  return Object.fromEntries(entries) as Settings;
}

/** Options of a client for them. `source` is who gave them, for the message. Throws OcicatError CLI_CONFIG. */
export function clientOptions(
  settings: Settings,
  source: string,
): Pick<EtcdOptions, "endpoints" | "tls" | "credentials"> {
  const { datastoreType = "etcdv3", etcdEndpoints = DEFAULT_ENDPOINT } = settings;
  if (datastoreType !== "etcdv3") {
    throw refused(source, `datastoreType "${datastoreType}" is not supported yet`, 'use "etcdv3", the standard');
  }
  const tls = tlsFiles(settings);
  const credentials = credentialsIn(settings, source);
  return {
    endpoints: etcdEndpoints.split(",").map((endpoint) => endpoint.trim()),
    ...(tls === undefined ? {} : { tls }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

export const DEFAULT_ENDPOINT = "http://127.0.0.1:2379";

function checkSetting(where: string, name: string, value: unknown): void {
  const instead = NOT_YET[name];
  if (instead !== undefined) throw refused(where, "is not supported yet", instead);
  if (!(name in SETTINGS)) throw refused(where, "is not a setting", `use ${Object.keys(SETTINGS).join(", ")}`);
  if (typeof value !== "string") throw refused(where, "is not text", "put it in quotes");
}

function tlsFiles({ etcdCACertFile: caFile, etcdCertFile: certFile, etcdKeyFile: keyFile }: Settings) {
  const files = Object.entries({ caFile, certFile, keyFile }).filter(([, file]) => file !== undefined);
  return files.length === 0 ? undefined : Object.fromEntries(files);
}

function credentialsIn({ etcdUsername: username, etcdPassword: password }: Settings, source: string) {
  if (username === undefined && password === undefined) return undefined;
  if (username !== undefined && password !== undefined) return { username, password };
  throw refused(source, "of etcdUsername and etcdPassword only one is given", "give both or neither");
}

function refused(where: string, what: string, fix: string): OcicatError {
  return new OcicatError({ code: "CLI_CONFIG", where, what, fix });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
