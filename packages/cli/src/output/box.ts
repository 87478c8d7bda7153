/**
 * A table with borders, as calicoctl prints `node status` and `ipam show`:
 *
 *     +----------+------+
 *     | HEADING  |  N   |      headings in the middle
 *     +----------+------+
 *     | text     |   12 |      numbers right, everything else left
 *     +----------+------+
 */
export function formatBox(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const rule = `+${widths.map((width) => "-".repeat(width + 2)).join("+")}+`;
  const line = (cells: readonly string[], place: (cell: string, width: number) => string) =>
    `|${widths.map((width, column) => ` ${place(cells[column] ?? "", width)} `).join("|")}|`;
  return `${[rule, line(headings, centre), rule, ...rows.map((row) => line(row, beside)), rule].join("\n")}\n`;
}

const NUMBER = /^-?\d+(?:\.\d+)?(?:e[-+]\d+)?$/;

function beside(cell: string, width: number): string {
  return NUMBER.test(cell) ? cell.padStart(width) : cell.padEnd(width);
}

/** An odd space goes to the right. */
function centre(text: string, width: number): string {
  return text.padStart(text.length + Math.floor((width - text.length) / 2)).padEnd(width);
}
