import { type Datastore, DatastoreError, type Transaction } from "@ocicat/datastore";
import {
  IPAM_CATALOGUE,
  type IpamFinding,
  inOrderOfMending,
  type LookOptions,
  lookTwice,
  type Mend,
  performMend,
  previewMend,
} from "@ocicat/ipam";
import { isOcicatError, OcicatError, stringifyJson, toError } from "@ocicat/kit";
import { withDatastore } from "../connect/datastore.ts";
import { IN_MACHINE } from "../connect/lab.ts";
import type { IpamDoctorOptions } from "../options/ipam-insight.ts";
import { oneLine } from "../output/line.ts";
import { plainTable } from "../output/table.ts";
import type { Surroundings } from "../surroundings.ts";
import { milliseconds } from "./duration.ts";

/** As ocicat doctor has them. */
const EXIT = { found: 1, couldNotLook: 2 } as const;

export async function runIpamDoctor(surroundings: Surroundings, options: IpamDoctorOptions): Promise<void> {
  try {
    if (options.list === true) surroundings.print(catalogue());
    else await examine(surroundings, options);
  } catch (error) {
    // Not a failure: the command is handed over to where the lab is.
    if (isOcicatError(error) && error.code === IN_MACHINE) throw error;
    surroundings.tell(toError(error).message);
    surroundings.setExitCode(EXIT.couldNotLook);
  }
}

function catalogue(): string {
  const rows = Object.entries(IPAM_CATALOGUE).map(([code, { looksFor }]) => [code, looksFor]);
  return plainTable({ headings: ["CODE", "WHAT IS LOOKED FOR"], rows });
}

/** What was done about a finding. */
interface Treatment {
  readonly finding: IpamFinding;
  /** As MendOutcome tells it; undefined: nothing was tried. */
  readonly outcome: string | undefined;
}

async function examine(surroundings: Surroundings, options: IpamDoctorOptions): Promise<void> {
  const format = FORMATS[options.output];
  if (format === undefined) {
    const fix = `use one of ${Object.keys(FORMATS).join(", ")}`;
    throw new OcicatError({ code: "CLI_OUTPUT", what: `"${options.output}" is not an output format`, fix });
  }
  const graceMs = milliseconds("--grace", options.grace);
  const waitMs = milliseconds("--wait", options.wait);
  const now = () => surroundings.now().getTime();
  await withDatastore(surroundings, options.config, async ({ store, clock }) => {
    const pause = () => new Promise<void>((resolve) => void clock.after(waitMs, "ipam doctor", resolve));
    const look: LookOptions = { graceMs, now, pause };
    const found = await lookTwice(store, look);
    const treated = options.fix === true ? await treat(store, found, look) : { done: [], left: found };
    surroundings.print(await format(treated, { store, now: now() }));
    if (treated.left.length > 0) surroundings.setExitCode(EXIT.found);
  });
}

interface Treated {
  readonly done: readonly Treatment[];
  readonly left: readonly IpamFinding[];
}

/** Mending one thing can bring another to light (a block that can be read again), or has to go before another. */
const ROUNDS = 100;

async function treat(store: Datastore, found: readonly IpamFinding[], look: LookOptions): Promise<Treated> {
  const done: Treatment[] = [];
  let left = found;
  for (let round = 0; round < ROUNDS; round++) {
    const treatments = await treatOnce(store, left, look.now());
    done.push(...treatments.filter(({ outcome }) => outcome !== "not-needed"));
    if (treatments.length > 0) left = await lookTwice(store, look);
    if (treatments.every(({ outcome }) => outcome !== "done")) break;
  }
  return { done, left };
}

/** The first batch of which something was mended; those before it could not be. */
async function treatOnce(store: Datastore, left: readonly IpamFinding[], now: number): Promise<readonly Treatment[]> {
  const treatments: Treatment[] = [];
  for (const batch of inOrderOfMending(left)) {
    treatments.push(...(await mendAll(store, batch, now)));
    if (treatments.some(({ outcome }) => outcome === "done")) break;
  }
  return treatments;
}

/** Mends under way at once: there may be ten thousand leaks. */
const AT_ONCE = 8;

/** Several findings of one block may need the same operation: it is done once. */
async function mendAll(store: Datastore, findings: readonly IpamFinding[], now: number): Promise<readonly Treatment[]> {
  const mendable = findings.flatMap((finding) =>
    finding.mend === undefined ? [] : [{ finding, mend: finding.mend, operation: stringifyJson(finding.mend) }],
  );
  const waiting = new Map(mendable.map(({ operation, mend }) => [operation, mend])).entries();
  const outcomes = new Map<string, string>();
  const work = async () => {
    for (const [operation, mend] of waiting) outcomes.set(operation, await outcomeOf(store, mend, now));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return mendable.map(({ finding, operation }) => ({ finding, outcome: outcomes.get(operation) }));
}

/** What one mend meets does not keep the others from being done: what is left is looked for afterwards. */
async function outcomeOf(store: Datastore, mend: Mend, now: number): Promise<string> {
  try {
    const outcome = await performMend(store, mend, now);
    return outcome.kind === "refused" ? `refused: ${outcome.why}` : outcome.kind;
  } catch (error) {
    if (!(error instanceof DatastoreError)) throw error;
    return `not known to be mended: ${error.message}`;
  }
}

const FORMATS: Readonly<Record<string, (treated: Treated, place: Place) => string | Promise<string>>> = {
  ps: text,
  json,
};

interface Place {
  readonly store: Datastore;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const OUTCOMES: Readonly<Record<string, string>> = {
  done: "mended",
  contended: "not mended, for others wrote at the same time",
};

function text({ done, left }: Treated): string {
  const mended = done.map(({ finding, outcome = "" }) => block(finding, ["done", OUTCOMES[outcome] ?? outcome]));
  const findings = left.map((finding) =>
    block(finding, [finding.mend === undefined ? "judge" : "mend", finding.advice]),
  );
  const summary = [...(done.length === 0 ? [] : [mendedText(done)]), leftText(left, done.length > 0)];
  return `${[...mended, ...findings, summary.join("\n")].join("\n")}\n`;
}

function mendedText(done: readonly Treatment[]): string {
  const count = done.filter(({ outcome }) => outcome === "done").length;
  return `${count} of ${counted(done.length)} mended.`;
}

function leftText(left: readonly IpamFinding[], isTreated: boolean): string {
  if (left.length === 0) return isTreated ? "Nothing is left." : "Nothing was found.";
  const mendable = left.filter(({ mend }) => mend !== undefined).length;
  const judged = left.length - mendable;
  const parts = [
    ...(mendable === 0 ? [] : [`--fix mends ${mendable}`]),
    ...(judged === 0 ? [] : [`somebody has to decide about ${judged}`]),
  ];
  return `${counted(left.length)}${isTreated ? " left" : ""}: ${parts.join(", ")}.`;
}

/**
 *     IPAM_HANDLE_ORPHANED  /calico/ipam/v2/handle/net.a
 *       it holds nothing
 *       cause a crash between two writes, …
 *       mend  make handle net.a count what the blocks say, …
 */
function block({ code, where, what, cause }: IpamFinding, [label, advice]: readonly [string, string]): string {
  const line = (name: string, value: string) => `  ${name.padEnd(5)} ${oneLine(value)}`;
  return [`${code}  ${oneLine(where)}`, `  ${oneLine(what)}`, line("cause", cause), line(label, advice), ""].join("\n");
}

function counted(findings: number): string {
  return findings === 1 ? "1 finding" : `${findings} findings`;
}

/** With what each mend would compare and write as things are, so that it can be looked at before it is done. */
async function json({ done, left }: Treated, { store, now }: Place): Promise<string> {
  const document = {
    mended: done.map(({ finding, outcome }) => ({ ...printable(finding), outcome })),
    findings: await Promise.all(
      left.map(async (finding) => ({ ...printable(finding), transaction: await preview(store, finding, now) })),
    ),
  };
  return `${stringifyJson(document, 2)}\n`;
}

function printable(finding: IpamFinding): Omit<IpamFinding, "identity"> {
  const { identity: _, ...printed } = finding;
  return printed;
}

async function preview(store: Datastore, { mend }: IpamFinding, now: number): Promise<Transaction | undefined> {
  if (mend === undefined) return undefined;
  try {
    return await previewMend(store, mend, now);
  } catch (error) {
    // A row that cannot be read: performing it says so.
    if (isOcicatError(error) && error.code === "IPAM_CORRUPT") return undefined;
    throw error;
  }
}
