/** One measured case beside its peer. */
export interface Case {
  readonly case: string;
  readonly unit: string;
  readonly ours: number;
  /** null where there is none: then the goal is absolute. */
  readonly peer: number | null;
  readonly peerName: string;
  readonly ratio: number | null;
  readonly goal: string;
  readonly met: boolean;
}

/** `at most 0.5 x the peer`, or `at most 100` where there is no peer. */
export type Goal =
  | { readonly kind: "at most"; readonly value: number }
  | { readonly kind: "at least"; readonly value: number }
  /** Printed for comparison only. */
  | { readonly kind: "none" };

export interface Peer {
  readonly name: string;
  readonly value: number;
  /** Of pairs measured one beside the other, where it is not that of the two figures: these may be from different minutes. */
  readonly ratio?: number;
}

export function measured(name: string, unit: string, ours: number, peer: Peer | undefined, goal: Goal): Case {
  const ratio = peer === undefined ? null : (peer.ratio ?? ours / peer.value);
  const compared = ratio ?? ours;
  const suffix = ratio === null ? ` ${unit}` : " x";
  return {
    case: name,
    unit,
    ours,
    peer: peer?.value ?? null,
    peerName: peer?.name ?? "",
    ratio,
    goal: goal.kind === "none" ? "" : `${goal.kind === "at most" ? "<=" : ">="} ${goal.value}${suffix}`,
    met: goal.kind === "none" || (goal.kind === "at most" ? compared <= goal.value : compared >= goal.value),
  };
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Nearest rank. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((p / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** A table for people, or one JSON object a line. Returns the process' exit code: 1 if a goal was missed. */
export function report(cases: readonly Case[], asJson: boolean): number {
  if (asJson) for (const entry of cases) process.stdout.write(`${JSON.stringify(entry)}\n`);
  else process.stdout.write(`\n${alignColumns(cells(cases))}\n`);
  return cases.every((entry) => entry.met) ? 0 : 1;
}

/** A row a case, under a row of titles. */
export function cells(cases: readonly Case[]): readonly (readonly string[])[] {
  const number = (value: number | null) => (value === null ? "" : Number(value.toPrecision(3)).toString());
  return [
    ["CASE", "OURS", "PEER", "RATIO", "GOAL", "MET", "PEER IS"],
    ...cases.map((entry) => [
      entry.case,
      `${number(entry.ours)} ${entry.unit}`,
      entry.peer === null ? "" : `${number(entry.peer)} ${entry.unit}`,
      number(entry.ratio),
      entry.goal,
      entry.goal === "" ? "" : entry.met ? "yes" : "NO",
      entry.peerName,
    ]),
  ];
}

/** Rows as lines, each column as wide as its widest cell. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
