import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./real-clock.ts";

const BIRD = "/usr/sbin/bird";
const BIRDC = "/usr/sbin/birdc";

/** A BIRD 2 of the test's own: configuration, control socket and process go with `stop`. */
export interface Bird {
  /** The output of a birdc command. */
  ask(command: string): string;
  /** Another configuration for the next `start`. */
  configure(config: string): void;
  /** SIGKILL: no NOTIFICATION, the kernel ends its connections. */
  kill(): Promise<void>;
  /** Starts it again after `kill`; `recovering`: with -R, as after a crash. */
  start(options?: { recovering?: boolean }): Promise<void>;
  stop(): Promise<void>;
}

export async function startBird(config: string): Promise<Bird> {
  if (!existsSync(BIRD)) throw new Error("BIRD 2 is missing: apt-get install bird2");
  const directory = mkdtempSync(join(tmpdir(), "oct-bird-"));
  const file = (name: string) => join(directory, name);
  const socket = file("bird.ctl");
  let child: ChildProcess | undefined;
  let log = "";

  const ask = (command: string) => {
    const { stdout, stderr, status } = spawnSync(BIRDC, ["-s", socket, ...command.split(" ")], { encoding: "utf8" });
    // "Network not found" is an answer, and an exit status.
    if (status !== 0 && !stdout.includes("BIRD")) throw new Error(`birdc: ${stderr}`);
    return stdout;
  };
  const isUp = () => {
    try {
      return ask("show status");
    } catch (error) {
      return `${String(error)}\n${log}`;
    }
  };
  const bird: Bird = {
    ask,
    configure: (text) => writeFileSync(file("bird.conf"), text),
    async start({ recovering = false } = {}) {
      rmSync(socket, { force: true });
      const flags = ["-f", "-c", file("bird.conf"), "-s", socket, "-P", file("bird.pid")];
      // With its parent dead, however that died, BIRD dies too.
      const command = ["--pdeathsig", "KILL", BIRD, ...flags, ...(recovering ? ["-R"] : [])];
      child = spawn("setpriv", command, { stdio: ["ignore", "ignore", "pipe"] });
      child.stderr?.on("data", (bytes) => {
        log += String(bytes);
      });
      await eventually("BIRD", isUp, (text) => text.includes("Daemon is up and running"));
    },
    async kill() {
      if (child === undefined || child.exitCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
      child = undefined;
    },
    async stop() {
      await bird.kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  bird.configure(config);
  try {
    await bird.start();
  } catch (error) {
    await bird.stop();
    throw error;
  }
  return bird;
}
