import {
  type AnyResource,
  bgpConfiguration,
  columnsOf,
  DEFAULT_AS_NUMBER,
  formatTable,
  type Kind,
  printableResource,
  resourceTable,
  type TableContext,
  type TableOptions,
} from "@ocicat/api";
import type { ResourceClient } from "@ocicat/client";
import { type JsonValue, OcicatError } from "@ocicat/kit";
import { readConsequences } from "../agents/answers.ts";
import { askAgents } from "../agents/reach.ts";
import { readText } from "../input/files.ts";
import { FORMATS, type GetOptions } from "../options/get.ts";
import { DOCUMENT_FORMATS, listDocument, namedDocument, withoutCluster } from "../output/documents.ts";
import { plainTable } from "../output/table.ts";
import type { Surroundings } from "../surroundings.ts";
import type { Selection } from "./select.ts";

/** Resources of one kind as they were found. */
export interface Found {
  readonly selection: Selection;
  readonly resources: readonly AnyResource[];
  readonly revision: bigint;
}

export interface Showing {
  readonly surroundings: Surroundings;
  readonly client: ResourceClient;
  readonly found: readonly Found[];
  readonly options: GetOptions;
}

export type Shower = (showing: Showing) => Promise<void> | void;

/** By format; those with an equals sign take what stands behind it. */
const SHOWERS: Readonly<Record<(typeof FORMATS)[number], (value: string) => Shower>> = {
  ps: () => (showing) => showTables(showing, () => ({})),
  wide: () => (showing) => showTables(showing, () => ({ wide: true })),
  yaml: () => (showing) => showDocuments(showing, DOCUMENT_FORMATS.yaml),
  json: () => (showing) => showDocuments(showing, DOCUMENT_FORMATS.json),
  why: () => showWhy,
  "custom-columns=": (value) => {
    const headings = value.split(",");
    return (showing) =>
      showTables(showing, (kind) => ({ columns: headings.map((heading) => columnOf(kind, heading)) }));
  },
  "go-template=": (value) => (showing) => showTemplate(showing, value, "-o go-template"),
  "go-template-file=": (file) => {
    const template = readText(file, "TEMPLATE_UNREADABLE");
    return (showing) => showTemplate(showing, template, file);
  },
};

/** How `-o` wants it shown. Throws OcicatError CLI_OUTPUT, TEMPLATE_UNREADABLE. */
export function showerFrom(text: string): Shower {
  const [name = "", ...rest] = text.split(/(?<==)/);
  const value = rest.join("");
  const format = FORMATS.find((known) => known === name || (known === "yaml" && name === "yml"));
  const takesValue = format?.endsWith("=") === true;
  if (format !== undefined && takesValue === (value !== "")) return SHOWERS[format](value);
  const what =
    takesValue || FORMATS.some((known) => known === `${name}=`)
      ? `"${text}" does not say what to show`
      : `"${text}" is not an output format`;
  const all = FORMATS.map((known) => (known.endsWith("=") ? `${known}…` : known)).join(", ");
  throw new OcicatError({ code: "CLI_OUTPUT", what, fix: `use one of ${all}` });
}

async function showTables(
  { surroundings, client, found, options }: Showing,
  optionsOf: (kind: Kind) => Pick<TableOptions, "wide" | "columns">,
): Promise<void> {
  const showNamespace = options.allNamespaces === true || options.namespace !== undefined;
  for (const { kind, resources } of byKind(found)) {
    const chosen = optionsOf(kind);
    const context = await tableContext(client, kind);
    surroundings.print(`${formatTable(resourceTable(kind, resources, { ...context, ...chosen, showNamespace }))}\n`);
  }
}

function columnOf(kind: Kind, heading: string) {
  const columns = columnsOf(kind);
  const column = columns.get(heading.trim().toUpperCase());
  if (column !== undefined) return column;
  throw new OcicatError({
    code: "CLI_OUTPUT",
    where: "custom-columns",
    what: `"${heading}" is not a column of ${kind.plural}`,
    fix: `use some of ${[...columns.keys()].join(", ")}`,
  });
}

/** Only a node's row depends on another resource. */
async function tableContext(client: ResourceClient, kind: Kind): Promise<TableContext> {
  return kind.kind === "Node" ? { globalAsNumber: await globalAsNumber(client) } : {};
}

async function globalAsNumber(client: ResourceClient): Promise<number> {
  const configuration = await client.find(bgpConfiguration, "default");
  return configuration?.spec.asNumber ?? DEFAULT_AS_NUMBER;
}

function showDocuments({ surroundings, found, options }: Showing, format: (value: JsonValue) => string): void {
  const [first] = found;
  const isList = first !== undefined && first.selection.names.length === 0;
  const documents = () => found.flatMap(({ resources }) => resources).map((resource) => documentOf(resource, options));
  surroundings.print(
    format(isList ? listDocument(first.selection.kind, first.resources, first.revision) : namedDocument(documents())),
  );
}

function documentOf(resource: AnyResource, options: GetOptions) {
  const document = printableResource(resource);
  return options.export === true ? withoutCluster(document) : document;
}

async function showTemplate(
  { surroundings, client, found, options }: Showing,
  text: string,
  where: string,
): Promise<void> {
  const { execute, listView, resourceView } = await import("../template/index.ts");
  const data = found.flatMap(({ selection: { kind, names }, resources, revision }) =>
    names.length === 0
      ? [listView(`${kind.kind}List`, kind, resources.map(printableResource), revision)]
      : resources.map((resource) => resourceView(kind, documentOf(resource, options))),
  );
  // calicoctl's function for the cluster's AS number is the one that asks the datastore.
  const asNumber = text.includes("config") ? await globalAsNumber(client) : DEFAULT_AS_NUMBER;
  const config = {
    least: 1,
    most: 1,
    apply: ([name]: readonly unknown[], fail: (what: string) => never) =>
      String(name).toLowerCase() === "asnumber" ? String(asNumber) : fail("only asnumber is known"),
  };
  surroundings.print(execute(text, data, { where, functions: { config } }));
}

/** What the agents in reach hold because of the resources: whatever names them as its origin. */
async function showWhy({ surroundings, found }: Showing): Promise<void> {
  const rows: string[][] = [];
  for (const { kind, resources } of byKind(found)) {
    for (const { metadata } of resources) {
      const name = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
      const query = new URLSearchParams({ kind: kind.kind, name });
      const answers = await askAgents(surroundings, undefined, `/consequences?${query}`, readConsequences);
      for (const { node, body } of answers) {
        for (const { object, reason } of body) rows.push([kind.kind, name, node, object, reason]);
      }
    }
  }
  surroundings.print(plainTable({ headings: ["KIND", "NAME", "NODE", "HOLDS", "BECAUSE"], rows }));
}

/** One table for each kind, in the order in which they were asked for. */
function byKind(
  found: readonly Found[],
): readonly { readonly kind: Kind; readonly resources: readonly AnyResource[] }[] {
  const groups = Map.groupBy(found, ({ selection }) => selection.kind);
  return [...groups].map(([kind, group]) => ({ kind, resources: group.flatMap(({ resources }) => resources) }));
}
