import { type Kind, kinds } from "@ocicat/api";
import { jsonSchema } from "@ocicat/api/reference";
import { stringifyJson } from "@ocicat/kit";
import { indexPage, kindPage, pageFile, schemaFile } from "./markdown.ts";

/** The files of docs/resources, by name: a page and a JSON Schema for each kind, and the page that leads to them. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ["README.md", indexPage()],
    ...kinds.flatMap((kind): [string, string][] => [
      [pageFile(kind), kindPage(kind)],
      [schemaFile(kind), schemaText(kind)],
    ]),
  ]);
}

export function schemaText(kind: Kind): string {
  return `${stringifyJson(jsonSchema(kind), 2)}\n`;
}
