import { createHash } from "node:crypto";
import { type BestChange, createSpeaker, type Speaker, type Transport } from "@ocicat/bgp";
import { type Clock, type Logger, OcicatError, type Random, toError } from "@ocicat/kit";
import { compareAddresses, type Ipv4, ipv4, type Prefix } from "@ocicat/net";
import { type Announcement, type MeshPeer, meshPeers, type NodeRow, type RoutingChanges } from "@ocicat/routing";
import type { BgpSettingsRow } from "../tables/rows.ts";
import { announce, meshPeerName, originated, peerConfig, peerReport } from "./mesh.ts";

export interface MeshRunnerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly transport: Transport;
  /** Overrides BGPConfiguration's listenPort; undefined: that one. */
  readonly port: number | undefined;
  /** Routes of an earlier run are in the kernel: ask the peers to bear with us (RFC 4724). */
  readonly restarting: boolean;
  readonly onChange: (changes: readonly BestChange[]) => void;
  /** Every peer has sent what it has, or has been waited for long enough. */
  readonly onReady: () => void;
  /** The speaker cannot run: the agent must end, saying so. */
  readonly onFatal: (error: Error) => void;
}

/** Keeps one speaker running for the mesh, made anew when what it is (AS number, router id, port) changes. */
export class MeshRunner {
  readonly #options: MeshRunnerOptions;
  #speaker: Speaker | undefined;
  #identity = "";
  #peers = new Map<string, MeshPeer>();
  #announcements: readonly Announcement[] = [];
  #declared = false;
  #restarting: boolean;
  /** What speakers before this one had learned and this one has not, yet. */
  readonly #left = new Map<string, Prefix>();
  #stopping: Promise<void> = Promise.resolve();

  constructor(options: MeshRunnerOptions) {
    this.#options = options;
    this.#restarting = options.restarting;
  }

  /** The mesh as the tables say it is now. Without an address of its own the node has no sessions. */
  update(self: NodeRow | undefined, nodes: Iterable<NodeRow>, settings: BgpSettingsRow): void {
    if (self === undefined || (self.ipv4 === undefined && self.ipv6 === undefined)) {
      this.#peers.clear();
      this.#speaker?.setPeers([]);
      return;
    }
    const peers = meshPeers(self, nodes, { enabled: settings.meshEnabled, asNumber: settings.asNumber });
    this.#peers = new Map(peers.map((peer) => [meshPeerName(peer), peer]));
    const localAs = self.asNumber ?? settings.asNumber;
    const port = this.#options.port ?? settings.listenPort;
    const routerId = routerIdOf(self);
    const identity = `${localAs} ${routerId} ${port}`;
    if (identity !== this.#identity) this.#replace(identity, localAs, routerId, port);
    this.#speaker?.setPeers(peers.map((peer) => ({ ...peerConfig(peer), remotePort: port })));
  }

  announce(changes: RoutingChanges["announcements"], all: Iterable<Announcement>): void {
    this.#announcements = [...all];
    if (this.#speaker !== undefined) announce(this.#speaker, changes);
  }

  /** Declares the complete set once the datastore is in sync: only then may End-of-RIB be sent. */
  declare(all: Iterable<Announcement>): void {
    this.#declared = true;
    this.#announcements = [...all];
    this.#speaker?.setOriginated(this.#announcements.map(originated));
  }

  report() {
    const statuses = [...(this.#speaker?.status() ?? [])];
    statuses.sort((a, b) => compareAddresses(a.remoteAddress, b.remoteAddress));
    return statuses.map((status) => peerReport(status, this.#peers.get(status.name)));
  }

  get speaker(): Speaker | undefined {
    return this.#speaker;
  }

  /** Graceful: peers keep our routes while we are away. */
  async stop(graceful: boolean): Promise<void> {
    await this.#stopping;
    await this.#speaker?.stop({ graceful });
  }

  #replace(identity: string, localAs: number, routerId: Ipv4, port: number): void {
    const { clock, random, logger, transport, onChange, onReady, onFatal } = this.#options;
    const old = this.#speaker;
    this.#identity = identity;
    // Its routes stay in the kernel until the next one has heard every peer: a speaker made anew is a restart (RFC 4724).
    for (const { prefix } of old?.routes() ?? []) this.#left.set(prefix.toString(), prefix);
    const left = this.#left;
    const speaker = createSpeaker({
      clock,
      random,
      logger,
      transport,
      localAs,
      routerId,
      listen: { port },
      restarting: this.#restarting || left.size > 0,
      multipath: false,
      onChange: (changes) => {
        for (const { prefix } of changes) left.delete(prefix.toString());
        onChange(changes);
      },
      onReady: () => {
        const gone = [...left.values()].map((prefix) => ({ prefix, best: undefined, unreachable: undefined }));
        if (gone.length > 0) onChange(gone);
        left.clear();
        onReady();
      },
    });
    this.#restarting = false;
    this.#speaker = speaker;
    if (this.#declared) speaker.setOriginated(this.#announcements.map(originated));
    this.#stopping = (async () => {
      await old?.stop({ graceful: left.size > 0 });
      await speaker.start();
    })().catch((error: unknown) => {
      onFatal(
        error instanceof OcicatError
          ? error
          : new OcicatError({ code: "BGP_START", what: toError(error).message, cause: error }),
      );
    });
  }
}

/**
 * The BGP identifier: the node's IPv4 address, as with Calico; a node of IPv6 alone has one made from its name, as Calico's
 * CALICO_ROUTER_ID=hash does (the first four bytes of the SHA-256; the first below 224, where addresses are unicast).
 */
function routerIdOf(self: NodeRow): Ipv4 {
  const own = self.ipv4?.address;
  if (typeof own === "number") return own;
  const [first = 0, ...rest] = createHash("sha256").update(self.name).digest().subarray(0, 4);
  const value = [first > 223 ? first - 32 : first, ...rest].reduce((value, byte) => value * 256 + byte, 0);
  return ipv4(value);
}
