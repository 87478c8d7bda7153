import { OcicatError } from "@ocicat/kit";
import { SETTINGS, type Settings } from "@ocicat/kubernetes/open";

/** Settings that a file may hold and that are without effect here. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(["k8sClientQPS"]);

/** Settings that a file may hold and that would be ignored at the user's peril. */
const NOT_YET: Readonly<Record<string, string>> = {
  etcdDiscoverySrv: "list the members in etcdEndpoints",
  etcdKey: "put the key into a file and name it in etcdKeyFile",
  etcdCert: "put the certificate into a file and name it in etcdCertFile",
  etcdCACert: "put the certificates into a file and name it in etcdCACertFile",
};

const FORMAT = "write apiVersion: projectcalico.org/v3, kind: CalicoAPIConfig, and spec.etcdEndpoints";

/** What a parsed CalicoAPIConfig says. `file` is for the message. Throws OcicatError CLI_CONFIG. */
export function settingsFromFile(document: unknown, file: string): Settings {
  if (!isObject(document) || document.kind !== "CalicoAPIConfig" || !isObject(document.spec ?? {})) {
    throw refused(file, "is not a CalicoAPIConfig with a spec", FORMAT);
  }
  const entries = Object.entries(document.spec ?? {}).filter(([name]) => !WITHOUT_EFFECT.has(name));
  const texts = entries.map(([name, value]) => [name, textOf(`${file}: spec.${name}`, name, value)]);
  return Object.fromEntries(texts) as Settings;
}

function textOf(where: string, name: string, value: unknown): string {
  const instead = NOT_YET[name];
  if (instead !== undefined) throw refused(where, "is not supported yet", instead);
  if (!(name in SETTINGS)) throw refused(where, "is not a setting", `use ${Object.keys(SETTINGS).join(", ")}`);
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "string") throw refused(where, "is not text", "put it in quotes");
  return value;
}

function refused(where: string, what: string, fix: string): OcicatError {
  return new OcicatError({ code: "CLI_CONFIG", where, what, fix });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
