import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isObject } from "@ocicat/api";
import type { TestCluster } from "../support/cluster.ts";

/** Where tools/kubernetes/build.sh --upstream puts what it builds. */
const BUILT = "/var/cache/ocicat/kubernetes-tests";

export interface Case {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  readonly seconds: number;
}

export interface Run {
  readonly suite: SuiteName;
  readonly network: string;
  readonly proxy: string;
  readonly cases: readonly Case[];
  readonly seconds: number;
}

export interface RunOptions {
  readonly cluster: TestCluster;
  readonly network: string;
  readonly proxy: string;
  readonly focus?: string;
  readonly procs: number;
}

interface Suite {
  readonly what: string;
  /** What of upstream is left out, and why. */
  readonly without: string;
  run(options: RunOptions): Promise<readonly Case[]>;
}

const NO_SCTP = "SCTP: the kernel that this ran on has no SCTP sockets";

export const SUITES = {
  netpol: {
    what: "Kubernetes' end-to-end tests of NetworkPolicy (sig-network, Netpol), v1.35.4",
    without: NO_SCTP,
    run: (options) => ginkgo(options, options.focus ?? "Netpol", "SCTP"),
  },
  conformance: {
    what: "Kubernetes' conformance tests of networking (sig-network, Conformance), v1.35.4",
    without: NO_SCTP,
    run: (options) => ginkgo(options, options.focus ?? "\\[sig-network\\].*\\[Conformance\\]", "SCTP"),
  },
  "policy-api": {
    what: "the network policy API's conformance tests (ClusterNetworkPolicy), v0.2.0",
    without: `${NO_SCTP}; with them, parts that try several protocols together and peers by inline networks, which try SCTP as well`,
    run: policyApi,
  },
} as const satisfies Readonly<Record<string, Suite>>;

export type SuiteName = keyof typeof SUITES;

export async function runSuite(suite: SuiteName, options: RunOptions): Promise<Run> {
  const began = performance.now();
  const cases = await SUITES[suite].run(options);
  const { network, proxy } = options;
  return { suite, network, proxy, cases, seconds: (performance.now() - began) / 1000 };
}

/** Upstream's framework forgets the name that the server's certificate is for, but it is for this name as well. */
function kubeconfigOf({ kubernetes }: TestCluster): string {
  const server = kubernetes.controlPlane().server.replace("127.0.0.1", "localhost");
  return kubernetes.credentials.writeKubeconfig("upstream", "admin", server);
}

/** Specs of Kubernetes' own, by ginkgo, which tells of each in a JSON report. */
async function ginkgo({ cluster, procs }: RunOptions, focus: string, skip: string): Promise<Case[]> {
  const directory = mkdtempSync(join(tmpdir(), "ocicat-upstream-"));
  try {
    const { programs } = cluster.kubernetes;
    await execute(join(BUILT, "ginkgo"), [
      `--procs=${procs}`,
      `--focus=${focus}`,
      `--skip=${skip}`,
      "--timeout=90m",
      "--poll-progress-after=300s",
      "--no-color",
      "--succinct",
      `--output-dir=${directory}`,
      "--json-report=report.json",
      join(BUILT, "e2e.test"),
      "--",
      `--kubeconfig=${kubeconfigOf(cluster)}`,
      "--provider=local",
      `--num-nodes=${cluster.topology.nodes.length}`,
      "--allowed-not-ready-nodes=-1",
      `--kubectl-path=${programs}/kubectl`,
    ]);
    return specsIn(readFileSync(join(directory, "report.json"), "utf8"));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function specsIn(text: string): Case[] {
  const reports: unknown = JSON.parse(text);
  const specs = list(reports).flatMap((report) => list(report["SpecReports"]));
  return specs
    .filter((spec) => spec["LeafNodeType"] === "It")
    .map((spec) => {
      const containers = Array.isArray(spec["ContainerHierarchyTexts"]) ? spec["ContainerHierarchyTexts"] : [];
      const state = spec["State"];
      return {
        name: [...containers, spec["LeafNodeText"]].join(" "),
        outcome: state === "passed" ? "passed" : state === "skipped" || state === "pending" ? "skipped" : "failed",
        seconds: Number(spec["RunTime"]) / 1e9,
      };
    });
}

function list(value: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Go's own test runner: each test and each of its parts says how it ended. */
async function policyApi({ cluster, focus }: RunOptions): Promise<Case[]> {
  const said = await execute(
    join(BUILT, "policy-api.test"),
    [
      "-test.v",
      `-test.run=TestConformance${focus === undefined ? "" : `/${focus}`}`,
      "-test.timeout=60m",
      "-all-features",
      // The first part names the test that holds all others; some parts are of all protocols together.
      "-test.skip=TestConformance/SCTP|TestConformance//across_different_protocols|TestConformance/InlineCIDRPeers",
    ],
    { KUBECONFIG: kubeconfigOf(cluster) },
  );
  const cases = [...said.matchAll(/^ *--- (PASS|FAIL|SKIP): TestConformance\/(\S+) \(([\d.]+)s\)/gm)];
  const named = cases.map(([, state, name = "", seconds]) => ({
    name: name.replaceAll("_", " "),
    outcome: state === "PASS" ? ("passed" as const) : state === "SKIP" ? ("skipped" as const) : ("failed" as const),
    seconds: Number(seconds),
  }));
  // A test that has parts is told by them.
  return named.filter(({ name }) => !named.some((other) => other.name.startsWith(`${name}/`)));
}

/** Runs it with its words on this terminal; resolves to them, whatever its exit code. */
function execute(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        process.stderr.write(chunk);
      });
    child.once("error", reject);
    child.once("close", () => resolve(said));
  });
}
