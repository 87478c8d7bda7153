import { API_VERSION, type Kind, kinds } from "@ocicat/api";
import { type FieldFacts, fieldsOf, withoutEffect } from "@ocicat/api/reference";
import { stringifyJson } from "@ocicat/kit";
import { plainTable } from "../output/table.ts";
import { builtInNames, isWritten, namesOf, storedAt } from "./kind.ts";

/** Where lines end, in characters: as wide as a terminal is at least. */
const WIDTH = 80;

/** Every kind there is. */
export function kindsText(): string {
  const rows = kinds.map((kind) => [kind.kind, kind.plural, kind.aliases.join(", "), kind.namespaced ? "yes" : "no"]);
  return plainTable({ headings: ["KIND", "NAME", "SHORT FORMS", "NAMESPACED"], rows });
}

/** A kind: what it is for, its rules, the fields of its spec. */
export function kindText(kind: Kind): string {
  const facts: readonly (readonly [string, string])[] = [
    ["KIND:", kind.kind],
    ["VERSION:", API_VERSION],
    ["NAMES:", namesOf(kind).join(", ")],
    ["STORED:", storedAt(kind)],
    ...(kind.builtIn.length === 0 ? [] : [["BUILT IN:", builtInNames(kind).join(", ")] as const]),
    ...(isWritten(kind) ? [] : [["WRITTEN:", `not by hand: ${kind.readOnly}`] as const]),
  ];
  const spec = fieldsOf(kind).filter(({ name }) => name === "metadata" || name === "spec" || name === "status");
  return [
    ...facts.map(([label, value]) => label.padEnd(10) + value),
    "",
    ...section("DESCRIPTION:", wrapped(kind.description, 4)),
    ...section(
      "RULES:",
      kind.rules.flatMap((rule) => wrapped(rule, 6, "    - ")),
    ),
    ...section(
      "FIELDS:",
      spec.flatMap((field) => [
        ...entry(field, 2),
        ...(field.name === "spec" ? field.children.flatMap((f) => entry(f, 4)) : []),
      ]),
    ),
  ].join("\n");
}

/** One field, and what is directly below it. */
export function fieldText(kind: Kind, field: FieldFacts): string {
  return [
    `KIND:     ${kind.kind}`,
    `FIELD:    ${field.path} <${field.type}>`,
    "",
    ...section("DESCRIPTION:", [...wrapped(field.description, 4), ...remarks(field, 4)]),
    ...section(
      "FIELDS:",
      field.children.flatMap((child) => entry(child, 2)),
    ),
  ].join("\n");
}

/** Names and types of all fields below, indented by depth. */
export function treeText(kind: Kind, field: FieldFacts | undefined): string {
  const fields = field === undefined ? fieldsOf(kind) : field.children;
  const head = field === undefined ? [] : [`FIELD:    ${field.path} <${field.type}>`];
  return [`KIND:     ${kind.kind}`, ...head, "", ...section("FIELDS:", tree(fields, 2))].join("\n");
}

function tree(fields: readonly FieldFacts[], indent: number): readonly string[] {
  return fields.flatMap((field) => [heading(field, indent), ...tree(field.children, indent + 2)]);
}

function entry(field: FieldFacts, indent: number): readonly string[] {
  return [heading(field, indent), ...wrapped(field.description, indent + 2), ...remarks(field, indent + 2)];
}

function heading({ name, type, required }: FieldFacts, indent: number): string {
  return `${" ".repeat(indent)}${name}  <${type}>${required ? "  required" : ""}`;
}

function remarks({ takes, standard, storedOnly }: FieldFacts, indent: number): readonly string[] {
  return [
    ...(takes === undefined ? [] : wrapped(`Takes ${takes}.`, indent)),
    ...(standard === undefined ? [] : wrapped(`Default: ${stringifyJson(standard)}`, indent)),
    ...(storedOnly === undefined ? [] : wrapped(withoutEffect(storedOnly), indent)),
  ];
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [title, ...lines, ""];
}

/** Words in lines, each indented; the first begins with `lead`, which is as wide as the indent. */
function wrapped(text: string, indent: number, lead = " ".repeat(indent)): readonly string[] {
  const lines: string[] = [];
  let line = lead;
  for (const word of text.split(" ")) {
    if (line.length > indent && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = " ".repeat(indent);
    }
    line += line.length > indent ? ` ${word}` : word;
  }
  return [...lines, line];
}
