/**
 * `npm run test:kubernetes`: upstream's own tests, by upstream's own runners, on a cluster of two nodes in a lab.
 *
 *     [suite …]               netpol, policy-api, conformance; all unless told
 *     --network ocicat|reference   reference: plugins that enforce nothing, to see that the suites can fail
 *     --proxy nftables|iptables
 *     --focus REGEX           of the suite's names
 *     --procs N               of ginkgo, side by side (2)
 *     --write                 puts them into docs/kubernetes-conformance.md, in the place of what it had of the same suites
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { publishUpstreamTestImage } from "@ocicat/lab/kubernetes";
import { formatAddress } from "@ocicat/net";
import { TestCluster } from "../support/cluster.ts";
import { installReferenceNetwork } from "../support/reference-network.ts";
import { conformancePage } from "./page.ts";
import { type Case, type Run, runSuite, SUITES, type SuiteName } from "./suites.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    network: { type: "string", default: "ocicat" },
    proxy: { type: "string", default: "nftables" },
    focus: { type: "string" },
    procs: { type: "string", default: "2" },
    write: { type: "boolean", default: false },
  },
});

const wanted = positionals.length === 0 ? Object.keys(SUITES) : positionals;
const unknown = wanted.filter((name) => !(name in SUITES));
if (unknown.length > 0) throw new Error(`no suite ${unknown.join(", ")}; there are ${Object.keys(SUITES).join(", ")}`);

const cluster = new TestCluster({ proxyMode: values.proxy === "iptables" ? "iptables" : "nftables" });
const runs: Run[] = [];
let left: string[] = [];
try {
  await cluster.up();
  publishUpstreamTestImage(cluster.kubernetes);
  if (values.network === "reference") await installReferenceNetwork(cluster);
  else await cluster.install();
  await leadControlPlaneToPods(values.network === "reference" ? "10.99.0.0/16" : "192.168.0.0/16");
  for (const name of wanted) {
    process.stdout.write(`\n== ${name}\n`);
    const run = await runSuite(name as SuiteName, {
      cluster,
      network: values.network,
      proxy: values.proxy,
      procs: Number(values.procs),
      ...(values.focus === undefined ? {} : { focus: values.focus }),
    });
    runs.push(run);
    for (const { name: title, outcome, seconds } of run.cases)
      if (outcome !== "skipped")
        process.stdout.write(`${outcome.padEnd(7)} ${seconds.toFixed(1).padStart(6)} s  ${title}\n`);
  }
} finally {
  left = await cluster.down();
}

process.stdout.write("\n");
for (const { suite, cases, seconds } of runs) {
  const count = (outcome: Case["outcome"]) => cases.filter((each) => each.outcome === outcome).length;
  process.stdout.write(
    `${suite.padEnd(12)} ${count("passed")} passed, ${count("failed")} failed in ${seconds.toFixed(0)} s\n`,
  );
}
if (left.length > 0) process.stdout.write(`left behind: ${left.join(", ")}\n`);
if (values.write) {
  const page = join(import.meta.dirname, "../../../docs/kubernetes-conformance.md");
  writeFileSync(page, conformancePage(runs, readFileSync(page, "utf8")));
}
const failed = runs.some(({ cases }) => cases.length === 0 || cases.some(({ outcome }) => outcome === "failed"));
process.exitCode = failed || left.length > 0 ? 1 : 0;

/** Upstream's suites read what pods say by way of the API server, which they expect on a node; here it has a machine of its own. */
async function leadControlPlaneToPods(pods: string): Promise<void> {
  const [node] = cluster.topology.nodes;
  const machine = cluster.topology.kubernetes?.controlPlane;
  if (node === undefined || machine === undefined) throw new Error("there is no cluster");
  await cluster.out(machine, "ip", "route", "replace", pods, "via", formatAddress(node.interface.address));
}
