import { API_VERSION, type Column, ippool, type Kind, kinds } from "@ocicat/api";
import { type FieldFacts, fieldsOf, withDescendants, withoutEffect } from "@ocicat/api/reference";
import { parseJson, stringifyJson } from "@ocicat/kit";
import { toYaml } from "../output/yaml.ts";
import { builtInNames, isWritten, namesOf, storedAt } from "./kind.ts";

/** The reference of one kind, as a page that stands beside its JSON Schema. */
export function kindPage(kind: Kind): string {
  const fields = fieldsOf(kind);
  const below = (part: string) => [...withDescendants(fields.find(({ name }) => name === part)?.children ?? [])];
  return page([
    `# ${kind.kind}`,
    prose(kind.description),
    facts(kind),
    ...example(kind),
    ...(kind.rules.length === 0 ? [] : ["## Rules", kind.rules.map((rule) => `- ${prose(rule)}`).join("\n")]),
    "## Fields",
    table(below("spec")),
    ...(below("status").length === 0
      ? []
      : ["## Status", "What the system reports; not for people to write.", table(below("status"))]),
  ]);
}

/** The page that leads to the others. */
export function indexPage(): string {
  const rows = kinds.map((kind) => [`[${kind.kind}](${pageFile(kind)})`, prose(kind.description)]);
  const metadata = fieldsOf(ippool).find(({ name }) => name === "metadata");
  return page([
    "# Resources",
    "Made from the definitions in `packages/api/src/kinds` by `npm run docs`; do not edit. The same in a terminal: " +
      "`ocicat explain`.",
    markdownTable(["kind", "what it is"], rows),
    "Beside each page is the kind's JSON Schema (draft 2020-12), for editors and pipelines. It refuses nothing that is " +
      "accepted here, but for null, zero and empty text that mean the same as leaving a field out. Rules across fields it leaves " +
      "out: `ocicat validate -f FILE` knows them all.",
    "## Every resource",
    `\`apiVersion\` is \`${API_VERSION}\`, \`kind\` one of the above. A field that a kind does not have is refused in what ` +
      "people write, and kept in what is stored.",
    table([...withDescendants(metadata?.children ?? [])]),
  ]);
}

export const pageFile = ({ kind }: Kind): string => `${kind.toLowerCase()}.md`;
export const schemaFile = ({ kind }: Kind): string => `${kind.toLowerCase()}.schema.json`;

const page = (parts: readonly string[]) => `${parts.join("\n\n")}\n`;

function facts(kind: Kind): string {
  const schema = schemaFile(kind);
  return markdownTable(
    ["", ""],
    [
      ["names", namesOf(kind).map(code).join(", ")],
      ["scope", kind.namespaced ? "a namespace" : "global"],
      ["a resource's name", prose(kind.name.expects)],
      ...(isWritten(kind) ? [] : [["written", `not by hand: ${kind.readOnly}`]]),
      ["stored at", code(storedAt(kind))],
      ...(kind.builtIn.length === 0 ? [] : [["there without being stored", builtInNames(kind).map(code).join(", ")]]),
      ["columns of `get`", headings(kind.columns)],
      ...(headings(kind.wide) === headings(kind.columns) ? [] : [["with `-o wide`", headings(kind.wide)]]),
      ["JSON Schema", `[${schema}](${schema})`],
    ],
  );
}

const headings = (columns: readonly Column[]) => columns.map(({ heading }) => heading).join(", ");

function example({ kind, example }: Kind): readonly string[] {
  if (example === undefined) return [];
  const { name, namespace, spec } = example;
  const metadata = namespace === undefined ? { name } : { name, namespace };
  const document = { apiVersion: API_VERSION, kind, metadata, spec: parseJson(stringifyJson(spec)) };
  return ["## Example", `\`\`\`yaml\n${toYaml(document)}\`\`\``];
}

function table(fields: readonly FieldFacts[]): string {
  return markdownTable(
    ["field", "type", "default", ""],
    fields.map((field) => [
      code(field.path) + (field.required ? " (required)" : ""),
      field.type,
      field.standard === undefined ? "" : code(stringifyJson(field.standard)),
      [
        prose(field.description),
        ...(field.takes === undefined ? [] : [`Takes ${prose(field.takes)}.`]),
        ...(field.storedOnly === undefined ? [] : [`*${withoutEffect(field.storedOnly)}*`]),
      ].join(" "),
    ]),
  );
}

function markdownTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(headings), `|${"---|".repeat(headings.length)}`, ...rows.map(line)].join("\n");
}

/** What is no code: `<name>` would be taken for HTML. */
const prose = (text: string) => text.replaceAll("<", "\\<");
const code = (text: string) => `\`${text}\``;
