import type { Column, Kind, TableContext } from "./define-kind.ts";
import type { AnyResource } from "./resource.ts";

export interface TableOptions extends TableContext {
  readonly wide?: boolean;
  /** Put the namespace first, for namespaced kinds. */
  readonly showNamespace?: boolean;
  /** Instead of the standard ones; see columnsOf. */
  readonly columns?: readonly Column[];
}

export interface Table {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const NAMESPACE: Column = { heading: "NAMESPACE", cell: ({ metadata }) => metadata.namespace ?? "" };

/** Every column that a kind has, by its heading: those of both tables, and the namespace. */
export function columnsOf(kind: Kind): ReadonlyMap<string, Column> {
  const all = [...(kind.namespaced ? [NAMESPACE] : []), ...kind.columns, ...kind.wide];
  return new Map(all.map((column) => [column.heading, column] as const));
}

/** The cells of a table of resources of one kind, in the order given. */
export function resourceTable(kind: Kind, resources: readonly AnyResource[], options: TableOptions = {}): Table {
  const own = options.columns ?? (options.wide === true ? kind.wide : kind.columns);
  const columns = kind.namespaced && options.showNamespace === true ? [NAMESPACE, ...own] : own;
  return {
    headings: columns.map((column) => column.heading),
    rows: resources.map((resource) => columns.map((column) => column.cell(resource, options))),
  };
}

/** Columns as wide as their widest cell, and three spaces after each, as calicoctl lays them out. */
export function formatTable(table: Table): string {
  const lines = [table.headings, ...table.rows];
  const widths = table.headings.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const format = (line: readonly string[]) => line.map((cell, index) => cell.padEnd((widths[index] ?? 0) + 3)).join("");
  return `${lines.map(format).join("\n")}\n`;
}
