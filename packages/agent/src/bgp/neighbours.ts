import { RouterLink } from "@ocicat/bgp";
import { type Clock, type Logger, type Random, type Scope, toError } from "@ocicat/kit";
import { openRouterSocket, type RouterSocket } from "@ocicat/linux";
import type { Kernel, KernelEvent, Link } from "@ocicat/linux/kernel";
import { formatScoped, isLinkLocal } from "@ocicat/net";
import type { Neighbour } from "@ocicat/routing";

/** Who is at the other end of links that BGP peers are named by. */
export interface LinkNeighbours {
  /** Routers are looked for on these links from now on, and on no other. */
  want(links: readonly string[]): void;
  /** The router at the other end of a link, or why none is known. */
  on(link: string): Neighbour;
}

export interface LinkNeighboursOptions {
  readonly kernel: Pick<Kernel, "links" | "monitor">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly scope: Scope;
  /** A neighbour has come, has gone, or has become another one. */
  readonly onChange: () => void;
}

interface Watched {
  readonly index: number;
  readonly socket: RouterSocket;
  readonly router: RouterLink;
}

/** Says router advertisements on links that are wanted, and hears them, for as long as they have a carrier. */
export function linkNeighbours(options: LinkNeighboursOptions): LinkNeighbours {
  const links = new Links(options);
  options.scope.add("router advertisements", () => links.close());
  return links;
}

class Links implements LinkNeighbours {
  readonly #options: LinkNeighboursOptions;
  readonly #watched = new Map<string, Watched>();
  /** Why nothing is heard on a link. */
  readonly #hindered = new Map<string, string>();
  #wanted: ReadonlySet<string> = new Set();
  /** As long as a link is wanted. */
  #monitor: { close(): void } | undefined;

  constructor(options: LinkNeighboursOptions) {
    this.#options = options;
  }

  want(links: readonly string[]): void {
    const wanted = new Set(links);
    if (wanted.size === this.#wanted.size && links.every((link) => this.#wanted.has(link))) return;
    this.#wanted = wanted;
    for (const link of this.#watched.keys()) if (!wanted.has(link)) this.#end(link);
    if (wanted.size === 0) {
      this.close();
      return;
    }
    this.#monitor ??= this.#options.kernel.monitor(["link", "address"], (events) => this.#onEvents(events));
    this.#review();
  }

  on(link: string): Neighbour {
    const hindered = this.#hindered.get(link);
    if (hindered !== undefined) return { unknown: hindered };
    const neighbour = this.#watched.get(link)?.router.neighbour;
    return neighbour ?? { unknown: `no router advertisement has come over ${link}: the peer must send them there` };
  }

  close(): void {
    this.#monitor?.close();
    this.#monitor = undefined;
    for (const link of this.#watched.keys()) this.#end(link);
  }

  #onEvents(events: readonly KernelEvent[]): void {
    const before = this.#state();
    this.#review();
    for (const event of events) {
      // Before it had an address on the link nothing could be sent.
      if (event.type !== "address" || !isLinkLocal(event.address.address)) continue;
      for (const { index, router } of this.#watched.values()) {
        if (index !== event.address.linkIndex) continue;
        router.stop();
        router.start();
      }
    }
    if (this.#state() !== before) this.#options.onChange();
  }

  #state(): string {
    return [...this.#wanted]
      .map((link) => this.on(link))
      .map((one) => (typeof one === "bigint" ? `${one}` : one.unknown))
      .join();
  }

  /** Opens what can be opened, and ends what has lost its link. */
  #review(): void {
    const present = new Map(this.#options.kernel.links().map((link) => [link.name, link]));
    this.#hindered.clear();
    for (const name of this.#wanted) {
      const link = present.get(name);
      const open = this.#watched.get(name);
      const hindered = hindranceOf(name, link);
      if (open !== undefined && (hindered !== undefined || open.index !== link?.index)) this.#end(name);
      if (hindered !== undefined) this.#hindered.set(name, hindered);
      else if (link !== undefined && !this.#watched.has(name)) this.#begin(link);
    }
  }

  #begin({ name, index, mac }: Link): void {
    const { clock, random, logger, onChange } = this.#options;
    try {
      const socket = openRouterSocket({ link: name, onMessage: (source, bytes) => router.heard(source, bytes) });
      const router = new RouterLink({
        clock,
        random,
        mac,
        send: (message, to) => {
          try {
            socket.send(message, to);
          } catch (error) {
            logger.debug("a router advertisement cannot be sent", { link: name, error: toError(error).message });
          }
        },
        onNeighbour: (neighbour) => {
          logger.info("a router is at the other end", {
            link: name,
            neighbour: formatScoped({ address: neighbour, link: name }),
          });
          onChange();
        },
        onRival: (rival) =>
          logger.warning("a second router is on the link, and is not peered with", {
            link: name,
            router: formatScoped({ address: rival, link: name }),
          }),
      });
      this.#watched.set(name, { index, socket, router });
      router.start();
    } catch (error) {
      this.#hindered.set(name, `routers cannot be heard on ${name}: ${toError(error).message}`);
    }
  }

  #end(name: string): void {
    const watched = this.#watched.get(name);
    this.#watched.delete(name);
    watched?.router.stop();
    watched?.socket.close();
  }
}

function hindranceOf(name: string, link: Link | undefined): string | undefined {
  if (link === undefined) return `interface ${name} does not exist`;
  if (!link.up) return `interface ${name} is down`;
  return link.running ? undefined : `interface ${name} has no carrier`;
}
