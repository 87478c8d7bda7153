import type { TableRef } from "../ir/table.ts";

const PREFIX = "ocicat-";

/** Whichever part and version of ours made it: nobody else's tables are called so. */
export function isOurTable({ name }: Pick<TableRef, "name">): boolean {
  return name.startsWith(PREFIX);
}
