import type { LabReach } from "./connect/lab.ts";
import { readStandardInput } from "./input/standard-input.ts";
import { oneLine } from "./output/line.ts";

/**
 * What a command touches besides files, the datastore and the agents: handed in, so that a test can be the terminal.
 */
export interface Surroundings {
  /** What the command was called: `ocicat` or `calicoctl`. Stands in help and before errors. */
  readonly name: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly places: Places;
  readonly lab: LabReach;
  /** What was asked for: standard output. Nothing else goes there. */
  readonly print: (text: string) => void;
  /** The same, for what is no text. */
  readonly printBytes: (bytes: Uint8Array) => void;
  /** What the user should know beside it: one line on standard error. */
  readonly tell: (line: string) => void;
  /**
   * Runs a command line of this program in the machine that a lab is in, by its gateway's socket, and resolves to the exit
   * code: with this terminal, in this directory, with this environment. What of standard input was read here, it reads.
   */
  readonly handOver: (socket: string, args: readonly string[]) => Promise<number>;
  /** All of standard input. */
  readonly readInput: () => Uint8Array;
  readonly now: () => Date;
  /** Where times of day are told for, as an IANA name; undefined: the machine's zone. */
  readonly timeZone: string | undefined;
  /** For a command that goes on until it is told to end (Ctrl-C, SIGTERM), or until nobody reads what it prints. */
  readonly untilStopped: () => Promise<void>;
  /** For a command that has done what it was asked for and found that not all is well. */
  readonly setExitCode: (code: number) => void;
}

export interface Places {
  /** The configuration file that is read where none is named. */
  readonly config: string;
  /** This host's agent. */
  readonly agentSocket: string;
  /** Where its agent wrote the node's name. */
  readonly nodename: string;
}

export const PLACES: Places = {
  config: "/etc/calico/calicoctl.cfg",
  agentSocket: "/run/ocicat/agent.sock",
  nodename: "/var/lib/calico/nodename",
};

/** The real ones. */
export function processSurroundings(name: string, lab: LabReach): Surroundings {
  let input: Uint8Array | undefined;
  return {
    name,
    lab,
    handOver: async (socket, args) => (await import("./connect/machine.ts")).handOver(socket, args, input),
    env: process.env,
    places: PLACES,
    print: (text) => void process.stdout.write(text),
    printBytes: (bytes) => void process.stdout.write(bytes),
    tell: (line) => void process.stderr.write(`${name}: ${oneLine(line)}\n`),
    readInput: () => {
      input ??= readStandardInput();
      return input;
    },
    now: () => new Date(),
    timeZone: undefined,
    untilStopped: () =>
      new Promise((resolve) => {
        process.once("SIGINT", () => resolve());
        process.once("SIGTERM", () => resolve());
        process.stdout.once("error", () => resolve());
      }),
    setExitCode: (code) => {
      process.exitCode = code;
    },
  };
}
