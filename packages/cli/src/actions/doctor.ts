import { type Diagnosis, type Finding, type Mend, relate } from "@ocicat/doctor";
import { isOcicatError, OcicatError, stringifyJson, toError } from "@ocicat/kit";
import { patients } from "../agents/patients.ts";
import { IN_MACHINE } from "../connect/lab.ts";
import type { DoctorOptions } from "../options/doctor.ts";
import { oneLine } from "../output/line.ts";
import { plainTable } from "../output/table.ts";
import type { Surroundings } from "../surroundings.ts";

/** As its users' scripts know it from other tools that look: findings are no failure, and neither is told as the other. */
const EXIT = { found: 1, couldNotLook: 2 } as const;

export async function runDoctor(surroundings: Surroundings, options: DoctorOptions): Promise<void> {
  try {
    if (options.list === true) await list(surroundings);
    else await look(surroundings, options);
  } catch (error) {
    // Not a failure: the command is handed over to where the lab is.
    if (isOcicatError(error) && error.code === IN_MACHINE) throw error;
    surroundings.tell(toError(error).message);
    surroundings.setExitCode(EXIT.couldNotLook);
  }
}

async function list({ print }: Surroundings): Promise<void> {
  const { CHECKS } = await import("@ocicat/doctor");
  const rows = CHECKS.map(({ code, severity, looksFor }) => [code, severity, looksFor]);
  print(plainTable({ headings: ["CODE", "SEVERITY", "WHAT IS LOOKED FOR"], rows }));
}

async function look(surroundings: Surroundings, { node, output, config }: DoctorOptions): Promise<void> {
  const format = FORMATS[output];
  if (format === undefined) {
    const fix = `use one of ${Object.keys(FORMATS).join(", ")}`;
    throw new OcicatError({ code: "CLI_OUTPUT", what: `"${output}" is not an output format`, fix });
  }
  const asked = patients(surroundings, node, config);
  const outcomes = await Promise.allSettled(asked.map((patient) => patient.examine()));
  const seen = outcomes.flatMap((outcome, index) =>
    outcome.status === "fulfilled" ? [{ lab: asked[index]?.lab, diagnosis: outcome.value }] : [],
  );
  const printable = [...Map.groupBy(seen, ({ lab }) => lab)].flatMap(([lab, members]) =>
    relate(members.map(({ diagnosis }) => diagnosis)).map((diagnosis) => typeable(diagnosis, lab)),
  );
  surroundings.print(format(printable));
  if (printable.some(({ findings }) => findings.length > 0)) surroundings.setExitCode(EXIT.found);
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.status === "fulfilled") continue;
    surroundings.tell(`node ${asked[index]?.node ?? ""} could not be looked at: ${toError(outcome.reason).message}`);
    surroundings.setExitCode(EXIT.couldNotLook);
  }
}

const FORMATS: Readonly<Record<string, (diagnoses: readonly Diagnosis[]) => string>> = {
  ps: text,
  json: (diagnoses) => `${stringifyJson(diagnoses, 2)}\n`,
};

const HEADINGS = { error: "Packets are lost:", warning: "Worth a look:" } as const;

function text(diagnoses: readonly Diagnosis[]): string {
  const findings = diagnoses.flatMap((diagnosis) => diagnosis.findings);
  const sections = (["error", "warning"] as const).flatMap((severity) => {
    const members = findings.filter((finding) => finding.severity === severity);
    return members.length === 0 ? [] : [`${HEADINGS[severity]}\n\n${members.map(block).join("\n")}`];
  });
  const names = diagnoses.map(({ node }) => node).join(", ");
  const summary = findings.length === 0 ? `Nothing was found on ${names}.` : `${counted(findings.length)} on ${names}.`;
  const skipped = diagnoses.flatMap(({ node, notLooked }) =>
    [...Map.groupBy(notLooked, ({ why }) => why)].map(
      ([why, checks]) => `Not looked for on ${node} (${oneLine(why)}): ${checks.map(({ code }) => code).join(", ")}.`,
    ),
  );
  return `${[...sections, [summary, ...skipped].join("\n")].join("\n")}\n`;
}

function counted(findings: number): string {
  return findings === 1 ? "1 finding" : `${findings} findings`;
}

/**
 *     FORWARDING_OFF  node1  sysctl net/ipv4/ip_forward
 *       is 0
 *       why   the node forwards no IPv4 packet
 *       mend  ocicat lab exec node1 -- sysctl -w net/ipv4/ip_forward=1
 */
function block({ code, node, where, what, why, mend, sure }: Finding): string {
  const certainty = sure === "certain" ? "" : ` (${sure})`;
  return [
    `${code}  ${node}  ${oneLine(where)}`,
    `  ${oneLine(what)}${certainty}`,
    `  why   ${oneLine(why)}`,
    `  mend  ${oneLine(mend.command)}${mend.node === undefined || mend.node === node ? "" : `    (on ${mend.node})`}`,
    "",
  ].join("\n");
}

/** With commands as they are typed where this one was: those for a node of a lab go through it. */
function typeable(diagnosis: Diagnosis, lab: string | undefined): Diagnosis {
  if (lab === undefined) return diagnosis;
  return { ...diagnosis, findings: diagnosis.findings.map((finding) => ({ ...finding, mend: inLab(finding, lab) })) };
}

/** The name that a lab has unless told otherwise. */
const STANDARD_LAB = "ocicat";

function inLab({ code, mend: { command, node } }: Finding, lab: string): Mend {
  const named = lab === STANDARD_LAB ? "" : ` --name ${lab}`;
  // What the lab started, the lab starts again.
  if (code === "AGENT_AWAY" || code === "DATASTORE_AWAY")
    return { command: `ocicat lab up --name ${lab}`, node: undefined };
  if (node === undefined) return { command, node };
  // Our own command asks a lab's agents from outside.
  if (/^ocicat (doctor|routes|node)\b/.test(command)) return { command: `${command} --node ${node}`, node: undefined };
  const isPlain = /^[\w./:=+@, -]+$/.test(command) && !/^\w+=/.test(command);
  const typed = isPlain ? command : `sh -c '${command.replaceAll("'", `'\\''`)}'`;
  return { command: `ocicat lab exec${named} ${node} -- ${typed}`, node: undefined };
}
