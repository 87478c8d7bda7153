import { OcicatError } from "@ocicat/kit";
import { IN_MACHINE, type LabAgent, type LabNode } from "../../src/connect/lab.ts";
import { run, type Surroundings } from "../../src/index.ts";
import { oneLine } from "../../src/output/line.ts";

/** What a command left behind. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TerminalOptions {
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  readonly now?: Date;
  readonly timeZone?: string;
  /** The standard configuration file. */
  readonly config?: string;
  readonly agentSocket?: string;
  readonly labDatastore?: string;
  /** The gateway's socket of a lab that is in a machine of its own. */
  readonly labMachine?: string;
  readonly labAgents?: readonly LabAgent[];
  readonly labNodes?: readonly LabNode[];
}

/** Runs commands in this process, with nothing of the machine in reach but what is given. */
export function terminal(options: TerminalOptions = {}): (...args: readonly string[]) => Promise<Outcome> {
  return async (...args) => {
    const outcome = { code: 0, stdout: "", stderr: "" };
    await run(args, surroundings(options, outcome));
    return outcome;
  };
}

/** What a command sees, and where what it says goes. */
export function surroundings(options: TerminalOptions, outcome = { code: 0, stdout: "", stderr: "" }): Surroundings {
  const { name = "ocicat", stdin = "" } = options;
  return {
    name,
    env: options.env ?? {},
    places: { config: options.config ?? NOWHERE, agentSocket: options.agentSocket ?? NOWHERE, nodename: NOWHERE },
    lab: {
      datastore: () => options.labDatastore ?? elsewhere(options),
      agents: () => options.labAgents ?? elsewhere(options) ?? [],
      nodes: () => options.labNodes ?? [],
    },
    now: () => options.now ?? new Date("2026-11-21T03:00:00Z"),
    timeZone: options.timeZone ?? "UTC",
    print: (text) => {
      outcome.stdout += text;
    },
    printBytes: (bytes) => {
      outcome.stdout += new TextDecoder("latin1").decode(bytes);
    },
    handOver: (socket, args) => {
      outcome.stdout += `${args.join(" ")}, handed over to ${socket}\n`;
      return Promise.resolve(7);
    },
    untilStopped: () => Promise.resolve(),
    tell: (line) => {
      outcome.stderr += `${name}: ${oneLine(line)}\n`;
    },
    readInput: () => (typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin),
    setExitCode: (code) => {
      outcome.code = code;
    },
  };
}

function elsewhere({ labMachine }: TerminalOptions): undefined {
  if (labMachine !== undefined) throw new OcicatError({ code: IN_MACHINE, where: labMachine, what: "it is elsewhere" });
}

const NOWHERE = "/nonexistent/ocicat";
