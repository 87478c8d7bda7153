import type { Kind } from "@ocicat/api";
import { type FieldFacts, fieldSchema, findField } from "@ocicat/api/reference";
import { OcicatError, stringifyJson } from "@ocicat/kit";
import { kindPage } from "../explain/markdown.ts";
import { schemaText } from "../explain/pages.ts";
import { fieldText, kindsText, kindText, treeText } from "../explain/text.ts";
import { EXPLAIN_FORMATS, type ExplainOptions } from "../options/explain.ts";
import type { Surroundings } from "../surroundings.ts";
import { kindFrom } from "./select.ts";

/** Throws OcicatError CLI_KIND, CLI_OUTPUT, FIELD_UNKNOWN. */
export function explain({ print }: Surroundings, path: string | undefined, options: ExplainOptions): void {
  const format = EXPLAIN_FORMATS.find((candidate) => candidate === options.output);
  if (format === undefined) throw notAFormat(options.output);
  if (path === undefined) {
    print(kindsText());
    return;
  }
  const [word = "", ...steps] = path.split(".");
  const kind = kindFrom(word);
  const field = steps.length === 0 ? undefined : findField(kind, steps.join("."));
  print(SHOW[format](kind, field, options.recursive === true));
}

type Show = (kind: Kind, field: FieldFacts | undefined, recursive: boolean) => string;

const SHOW: Readonly<Record<(typeof EXPLAIN_FORMATS)[number], Show>> = {
  text(kind, field, recursive) {
    if (recursive) return treeText(kind, field);
    return field === undefined ? kindText(kind) : fieldText(kind, field);
  },
  markdown: (kind) => kindPage(kind),
  "json-schema": (kind, field) =>
    field === undefined ? schemaText(kind) : `${stringifyJson(fieldSchema(field), 2)}\n`,
};

function notAFormat(text: string): OcicatError {
  return new OcicatError({
    code: "CLI_OUTPUT",
    what: `"${text}" is not an output format`,
    fix: `use one of ${EXPLAIN_FORMATS.join(", ")}`,
  });
}
