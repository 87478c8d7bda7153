import { formatTable, type Table } from "@ocicat/api";

/** A table of our own: as calicoctl's, without the blanks after the last column, which would wrap long reasons. */
export function plainTable(table: Table): string {
  return formatTable(table).replaceAll(/ +$/gm, "");
}
