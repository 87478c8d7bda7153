import { OcicatError } from "@ocicat/kit";

/** Where in a template something begins: its offset in the text. */
export type Offset = number;

/** A template that cannot be read, or that cannot be carried out on the data. Told with line and column by `placed`. */
export class TemplateError extends Error {
  readonly offset: Offset;
  readonly fix: string | undefined;

  constructor(offset: Offset, what: string, fix?: string) {
    super(what);
    this.offset = offset;
    this.fix = fix;
  }
}

/** The same for people: line and column from 1. `where`: what the template is called. */
export function placed(error: TemplateError, text: string, where: string): OcicatError {
  const lines = text.slice(0, error.offset).split("\n");
  const at = `${where}, line ${lines.length}, column ${(lines.at(-1) ?? "").length + 1}`;
  return new OcicatError({ code: "TEMPLATE_INVALID", where: at, what: error.message, fix: error.fix, cause: error });
}
