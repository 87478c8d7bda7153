/**
 * What takes too long for every test run, on its sources:
 *
 *     npm run soak -- ipam-model [--share 1/2]                    every order of things, two nodes, two blocks
 *     npm run soak -- ipam-simulation [--operations N] [--seed N] one large simulated cluster, crashes and failures
 *     npm run soak -- ipam-processes [--seconds N] [--seed N] [--store etcd|embedded]
 *                                                                 real processes, killed at random, on a real store
 *     npm run soak -- node-churn [--seconds N] [--nodes N] [--pods N] [--grace SECONDS] [--seed N]
 *                                                                 nodes and pods appear and vanish, on a real etcd
 *     npm run soak -- policy-index [--operations N] [--seed N]    random changes of policies, endpoints and labels, told one by one,
 *                                                                 lead to what the whole model needs
 *     npm run soak -- policy-packets [--operations N] [--seed N]  cases of Kubernetes' policies, and N random sets of policies
 *                                                                 from that seed on, proved by packets between nine pods
 *     npm run soak -- policy-verify [--operations N] [--seed N]   random policies, proved for every packet without sending one
 *     npm run soak -- policy-chaos [--operations N] [--seconds N] streams that must pass and must not, while agent, policies,
 *                                                                 datastore and tables are disturbed, in a lab
 *     npm run soak -- kubernetes-pods [--pods N] [--operations N] N pods in a row and N at once, on a real kubelet
 *     npm run soak -- bgp-fuzz [--operations N] [--seed N] [--skip N]
 *                                                                 N mutations of what BGP daemons say, told to a speaker; from the
 *                                                                 one after --skip on
 *
 * Exit code 1 if a promise was broken; what was broken, and how to see it again, is printed.
 */
import { parseArgs } from "node:util";
import type { SoakOptions } from "./options.ts";

type Say = (line: string) => void;

const SOAKS: Readonly<Record<string, () => Promise<{ run(options: SoakOptions, say: Say): Promise<void> }>>> = {
  "ipam-model": () => import("./ipam-model.ts"),
  "ipam-simulation": () => import("./ipam-simulation.ts"),
  "ipam-processes": () => import("./ipam-processes.ts"),
  "kubernetes-pods": () => import("./kubernetes-pods.ts"),
  "policy-index": () => import("./policy-index.ts"),
  "policy-packets": () => import("./policy-packets.ts"),
  "node-churn": () => import("./node-churn.ts"),
  "policy-chaos": () => import("./policy-chaos.ts"),
  "bgp-fuzz": () => import("./bgp-fuzz.ts"),
  "policy-verify": () => import("./policy-verify.ts"),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string" },
    operations: { type: "string" },
    skip: { type: "string" },
    seed: { type: "string" },
    share: { type: "string" },
    store: { type: "string" },
    nodes: { type: "string" },
    pods: { type: "string" },
    grace: { type: "string" },
  },
});
const [name = ""] = positionals;
const soak = SOAKS[name];
if (soak === undefined || positionals.length !== 1) {
  process.stderr.write(`usage: npm run soak -- ${Object.keys(SOAKS).join("|")} [options]\n`);
  process.exit(2);
}
const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
const options: SoakOptions = {
  seconds: number(values.seconds),
  operations: number(values.operations),
  skip: number(values.skip),
  seed: Number(values.seed ?? Date.now() % 1_000_000),
  share: values.share ?? "1/1",
  store: values.store ?? "etcd",
  nodes: number(values.nodes),
  pods: number(values.pods),
  grace: number(values.grace),
};
const started = performance.now();
try {
  await (await soak()).run(options, (line) => void process.stdout.write(`${line}\n`));
  process.stdout.write(`${name}: no promise broken in ${((performance.now() - started) / 1000).toFixed(0)} s\n`);
} catch (error) {
  process.stderr.write(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}
