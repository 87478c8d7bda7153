import { type Logger, toError } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux/kernel";

const STRICT = "1";

/**
 * The kernel's own check of IPv4 sources (rp_filter) on workloads' interfaces: strict, but for workloads that may send from more
 * than their own addresses. Theirs the guard's table checks.
 */
export class SourceFilters {
  readonly #kernel: Kernel;
  readonly #logger: Logger;
  /** Interfaces that are not known to be strict. */
  readonly #loose = new Set<string>();

  constructor(kernel: Kernel, logger: Logger) {
    this.#kernel = kernel;
    this.#logger = logger;
  }

  /** Of these it is not known what an earlier run, or somebody else, has left. */
  suspect(names: Iterable<string>): void {
    for (const name of names) this.#loose.add(name);
  }

  /** Makes every interface strict that is not named. Those that are gone are forgotten. */
  tightenAllBut(wider: { has(name: string): boolean }): void {
    for (const name of this.#loose) {
      if (wider.has(name) || !this.#write(name, STRICT)) continue;
      this.#loose.delete(name);
    }
  }

  /** The kernel takes the greater one of the interface's value and that of all: where all are strict only 2 (loose) undoes it. */
  loosen(names: Iterable<string>): void {
    for (const name of names) {
      this.#loose.add(name);
      this.#write(name, this.#kernel.readSysctl(path("all")) === STRICT ? "2" : "0");
    }
  }

  /** Whether it is so now, or there is nothing that it could be so of. */
  #write(name: string, value: string): boolean {
    try {
      const now = this.#kernel.readSysctl(path(name));
      if (now !== undefined && now !== value) this.#kernel.writeSysctl(path(name), value);
      return true;
    } catch (error) {
      this.#logger.error("rp_filter cannot be set", { interface: name, value, error: toError(error).message });
      return false;
    }
  }
}

function path(name: string): string {
  return `net/ipv4/conf/${name}/rp_filter`;
}
