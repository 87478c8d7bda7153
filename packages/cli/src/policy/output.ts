import { type JsonValue, OcicatError } from "@ocicat/kit";
import { DOCUMENT_FORMATS } from "../output/documents.ts";
import type { Surroundings } from "../surroundings.ts";

/** An answer in each of its forms. */
export interface Shown {
  readonly text: () => string;
  readonly json: () => JsonValue;
}

export const OUTPUTS = ["ps", "json", "yaml"] as const;

/** Throws OcicatError CLI_OUTPUT. */
export function print(surroundings: Surroundings, output: string, { text, json }: Shown): void {
  if (output === "ps") surroundings.print(text());
  else if (output === "json" || output === "yaml") surroundings.print(DOCUMENT_FORMATS[output](json()));
  else throw badOutput(output);
}

/** Before any work is done. Throws OcicatError CLI_OUTPUT. */
export function checkOutput(output: string): void {
  if (!OUTPUTS.some((known) => known === output)) throw badOutput(output);
}

function badOutput(output: string): OcicatError {
  return new OcicatError({
    code: "CLI_OUTPUT",
    what: `"${output}" is not an output format`,
    fix: `use one of ${OUTPUTS.join(", ")}`,
  });
}
