import { render, TEMPLATES, valuesWith } from "./chart.ts";

/** The manifests that are made of the chart, by their names in deploy/. */
const MANIFESTS: Readonly<
  Record<string, { readonly about: string; readonly values: Readonly<Record<string, unknown>> }>
> = {
  "ocicat.yaml": {
    about: "Resources are kept as Calico's manifests keep them, in crd.projectcalico.org/v1.",
    values: {},
  },
  "ocicat-v3.yaml": {
    about: "Resources are kept as people write them, in projectcalico.org/v3: kubectl apply is checked by our rules.",
    values: { apiGroup: "projectcalico.org/v3" },
  },
  "ocicat-fanout.yaml": {
    about: "For a hundred nodes and more: agents read from ocicat fanout. Its certificates come first: docs/fanout.md.",
    values: { fanout: { enabled: true } },
  },
  "ocicat-migrate.yaml": {
    about: "For a cluster of Calico's: agents run on the nodes that ocicat migrate calico take-over has labelled.",
    values: {
      takeOver: "calico",
      agent: { nodeSelector: { "network.ocicat.io/agent": "true" } },
      pools: { create: false },
      // Calico's collect for all nodes, until there is no node of its own.
      controllers: { replicas: 0 },
    },
  },
};

export const MANIFEST_NAMES: readonly string[] = Object.keys(MANIFESTS);

/** The chart's objects, with its own values but for those that the manifest is about. */
export function makeManifest(name: string): string {
  const manifest = MANIFESTS[name];
  if (manifest === undefined) throw new Error(`there is no manifest ${name}`);
  const values = valuesWith(manifest.values);
  const header = [
    "# Ocicat on Kubernetes: kubectl apply -f FILE. docs/kubernetes.md says how to choose and change.",
    `# ${manifest.about}`,
    "# Made by npm run manifests, of the chart in deploy/chart.",
  ].join("\n");
  return [header, ...TEMPLATES.map((file) => render(file, values, "kube-system").trimEnd())]
    .join("\n---\n")
    .concat("\n");
}
