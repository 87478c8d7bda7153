import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, type TestLab } from "./lab.ts";

const BIRD = "/usr/sbin/bird";
const BIRDC = "/usr/sbin/birdc";

/** A real BIRD 2 on a router of a lab. Its files and its process go with `stop`. */
export interface RouterBird {
  /** What birdc prints. */
  readonly ask: (command: string) => string;
  /** Ends it as an operator does, with a word to its peers. */
  readonly stop: () => Promise<void>;
}

export async function startBird(
  lab: Pick<TestLab, "name" | "start">,
  router: string,
  config: string,
): Promise<RouterBird> {
  const directory = mkdtempSync(join(tmpdir(), `${lab.name}-bird-`));
  const file = (name: string) => join(directory, name);
  writeFileSync(file("bird.conf"), config);
  const flags = ["-f", "-c", file("bird.conf"), "-s", file("ctl"), "-P", file("pid")];
  // With its parent dead, however that died, BIRD dies too.
  const { child, ended } = lab.start(router, "setpriv", "--pdeathsig", "KILL", BIRD, ...flags);
  const ask = (command: string) =>
    execFileSync(BIRDC, ["-s", file("ctl"), ...command.split(" ")], { encoding: "utf8", stdio: "pipe" });
  const isUp = () => {
    try {
      return ask("show status");
    } catch (error) {
      return String(error);
    }
  };
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await eventually(isUp, (text) => text.includes("Daemon is up and running"));
  } catch (error) {
    await stop();
    throw error;
  }
  return { ask, stop };
}
