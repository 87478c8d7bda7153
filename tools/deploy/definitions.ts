import { clusterNetworkPolicy, type Definition, resourceDefinitions } from "@ocicat/kubernetes/crd";
import { stringify } from "yaml";

/** Deleting a definition deletes all resources of the kind: Helm leaves it when the chart is uninstalled. */
const KEPT = { "helm.sh/resource-policy": "keep" };

const HEADER = "# Made by npm run manifests, from the one definition of each kind in packages/api.\n";

/** The chart's templates that are made: definitions of both groups, of which one is chosen, and that of another project. */
export const DEFINITION_TEMPLATES: Readonly<Record<string, () => string>> = {
  "definitions.yaml": () =>
    [
      `${HEADER}{{- if .Values.definitions }}`,
      '{{- if eq .Values.apiGroup "projectcalico.org/v3" }}',
      documents(resourceDefinitions("projectcalico.org/v3")),
      "{{- else }}",
      documents(resourceDefinitions("crd.projectcalico.org/v1")),
      "{{- end }}",
      "{{- end }}\n",
    ].join("\n"),
  "definitions-policy.yaml": () =>
    [`${HEADER}{{- if .Values.definitions }}`, documents([clusterNetworkPolicy]), "{{- end }}\n"].join("\n"),
};

function documents(definitions: readonly Definition[]): string {
  const texts = definitions.map((definition) => {
    const { metadata } = definition;
    const kept = { ...definition, metadata: { ...metadata, annotations: { ...metadata.annotations, ...KEPT } } };
    return stringify(kept, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd();
  });
  const text = texts.join("\n---\n");
  if (text.includes("{{")) throw new Error("a definition has {{, which Helm would take for its own");
  return text;
}
