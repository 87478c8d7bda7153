import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Clock, type Logger, OcicatError, toError } from "@ocicat/kit";
import { askBird, type BirdAnswer } from "./control.ts";

const BIRD = "bird";
const START_MS = 10_000;
const LOOK_MS = 50;
const run = promisify(execFile);

/** By their names in the configuration's directory. */
export type BirdFiles = Readonly<Record<"bird.cfg" | "bird_aggr.cfg" | "bird_ipam.cfg", string>>;

export interface BirdDaemonOptions {
  /** Where its configuration is. */
  readonly directory: string;
  /** Its control socket. */
  readonly socket: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** It has ended by itself. */
  readonly onEnd: (why: string) => void;
}

/**
 * A BIRD of the agent's own: its files, its process, its control socket. It ends with the agent, without a word to its peers,
 * which so keep its routes; the kernel keeps them too, and the next one takes them over (RFC 4724).
 */
export class BirdDaemon {
  readonly #options: BirdDaemonOptions;
  #child: ChildProcess | undefined;
  #written = "";
  #ending = false;

  constructor(options: BirdDaemonOptions) {
    this.#options = options;
  }

  /**
   * Makes it run with these files. They are checked beside those that are in use, and put in their place whole. Throws OcicatError
   * BIRD_REFUSED, with what is in use left as it is. Tells whether something has changed.
   */
  async configure(files: BirdFiles): Promise<boolean> {
    const { directory, socket } = this.#options;
    const key = JSON.stringify(files);
    if (this.#child !== undefined && key === this.#written) return false;
    await this.#check(files);
    mkdirSync(directory, { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      // A configuration has passwords in it.
      writeFileSync(join(directory, `${name}.new`), text, { mode: 0o600 });
    }
    for (const name of Object.keys(files)) renameSync(join(directory, `${name}.new`), join(directory, name));
    if (this.#child === undefined) await this.#start();
    else refusedBy(await askBird(socket, "configure"));
    this.#written = key;
    return true;
  }

  ask(command: string): Promise<BirdAnswer> {
    return askBird(this.#options.socket, command);
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** Ends it so that peers keep its routes; `farewell`: with a word to them, so that they drop them. */
  async stop(farewell: boolean): Promise<void> {
    this.#ending = true;
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    child.kill(farewell ? "SIGTERM" : "SIGKILL");
    await ended;
    rmSync(this.#options.socket, { force: true });
  }

  async #check(files: BirdFiles): Promise<void> {
    const directory = join(this.#options.directory, "check");
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    try {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text, { mode: 0o600 });
      await run(BIRD, ["-p", "-c", join(directory, "bird.cfg")]);
    } catch (error) {
      throw refusal(said(error), directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  async #start(): Promise<void> {
    const { directory, socket, clock, logger, onEnd } = this.#options;
    mkdirSync(dirname(socket), { recursive: true });
    rmSync(socket, { force: true });
    // With the agent dead, however it died, BIRD dies too: nobody would tell it anything any more.
    const flags = ["-f", "-R", "-c", join(directory, "bird.cfg"), "-s", socket, "-P", `${socket}.pid`];
    const child = spawn("setpriv", ["--pdeathsig", "KILL", BIRD, ...flags], { stdio: ["ignore", "ignore", "pipe"] });
    let last = "";
    child.stderr.on("data", (bytes: Buffer) => {
      last = bytes.toString().trim();
      for (const line of last.split("\n")) logger.debug("BIRD", { line });
    });
    const ended = new Promise<string>((resolve) => {
      child.on("error", (error) => resolve(error.message));
      child.on("close", (code, signal) => resolve(`it ended with ${signal ?? code}: ${last}`));
    });
    this.#child = child;
    void ended.then((why) => {
      this.#child = undefined;
      this.#written = "";
      if (!this.#ending) onEnd(why);
    });
    await Promise.race([
      this.#answers(clock),
      ended.then((why) => {
        throw new OcicatError({ code: "BIRD_START", what: "BIRD cannot be started", why, fix: "install bird2" });
      }),
    ]);
  }

  async #answers(clock: Clock): Promise<void> {
    const until = clock.monotonic() + START_MS;
    for (;;) {
      try {
        await askBird(this.#options.socket, "show status");
        return;
      } catch (error) {
        if (clock.monotonic() > until || this.#child === undefined) throw error;
        await new Promise<void>((resolve) => clock.after(LOOK_MS, "BIRD", resolve));
      }
    }
  }
}

/** Codes from 8000 on are refusals. */
function refusedBy(answer: BirdAnswer): void {
  const refused = answer.find(({ code }) => code >= 8000);
  if (refused !== undefined) throw refusal(refused.text, "configure");
}

function refusal(why: string, where: string): OcicatError {
  return new OcicatError({ code: "BIRD_REFUSED", where, what: "BIRD does not take the configuration", why });
}

/** What a program that failed has said. */
function said(error: unknown): string {
  const stderr = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
  return stderr === "" ? toError(error).message : stderr;
}
