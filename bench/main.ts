/**
 * `npm run bench -- SUITE… [--json] [--publish]`: each case against its peer in the same run, rounds interleaved, medians. Exit
 * code 1 if a goal is missed. `--publish` puts the figures into docs/figures.md, met or not. What else begins with `--` is the
 * suite's own: see there.
 */
import { circumstances, publish } from "./publish.ts";
import { type Case, report } from "./report.ts";

interface Suite {
  readonly what: string;
  readonly load: () => Promise<{ run(options: readonly string[]): Promise<Case[]> }>;
}

const SUITES: Readonly<Record<string, Suite>> = {
  bgp: { what: "a reflector beside BIRD, FRR and GoBGP", load: () => import("./bgp.ts") },
  cni: { what: "ADD and DEL of a pod beside ptp with host-local", load: () => import("./cni.ts") },
  datapath: { what: "from pod to pod beside the same path made by hand", load: () => import("./datapath.ts") },
  datastore: { what: "the embedded server beside etcd", load: () => import("./datastore.ts") },
  ipam: { what: "addresses a second, embedded and on etcd", load: () => import("./ipam.ts") },
  kubernetes: { what: "ADD and DEL with an API server as the datastore", load: () => import("./kubernetes.ts") },
  "kubernetes-ping": { what: "from a pod's creation to its first ping", load: () => import("./kubernetes-ping.ts") },
  "kubernetes-scale": { what: "what agents cost an API server", load: () => import("./kubernetes-scale.ts") },
  "kubernetes-storm": { what: "pods at a rate over faked nodes", load: () => import("./kubernetes-storm.ts") },
  policy: { what: "from a policy's put to the kernel, and cold starts", load: () => import("./policy.ts") },
  "policy-calculation": { what: "what a node's needs cost to work out", load: () => import("./policy-calculation.ts") },
  "policy-datapath": { what: "what policies cost a packet", load: () => import("./policy-datapath.ts") },
  "policy-verify": { what: "what the proof costs", load: () => import("./policy-verify.ts") },
  routes: { what: "10,000 routes beside ip -batch", load: () => import("./routes.ts") },
  scale: { what: "1,000 nodes of a VXLAN pool beside ip -batch", load: () => import("./scale.ts") },
};

const words = process.argv.slice(2);
const options = words.filter((word) => word.startsWith("--") && word !== "--json" && word !== "--publish");
const wanted = words.filter((word) => !word.startsWith("--"));
const suites = wanted.flatMap((name) => Object.entries(SUITES).filter(([known]) => known === name));
if (suites.length === 0 || suites.length < wanted.length) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(SUITES).join("|")} [--json] [--publish]\n`);
  process.exit(2);
}
const cases: Case[] = [];
for (const [name, { what, load }] of suites) {
  const when = circumstances(new Date());
  const measured = await (await load()).run(options);
  if (words.includes("--publish")) publish([name, ...options].join(" "), what, measured, when);
  cases.push(...measured);
}
process.exitCode = report(cases, words.includes("--json"));
