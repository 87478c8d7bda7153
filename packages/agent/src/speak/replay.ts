import { type Connection, type PeerConfig, reject, type Speaker } from "@ocicat/bgp";
import { type MrtEntry, type MrtPeer, Player, playedPeer, stateName } from "@ocicat/bgp/mrt";
import { type Clock, type Logger, OcicatError, type Scope } from "@ocicat/kit";
import { type Address, formatAddress, ipv4 } from "@ocicat/net";
import { mrtEntries } from "../record/mrt-file.ts";

export interface ReplaySettings {
  /** An MRT file: a table, or sessions. */
  readonly file: string;
  /** How much faster than it was; undefined: as fast as the speaker takes it. */
  readonly speed: number | undefined;
}

export interface ReplayOptions extends ReplaySettings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: Scope;
  readonly speaker: Speaker;
  /** The peering that the configuration has with an address; undefined: none. */
  readonly configured: (address: Address) => PeerConfig | undefined;
  /** These peers are played from now on: others must not be dialled, and all must be declared. */
  readonly setPlayed: (peers: readonly PeerConfig[]) => void;
}

/**
 * Plays the peers of a file: what they said then, the speaker hears now. Those that the configuration names are played as it
 * has them, with their filters; others are let in as they are, and told nothing. Routes that were the own ones of who wrote
 * the file are this speaker's own.
 */
export class Replay {
  readonly #options: ReplayOptions;
  readonly #players = new Map<Address, Player>();
  readonly #configs = new Map<Address, PeerConfig>();
  #began: { readonly record: bigint; readonly ms: number } | undefined;
  #routes = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /** Resolves at the end of the file; sessions stay. Throws OcicatError MRT_FILE, MRT_DAMAGED, BGP_REPLAY. */
  async run(): Promise<void> {
    const { file, logger, scope } = this.#options;
    scope.add("replay", () => {
      for (const player of this.#players.values()) player.end();
    });
    for await (const entry of mrtEntries(file)) {
      if (scope.closed) return;
      await this.#wait(entry.record.time);
      await this.#play(entry);
    }
    for (const player of this.#players.values()) await player.endOfRib();
    logger.info("replayed", { file, peers: this.#players.size, routes: this.#routes });
  }

  async #play(entry: MrtEntry): Promise<void> {
    if (entry.kind === "paths") {
      for (const path of entry.paths) await this.#tell(entry.prefix, path);
    } else if (entry.kind === "state") {
      if (stateName(entry.from) === "Established") this.#players.get(entry.peerAddress)?.end();
    } else if (entry.kind === "message" && !entry.sent && "type" in entry.decoded && entry.decoded.type === "update") {
      const { peerAddress: address, peerAs: as } = entry;
      const player = await this.#player({ address, as, routerId: ipv4(0) });
      this.#routes += entry.decoded.announced.reduce((sum, { prefixes }) => sum + prefixes.length, 0);
      await player.say(entry.decoded);
    }
  }

  async #tell(
    prefix: Extract<MrtEntry, { kind: "paths" }>["prefix"],
    { peer, pathId, attributes, bytes }: Extract<MrtEntry, { kind: "paths" }>["paths"][number],
  ): Promise<void> {
    if (attributes === undefined) return;
    this.#routes += 1;
    if (peer.as === 0) {
      const { file, speaker } = this.#options;
      speaker.announce({ prefix, origin: `replay of ${file}`, attributes });
      return;
    }
    const player = await this.#player(peer);
    await player.tell(prefix, pathId ?? 0, attributes, bytes);
  }

  /** With its session up. */
  async #player(peer: MrtPeer): Promise<Player> {
    const { clock, speaker, configured, setPlayed, file } = this.#options;
    const known = this.#players.get(peer.address);
    if (known !== undefined) {
      await known.establish(speaker.routerId);
      return known;
    }
    const config = configured(peer.address) ?? strangerOf(peer);
    if (config.remoteAs !== peer.as) {
      const what = `${config.name} is of AS ${peer.as} there, and of AS ${config.remoteAs} in the configuration`;
      throw new OcicatError({
        code: "BGP_REPLAY",
        where: file,
        what,
        fix: "configure it as it is there, or leave it out",
      });
    }
    this.#configs.set(peer.address, playedPeer(config));
    setPlayed([...this.#configs.values()]);
    const player = new Player(peer, clock, (connection: Connection) => speaker.accept(connection));
    this.#players.set(peer.address, player);
    await player.establish(speaker.routerId);
    return player;
  }

  /** Until it is this record's turn. */
  async #wait(time: bigint): Promise<void> {
    const { clock, speed } = this.#options;
    if (speed === undefined) return;
    this.#began ??= { record: time, ms: clock.monotonic() };
    const due = this.#began.ms + Number(time - this.#began.record) / 1000 / speed;
    const ms = due - clock.monotonic();
    if (ms > 0) await new Promise<void>((resolve) => void clock.after(ms, "replay", resolve));
  }
}

/** One that the configuration does not name. */
function strangerOf({ address, as }: MrtPeer): PeerConfig {
  const name = `replay-${formatAddress(address)}`;
  return { name, remoteAddress: address, remoteAs: as, exportPolicy: () => reject("it is played, and hears nothing") };
}
