import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { setns } from "./libc.ts";

/** Those not disposed of: a test that fails before it can ends them with its process. */
const living = new Set<Namespace>();
process.once("exit", () => {
  for (const namespace of living) namespace[Symbol.dispose]();
});

/** A network namespace of this test's own. Disposing of it ends it, with every link and rule in it. */
export class Namespace implements Disposable {
  readonly name: string;

  constructor(role: string) {
    this.name = `oct${randomBytes(4).toString("hex")}${role}`;
    execFileSync("ip", ["netns", "add", this.name]);
    living.add(this);
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
    execFileSync("ip", ["netns", "exec", this.name, "nft", "-f", "-"], {
      input: text,
      stdio: ["pipe", "pipe", "pipe"],
    });
  }

  /** One `ip` command a line; those of another family than IPv4 say so by their addresses. */
  ip(...commands: readonly string[]): void {
    const input = commands.join("\n");
    execFileSync("ip", ["-n", this.name, "-batch", "-"], { input, stdio: ["pipe", "pipe", "pipe"] });
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
    living.delete(this);
    execFileSync("ip", ["netns", "del", this.name]);
  }
}
