import type { Logger } from "@ocicat/kit";
import { formatAddress, formatScoped, type ScopedAddress } from "@ocicat/net";
import { BfdThread } from "../bfd/thread.ts";
import type { BfdReport, BfdWish } from "../bfd/wishes.ts";
import type { Session } from "./sessions.ts";

export interface PathWatchOptions {
  readonly logger: Logger;
  /** The peer's address is on a link of this node's: then BFD goes over one hop (RFC 5881), else over several (RFC 5883). */
  readonly isOnLink: (peer: ScopedAddress) => boolean;
  /** Packets do not reach the session's peer any more. */
  readonly onDead: (session: string) => void;
}

/** BFD beside those sessions that ask for it. */
export class PathWatch {
  readonly #options: PathWatchOptions;
  readonly #thread: BfdThread;

  constructor(options: PathWatchOptions) {
    this.#options = options;
    this.#thread = new BfdThread({
      logger: options.logger,
      onState: (report, before) => {
        if (isDead(report, before)) options.onDead(report.name);
      },
    });
  }

  /** The sessions that are held from now on. */
  update(sessions: readonly Session[]): void {
    this.#thread.want(sessions.flatMap((session) => this.#wishOf(session)));
  }

  reportOf(session: string): BfdReport | undefined {
    return this.#thread.reports.get(session);
  }

  stop(): Promise<void> {
    return this.#thread.stop();
  }

  #wishOf({ name, remoteAddress, link, config, bfd, refused }: Session): BfdWish[] {
    if (bfd === undefined || refused !== undefined) return [];
    const remote = { address: remoteAddress, link };
    return [
      {
        name,
        local: config.localAddress === undefined ? undefined : formatAddress(config.localAddress),
        remote: formatScoped(remote),
        multihop: !this.#options.isOnLink(remote),
        intervalUs: bfd.intervalMs * 1000,
        multiplier: bfd.multiplier,
      },
    ];
  }
}

/** RFC 5882 §4.2: where the other side takes its session away on purpose, that says nothing of the path. */
function isDead({ state, remoteState }: BfdReport, before: BfdReport["state"]): boolean {
  return before === "Up" && state === "Down" && remoteState !== "AdminDown";
}
