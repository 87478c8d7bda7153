import { type Case, type Run, SUITES } from "./suites.ts";

/** The matrix as a page of the documentation. */
export function conformancePage(runs: readonly Run[]): string {
  return `${[
    "# Kubernetes conformance",
    "What upstream's own test suites say of Ocicat, by upstream's own runners, on a cluster of two nodes in a lab: real API " +
      "server, kubelets and containerd. `npm run test:kubernetes -- --write` makes this page.",
    summary(runs),
    "With plugins that enforce nothing (`--network reference`), of Netpol the case of a policy that allows all passes, and those " +
      "of one that denies all fail, for TCP and for UDP: the suite can fail.",
    "What fails of the policy API is one extended feature, experimental in v0.2.0: nodes as peers. A rule that names them " +
      "allows nothing; one that denies or passes denies everything.",
    ...runs.map(section),
  ].join("\n\n")}\n`;
}

function summary(runs: readonly Run[]): string {
  const rows = runs.map(({ suite, proxy, cases, seconds }) => {
    const count = (outcome: Case["outcome"]) => cases.filter((each) => each.outcome === outcome).length;
    return `| ${SUITES[suite].what} | ${proxy} | ${count("passed")} | ${count("failed")} | ${SUITES[suite].without} | ${Math.round(seconds)} s |`;
  });
  return ["| suite | kube-proxy | passed | failed | left out | took |", "|---|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}

function section({ suite, cases }: Run): string {
  const rows = cases
    .filter(({ outcome }) => outcome !== "skipped")
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, outcome }) => `| ${name.replaceAll("|", "\\|")} | ${outcome} |`);
  return [`## ${suite}`, "", "| case | outcome |", "|---|---|", ...rows].join("\n");
}
