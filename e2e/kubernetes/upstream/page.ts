import { type Case, type Run, SUITES, type SuiteName } from "./suites.ts";

const INTRODUCTION = [
  "# Kubernetes conformance",
  "What upstream's own test suites say of Ocicat, by upstream's own runners, on a cluster of two nodes in a lab: real API " +
    "server, kubelets and containerd. `npm run test:kubernetes -- --write` puts what it has run into this page.",
];
const REMARKS = [
  "With plugins that enforce nothing (`--network reference`), of Netpol the case of a policy that allows all passes, and those " +
    "of one that denies all fail, for TCP and for UDP: the suite can fail.",
  "What fails of the policy API is one extended feature, experimental in v0.2.0: nodes as peers. A rule that names them " +
    "allows nothing; one that denies or passes denies everything.",
];
const HEAD = ["| suite | kube-proxy | passed | failed | left out | took |", "|---|---|---|---|---|---|"];

/** The matrix as a page of the documentation. `present`: the page as it is, of which suites that were not run keep their part. */
export function conformancePage(runs: readonly Run[], present: string): string {
  const parts = (Object.keys(SUITES) as SuiteName[]).flatMap((suite) => {
    const run = runs.find((each) => each.suite === suite);
    const part = run === undefined ? partIn(present, suite) : { row: summary(run), section: section(run) };
    return part === undefined ? [] : [part];
  });
  const table = [...HEAD, ...parts.map(({ row }) => row)].join("\n");
  return `${[...INTRODUCTION, table, ...REMARKS, ...parts.map((part) => part.section)].join("\n\n")}\n`;
}

interface Part {
  readonly row: string;
  readonly section: string;
}

function partIn(page: string, suite: SuiteName): Part | undefined {
  const row = page.split("\n").find((line) => line.startsWith(`| ${SUITES[suite].what} |`));
  const section = page.split(/\n(?=## )/).find((each) => each.startsWith(`## ${suite}\n`));
  return row === undefined || section === undefined ? undefined : { row, section: section.trimEnd() };
}

function summary({ suite, proxy, cases, seconds }: Run): string {
  const count = (outcome: Case["outcome"]) => cases.filter((each) => each.outcome === outcome).length;
  return `| ${SUITES[suite].what} | ${proxy} | ${count("passed")} | ${count("failed")} | ${SUITES[suite].without} | ${Math.round(seconds)} s |`;
}

function section({ suite, cases }: Run): string {
  const rows = cases
    .filter(({ outcome }) => outcome !== "skipped")
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, outcome }) => `| ${name.replaceAll("|", "\\|")} | ${outcome} |`);
  return [`## ${suite}`, "", "| case | outcome |", "|---|---|", ...rows].join("\n");
}
