import {
  type AnyResource,
  bgpConfiguration,
  DEFAULT_AS_NUMBER,
  formatTable,
  type Kind,
  resourceTable,
  type TableContext,
} from "@ocicat/api";
import type { ResourceClient } from "@ocicat/client";
import { OcicatError } from "@ocicat/kit";
import { readConsequences } from "../agents/answers.ts";
import { askAgents } from "../agents/reach.ts";
import { FORMATS, type Format, type GetOptions } from "../commands/get.ts";
import { DEFAULT_NAMESPACE } from "../commands/options.ts";
import { withDatastore } from "../connect/datastore.ts";
import { readManifests } from "../input/manifests.ts";
import { DOCUMENT_FORMATS, listDocument, namedDocument } from "../output/documents.ts";
import { plainTable } from "../output/table.ts";
import type { Surroundings } from "../surroundings.ts";
import { kindFrom, namespaceOf, type Selection } from "./select.ts";

/** Resources of one kind as they were found. */
interface Found {
  readonly selection: Selection;
  readonly resources: readonly AnyResource[];
  readonly revision: bigint;
}

export async function get(
  surroundings: Surroundings,
  word: string | undefined,
  names: readonly string[],
  options: GetOptions,
): Promise<void> {
  const format = formatFrom(options.output);
  const selections = await selectionsOf(surroundings, word, names, options);
  await withDatastore(surroundings, options.config, async ({ client }) => {
    const found = await Promise.all(selections.map((selection) => find(surroundings, client, selection)));
    await SHOW[format]({ surroundings, client, found, options });
  });
}

function formatFrom(text: string): Format {
  const format = FORMATS.find((candidate) => candidate === text);
  if (format !== undefined) return format;
  throw new OcicatError({
    code: "CLI_OUTPUT",
    what: `"${text}" is not an output format`,
    fix: `use one of ${FORMATS.join(", ")}`,
  });
}

async function selectionsOf(
  surroundings: Surroundings,
  word: string | undefined,
  names: readonly string[],
  options: GetOptions,
): Promise<readonly Selection[]> {
  const { filename, namespace } = options;
  if (filename !== undefined && word !== undefined)
    throw wrongArguments("a kind and -f are given together", "use one of the two");
  if (filename !== undefined) {
    const manifests = await readManifests(surroundings, {
      ...options,
      filename,
      namespace: namespace ?? DEFAULT_NAMESPACE,
    });
    return manifests.map(({ resource: { kind, metadata } }) => ({
      kind: kindFrom(kind),
      names: [metadata.name],
      namespace: metadata.namespace,
    }));
  }
  if (word === undefined)
    throw wrongArguments("it is not said what to get", "name a kind, such as ippools, or give -f FILE");
  const kind = kindFrom(word);
  if (options.allNamespaces !== true) return [{ kind, names, namespace: namespaceOf(kind, options) }];
  if (names.length === 0) return [{ kind, names, namespace: undefined }];
  throw wrongArguments("names and -A are given together", "say in which namespace with -n");
}

function wrongArguments(what: string, fix: string): OcicatError {
  return new OcicatError({ code: "CLI_ARGUMENTS", what, fix });
}

async function find(surroundings: Surroundings, client: ResourceClient, selection: Selection): Promise<Found> {
  const { kind, names, namespace } = selection;
  if (names.length > 0) {
    const resources = await Promise.all(names.map((name) => client.get(kind, name, namespace)));
    return { selection, resources, revision: 0n };
  }
  const list = await client.list(kind, namespace);
  for (const { key, reason } of list.unreadable) {
    surroundings.tell(`${key} is left out, for it cannot be read: ${reason}`);
    surroundings.setExitCode(1);
  }
  return { selection, resources: list.items, revision: list.revision };
}

interface Showing {
  readonly surroundings: Surroundings;
  readonly client: ResourceClient;
  readonly found: readonly Found[];
  readonly options: GetOptions;
}

const SHOW: Readonly<Record<Format, (showing: Showing) => Promise<void> | void>> = {
  ps: (showing) => showTables(showing, false),
  wide: (showing) => showTables(showing, true),
  yaml: (showing) => showDocuments(showing, DOCUMENT_FORMATS.yaml),
  json: (showing) => showDocuments(showing, DOCUMENT_FORMATS.json),
  why: showWhy,
};

async function showTables({ surroundings, client, found, options }: Showing, wide: boolean): Promise<void> {
  const showNamespace = options.allNamespaces === true || options.namespace !== undefined;
  for (const { kind, resources } of byKind(found)) {
    const context = await tableContext(client, kind);
    surroundings.print(`${formatTable(resourceTable(kind, resources, { ...context, wide, showNamespace }))}\n`);
  }
}

/** Only a node's row depends on another resource. */
async function tableContext(client: ResourceClient, kind: Kind): Promise<TableContext> {
  if (kind.kind !== "Node") return {};
  const configuration = await client.find(bgpConfiguration, "default");
  return { globalAsNumber: configuration?.spec.asNumber ?? DEFAULT_AS_NUMBER };
}

function showDocuments(
  { surroundings, found }: Showing,
  format: (typeof DOCUMENT_FORMATS)[keyof typeof DOCUMENT_FORMATS],
): void {
  const [first] = found;
  const isList = first !== undefined && first.selection.names.length === 0;
  surroundings.print(
    format(
      isList
        ? listDocument(first.selection.kind, first.resources, first.revision)
        : namedDocument(found.flatMap(({ resources }) => resources)),
    ),
  );
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
