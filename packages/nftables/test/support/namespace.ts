import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { setns } from "./libc.ts";

/** A network namespace of this test's own. Disposing of it ends it, with every link and rule in it. */
export class Namespace implements Disposable {
  readonly name: string;

  constructor(role: string) {
    this.name = `oct${randomBytes(4).toString("hex")}${role}`;
    execFileSync("ip", ["netns", "add", this.name]);
  }

  /** Runs a command in it. Returns its standard output; throws with what it said. */
  run(command: string, ...args: readonly string[]): string {
    return execFileSync("ip", ["netns", "exec", this.name, command, ...args], {
      encoding: "utf8",
      stdio: ["pipe", "pipe", "pipe"],
    });
  }

  /** `nft -f -` with this text. */
  load(text: string): void {
    execFileSync("ip", ["netns", "exec", this.name, "nft", "-f", "-"], { input: text, stdio: ["pipe", "pipe", "pipe"] });
  }

  /** One `ip` command a line. */
  ip(commands: string): void {
    execFileSync("ip", ["-n", this.name, "-batch", "-"], { input: commands, stdio: ["pipe", "pipe", "pipe"] });
  }

  /** Runs a synchronous function with this thread in the namespace: sockets made in it stay there. */
  within<T>(run: () => T): T {
    const home = openSync("/proc/thread-self/ns/net", "r");
    const here = openSync(`/run/netns/${this.name}`, "r");
    try {
      setns(here);
      try {
        return run();
      } finally {
        setns(home);
      }
    } finally {
      closeSync(here);
      closeSync(home);
    }
  }

  [Symbol.dispose](): void {
    execFileSync("ip", ["netns", "del", this.name]);
  }
}
