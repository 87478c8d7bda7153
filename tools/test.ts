/**
 * `npm test`: every stage in order, stopping at none, so that one run tells all; counts at the end.
 *
 * `npm test -- STAGE…` runs only those named: lint, types, unit, e2e, uml, kubernetes, interop, demo; and clusters, which is
 * not one of all.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Where a stage's words go. */
type Say = (text: string) => void;

interface Stage {
  readonly name: string;
  readonly what: string;
  /** What its `run` begins with, and may be begun with earlier. */
  readonly needs?: readonly string[] | undefined;
  /** It takes too long to be one of all. */
  readonly onlyIfNamed?: boolean;
  run(say: Say): Promise<Counts>;
}

const scratch = mkdtempSync(join(tmpdir(), "ocicat-test-"));

/** Ten minutes where nothing is cached: begun beside the first stages, and waited for by the one that needs it. */
const BUILD_KUBERNETES = ["nice", "sh", "tools/kubernetes/build.sh"] as const;

const E2E = ["--config", "e2e/vitest.config.ts"] as const;
/** What waits for others more than it works: daemons, and a machine that is switched off. So it is done beside the clusters. */
const BESIDE = ["e2e/bgp-interop-", "e2e/power-cut"] as const;
const CLUSTERS = ["--config", "e2e/kubernetes/vitest.config.ts"] as const;
/** A walk-through's cluster, pods, definitions, and what talks to an API server. */
const IN_SHORT = [
  "life-of-a-packet",
  "kubernetes/pods",
  "kubernetes/manifest",
  "kubernetes/definitions",
  "apiserver",
] as const;

/** In order; those of one row side by side, for a user-mode machine has one processor. */
const STAGES: readonly (readonly Stage[])[] = [
  [
    step("lint", "formatting, lint, type-aware lint", [
      ["biome", "ci", "."],
      ["oxlint", "--type-aware", "--deny-warnings"],
    ]),
  ],
  [
    step("types", "sources and tests, strict", [
      ["tsc", "-b"],
      ["tsc", "-p", "tsconfig.tests.json"],
    ]),
  ],
  [suite("unit", "unit, property, compliance, interoperation, dependency direction", [])],
  [
    suite("e2e", "the lab on this machine's kernel", [
      ...E2E,
      ...BESIDE.flatMap((files) => ["--exclude", `${files}*`]),
    ]),
    suite(
      "uml",
      "the lab on a kernel with IPIP, in user mode",
      ["--config", "e2e/uml/vitest.config.ts"],
      ["node", "e2e/support/in-uml.ts", "--share", scratch],
    ),
  ],
  [
    suite("kubernetes", "clusters with real kubelets", [...CLUSTERS, ...IN_SHORT], [], { needs: BUILD_KUBERNETES }),
    suite("interop", "BGP with other people's daemons, and the datastore on a machine that loses its power", [
      ...E2E,
      ...BESIDE,
    ]),
  ],
  [
    suite("clusters", "all that is shown on clusters; a quarter of an hour", CLUSTERS, [], {
      needs: BUILD_KUBERNETES,
      onlyIfNamed: true,
    }),
  ],
  [
    suite(
      "backends",
      "the same of BGP by the agent itself and by BIRD",
      [...E2E, "e2e/bgp-interop-backends", "e2e/bgp-bird"],
      ["env", "OCICAT_E2E_BACKENDS=ocicat,bird"],
      { onlyIfNamed: true },
    ),
  ],
  [step("demo", "npm run demo, and what it leaves behind", [["node", "tools/demo.ts", "--check"]])],
];

function step(name: string, what: string, commands: readonly (readonly [string, ...string[]])[]): Stage {
  return {
    name,
    what,
    async run(say) {
      let failed = 0;
      for (const command of commands) if ((await execute(command, say)) !== 0) failed += 1;
      return { passed: commands.length - failed, failed, skipped: 0 };
    },
  };
}

/** `where`: the command that runs it somewhere else, if not here. `needs`: a command that must have succeeded before. */
function suite(
  name: string,
  what: string,
  flags: readonly string[],
  where: readonly string[] = [],
  { needs, onlyIfNamed = false }: { readonly needs?: readonly string[]; readonly onlyIfNamed?: boolean } = {},
): Stage {
  return {
    name,
    what,
    needs,
    onlyIfNamed,
    async run(say) {
      if (needs !== undefined && (await execute(needs, say)) !== 0) return { passed: 0, failed: 1, skipped: 0 };
      const file = join(scratch, `${name}.json`);
      const report = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
      const code = await execute([...where, "vitest", "run", ...report, ...flags], say);
      const counts = countsIn(file);
      // A runner that fails without a failed test (a crash, an unhandled rejection) is a failure all the same.
      return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
    },
  };
}

function countsIn(file: string): Counts {
  try {
    const report = JSON.parse(readFileSync(file, "utf8")) as Readonly<Record<string, unknown>>;
    const number = (field: string) => Number(report[field] ?? 0);
    return {
      passed: number("numPassedTests"),
      failed: number("numFailedTests"),
      skipped: number("numPendingTests") + number("numTodoTests"),
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

function execute([program = "", ...args]: readonly string[], say: Say): Promise<number> {
  say(`\n$ ${[program, ...args].join(" ")}\n`);
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: "1" };
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env });
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => say(chunk.toString()));
    child.on("error", (error) => {
      say(`${program}: ${error.message}\n`);
      resolve(1);
    });
    child.on("close", (code) => resolve(code ?? 1));
  });
}

interface Result {
  readonly stage: Stage;
  readonly counts: Counts;
  readonly seconds: number;
}

async function timed(stage: Stage, say: Say): Promise<Result> {
  say(`\n== ${stage.name}: ${stage.what}\n`);
  const start = performance.now();
  const counts = await stage.run(say);
  return { stage, counts, seconds: (performance.now() - start) / 1000 };
}

/** The first is heard as it goes; each of the others when all before it are done. */
async function sideBySide([first, ...others]: readonly Stage[]): Promise<Result[]> {
  if (first === undefined) return [];
  const kept = others.map((stage) => {
    const words: string[] = [];
    return { words, result: timed(stage, (text) => void words.push(text)) };
  });
  const results = [await timed(first, (text) => void process.stdout.write(text))];
  for (const { words, result } of kept) {
    results.push(await result);
    process.stdout.write(words.join(""));
  }
  return results;
}

async function main(wanted: readonly string[]): Promise<number> {
  const all = STAGES.flat();
  const unknown = wanted.filter((name) => !all.some((stage) => stage.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`no stage ${unknown.join(", ")}; there are ${all.map((stage) => stage.name).join(", ")}\n`);
    return 1;
  }
  const isWanted = ({ name, onlyIfNamed }: Stage) =>
    wanted.includes(name) || (wanted.length === 0 && onlyIfNamed !== true);
  // Its failure is told by the stage, which tries again.
  for (const { needs } of all.filter(isWanted)) if (needs !== undefined) void execute(needs, () => undefined);
  const results: Result[] = [];
  for (const row of STAGES) {
    const chosen = row.filter(isWanted);
    results.push(...(await sideBySide(chosen)));
  }
  process.stdout.write("\n");
  for (const { stage, counts, seconds } of results) {
    const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
    process.stdout.write(
      `${stage.name.padEnd(6)} ${counts.passed} passed, ${counts.failed} failed${skipped} in ${seconds.toFixed(0)} s\n`,
    );
  }
  const sum = (pick: (counts: Counts) => number) => results.reduce((total, result) => total + pick(result.counts), 0);
  const failed = sum((counts) => counts.failed);
  process.stdout.write(`\n${sum((counts) => counts.passed)} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
