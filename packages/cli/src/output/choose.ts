import { OcicatError } from "@ocicat/kit";

/** The one of a command's formats that was asked for. Throws OcicatError CLI_OUTPUT. */
export function formatOf<T>(output: string, formats: Readonly<Record<string, T>>): T {
  const format = Object.entries(formats).find(([name]) => name === output)?.[1];
  if (format !== undefined) return format;
  const fix = `use one of ${Object.keys(formats).join(", ")}`;
  throw new OcicatError({ code: "CLI_OUTPUT", what: `"${output}" is not an output format`, fix });
}
