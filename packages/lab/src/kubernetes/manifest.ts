import { OcicatError } from "@ocicat/kit";
import { type Document, isMap, isScalar, isSeq, parseAllDocuments, type YAMLMap } from "yaml";

/** What somebody who installs the network changes in its manifest before applying it. */
export interface ManifestEdits {
  /** Variables of the agent's container, as CALICO_IPV4POOL_VXLAN; those that are not there are added. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Entries of its ConfigMap, as calico_backend. */
  readonly config?: Readonly<Record<string, string>>;
}

/** The manifest with these edits, its comments kept. Throws OcicatError LAB_MANIFEST if it has not what is to be changed. */
export function editManifest(text: string, { environment = {}, config = {} }: ManifestEdits): string {
  const documents = parseAllDocuments(text);
  if ("empty" in documents) return text;
  const found = { environment: false, config: false };
  for (const document of documents) {
    const kind = document.get("kind");
    if (kind === "DaemonSet") found.environment = editEnvironment(document, environment) || found.environment;
    if (kind === "ConfigMap") found.config = editData(document, config) || found.config;
  }
  for (const [what, edits] of Object.entries({ environment, config })) {
    if (Object.keys(edits).length > 0 && !found[what === "config" ? "config" : "environment"])
      throw new OcicatError({ code: "LAB_MANIFEST", what: `the manifest has no ${what} to change` });
  }
  for (const { directives } of documents) if (directives !== undefined) directives.docStart = true;
  return documents.map((document) => document.toString()).join("");
}

function editEnvironment(document: Document, environment: Readonly<Record<string, string>>): boolean {
  const containers = document.getIn(["spec", "template", "spec", "containers"]);
  const [container] = isSeq(containers) ? containers.items : [];
  if (!isMap(container)) return false;
  const env = container.get("env");
  if (!isSeq(env)) return false;
  for (const [name, value] of Object.entries(environment)) {
    const variable = env.items.filter((item) => isMap(item)).find((item) => nameOf(item) === name);
    if (variable === undefined) env.add(document.createNode({ name, value }));
    else {
      variable.set("value", value);
      variable.delete("valueFrom");
    }
  }
  return true;
}

function editData(document: Document, config: Readonly<Record<string, string>>): boolean {
  const data = document.get("data");
  if (!isMap(data)) return false;
  const own = Object.entries(config).filter(([name]) => data.has(name));
  for (const [name, value] of own) data.set(name, value);
  return own.length > 0;
}

function nameOf(variable: YAMLMap): unknown {
  const name = variable.get("name", true);
  return isScalar(name) ? name.value : undefined;
}
