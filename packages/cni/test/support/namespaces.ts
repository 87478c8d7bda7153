import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";

/** A network namespace of this run's own. Needs root and iproute2, and says so. */
export class TestNamespace {
  readonly name: string;
  readonly path: string;

  constructor(purpose: string) {
    this.name = `oct-cni-${purpose}-${randomBytes(4).toString("hex")}`;
    this.path = `/var/run/netns/${this.name}`;
    run("ip", ["netns", "add", this.name]);
  }

  /** Runs a program inside and returns what it printed. */
  run(program: string, ...args: readonly string[]): string {
    return run("ip", ["netns", "exec", this.name, program, ...args]);
  }

  remove(): void {
    run("ip", ["netns", "del", this.name]);
  }
}

function run(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    throw new Error(
      `${program} ${args.join(" ")} failed; these tests need root and: apt-get install iproute2 iptables`,
      { cause: error },
    );
  }
}
