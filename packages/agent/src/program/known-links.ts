import type { Logger, Scope } from "@ocicat/kit";
import type { Kernel, Link } from "@ocicat/linux/kernel";
import { KNOWN_GROUP } from "@ocicat/nftables";

const NO_GROUP = 0;

export interface KnownLinksOptions {
  readonly kernel: Kernel;
  readonly logger: Logger;
  readonly scope: Scope;
  /** Whether a workload endpoint has the interface of this name. */
  readonly knows: (name: string) => boolean;
}

/**
 * Keeps the interfaces of workload endpoints in the guard's link group, by which it lets packets pass without a look-up, and
 * everything else out of it.
 *
 * Whoever is in it is trusted: so an interface leaves before its endpoint is forgotten, and one that bears a name nobody
 * knows, renamed perhaps, leaves as soon as the kernel tells of it. Whoever is not in it is looked up: so joining may wait, and a
 * link in a group of somebody else's is left there.
 */
export class KnownLinks {
  readonly #options: KnownLinksOptions;
  readonly #members = new Map<string, number>();
  /** Links that are about to go: they do not join again. */
  readonly #leaving = new Set<number>();

  constructor(options: KnownLinksOptions) {
    this.#options = options;
  }

  /** Looks at all links, now and as they change: once all endpoints are known. */
  start(): void {
    const { kernel, scope } = this.#options;
    const monitor = kernel.monitor(["link"], (events) => {
      for (const event of events) {
        if (event.type === "link") this.judge(event.link);
        else if (event.type === "link.gone") this.#gone(event.link);
        else if (event.type === "resync") this.resync();
      }
    });
    scope.add("known links", () => monitor.close());
    this.resync();
  }

  /** Looks at all links again. */
  resync(): void {
    this.#members.clear();
    for (const link of this.#options.kernel.links()) this.judge(link);
  }

  judge(link: Link): void {
    const trusted = this.#options.knows(link.name) && !this.#leaving.has(link.index);
    if (link.group === KNOWN_GROUP) {
      if (trusted) this.#members.set(link.name, link.index);
      else this.#put(link.index, NO_GROUP);
    } else if (trusted && link.group === NO_GROUP && this.#put(link.index, KNOWN_GROUP)) {
      this.#members.set(link.name, link.index);
    }
  }

  /** The endpoint of this interface is about to be forgotten. */
  leave(name: string): void {
    const index = this.#members.get(name);
    if (index === undefined) return;
    this.#members.delete(name);
    this.#put(index, NO_GROUP);
  }

  /** The link is about to be deleted. From here on nobody else puts it into a group: its deletion does. */
  leaveForGood({ index, name }: Link): void {
    this.#leaving.add(index);
    this.leave(name);
  }

  #gone({ index, name }: Link): void {
    this.#leaving.delete(index);
    if (this.#members.get(name) === index) this.#members.delete(name);
  }

  #put(index: number, group: number): boolean {
    const [failure] = this.#options.kernel.apply([{ op: "link.set", index, change: { group } }]);
    if (failure !== undefined && failure.errno !== "ENODEV") {
      this.#options.logger.error("the kernel refused to put a link into a group", {
        index,
        group,
        errno: failure.errno,
      });
    }
    return failure === undefined;
  }
}
