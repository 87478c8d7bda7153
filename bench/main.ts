/**
 * `npm run bench -- bgp|cni|datapath|datastore|ipam|kubernetes|kubernetes-scale|policy|policy-calculation|policy-datapath|policy-verify|
 * routes|scale [--json]`: each case
 * against its peer in the same run, rounds interleaved, medians. Exit code 1 if a goal is missed.
 */
import { type Case, report } from "./report.ts";

const SUITES: Readonly<Record<string, () => Promise<{ run(): Promise<Case[]> }>>> = {
  bgp: () => import("./bgp.ts"),
  cni: () => import("./cni.ts"),
  datapath: () => import("./datapath.ts"),
  datastore: () => import("./datastore.ts"),
  ipam: () => import("./ipam.ts"),
  kubernetes: () => import("./kubernetes.ts"),
  "kubernetes-scale": () => import("./kubernetes-scale.ts"),
  "policy-calculation": () => import("./policy-calculation.ts"),
  "policy-datapath": () => import("./policy-datapath.ts"),
  policy: () => import("./policy.ts"),
  "policy-verify": () => import("./policy-verify.ts"),
  routes: () => import("./routes.ts"),
  scale: () => import("./scale.ts"),
};

const words = process.argv.slice(2);
const asJson = words.includes("--json");
const wanted = words.filter((word) => !word.startsWith("--"));
const unknown = wanted.filter((word) => !(word in SUITES));
if (wanted.length === 0 || unknown.length > 0) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(SUITES).join("|")} [--json]\n`);
  process.exit(2);
}
const cases: Case[] = [];
for (const name of wanted) {
  const suite = await SUITES[name]?.();
  if (suite !== undefined) cases.push(...(await suite.run()));
}
process.exitCode = report(cases, asJson);
