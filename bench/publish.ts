import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { type Case, cells } from "./report.ts";

const PAGE = new URL("../docs/figures.md", import.meta.url);

/** What a section says of the run that it is from. */
export interface Circumstances {
  /** As 2026-11-21. */
  readonly date: string;
  readonly kernel: string;
  readonly processors: string;
  /** Of the minute before the run: what else the machine was at. */
  readonly load: number;
  readonly commit: string;
}

/** To be asked before the run: the load after it is the run's own. */
export function circumstances(now: Date): Circumstances {
  const processors = cpus();
  return {
    date: now.toISOString().slice(0, 10),
    kernel: release(),
    processors: `${processors.length} × ${processors[0]?.model.trim() ?? "unknown"}`,
    load: loadavg()[0] ?? Number.NaN,
    commit: execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim(),
  };
}

/** Puts a suite's figures into docs/figures.md, in place of those that it had there. */
export function publish(suite: string, what: string, cases: readonly Case[], when: Circumstances): void {
  const page = existsSync(PAGE) ? readFileSync(PAGE, "utf8") : "";
  writeFileSync(PAGE, withSection(page, suite, section(suite, what, cases, when)));
}

/** Sections are in the order of their names; the text before the first one stays. */
export function withSection(page: string, suite: string, text: string): string {
  const [head = "", ...found] = page.split(/^(?=## )/m);
  const sections = new Map(found.map((each) => [nameOf(each), `${each.trim()}\n`]));
  sections.set(suite, text);
  const inOrder = [...sections].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
  return [`${head.trim()}\n`, ...inOrder].join("\n");
}

function nameOf(text: string): string {
  return /^## `([^`]+)`/.exec(text)?.[1] ?? "";
}

function section(suite: string, what: string, cases: readonly Case[], when: Circumstances): string {
  const { date, kernel, processors, load, commit } = when;
  const [header = [], ...rows] = cells(cases);
  return `## \`${suite}\`: ${what}

${date}, commit ${commit}, Linux ${kernel}, ${processors}, load before ${load.toFixed(1)}. \`npm run bench -- ${suite}\`

${[header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n")}
`;
}
