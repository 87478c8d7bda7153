import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";

/**
 * A namespace and a cable into it. Nothing leaves the two: the addresses are those of RFC 2544's benchmarks and of a unique
 * local prefix, chosen anew for each run.
 */
export class Segment {
  readonly namespace: string;
  readonly #link: string;
  readonly #octets: readonly [number, number];

  constructor() {
    const [a = 0, b = 0] = randomBytes(2);
    this.#octets = [a & 0xfe, b];
    const id = `${a.toString(16)}${b.toString(16)}${process.pid}`;
    this.namespace = `octbgp-${id}`;
    this.#link = `octb${id}`.slice(0, 15);
  }

  /** This process's address, the `n`th of it from 1; the daemon's is 250. */
  ours(family: 4 | 6, n = 1): string {
    const [a, b] = this.#octets;
    return family === 4
      ? `198.${18 + (a >> 7)}.${b}.${n}`
      : `fd00:${(256 + a).toString(16)}:${(256 + b).toString(16)}::${n}`;
  }

  theirs(family: 4 | 6): string {
    return this.ours(family, 250);
  }

  get link(): string {
    return this.#link;
  }

  up(): void {
    ip("netns", "add", this.namespace);
    ip("link", "add", this.#link, "type", "veth", "peer", "name", "eth0", "netns", this.namespace);
    for (const n of [1, 2, 3]) {
      ip("address", "add", `${this.ours(4, n)}/24`, "dev", this.#link);
      ip("address", "add", `${this.ours(6, n)}/64`, "dev", this.#link, "nodad");
    }
    ip("link", "set", this.#link, "up");
    ip("-n", this.namespace, "link", "set", "lo", "up");
    ip("-n", this.namespace, "address", "add", `${this.theirs(4)}/24`, "dev", "eth0");
    ip("-n", this.namespace, "address", "add", `${this.theirs(6)}/64`, "dev", "eth0", "nodad");
    ip("-n", this.namespace, "link", "set", "eth0", "up");
  }

  /** What the daemon's kernel would do with a packet to the prefix: "via 198.18.3.1". Empty: nothing. */
  kernelRoute(prefix: string): string {
    const family = prefix.includes(":") ? "-6" : "-4";
    return ip("-n", this.namespace, family, "route", "show", prefix).trim();
  }

  down(): void {
    for (const args of [
      ["link", "delete", this.#link],
      ["netns", "delete", this.namespace],
    ]) {
      try {
        ip(...args);
      } catch {
        // It was not made.
      }
    }
  }
}

function ip(...args: readonly string[]): string {
  return execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
