import type { Address, Prefix } from "@ocicat/net";
import type { NotificationMessage } from "../wire/message.ts";
import { notification } from "../wire/notification.ts";
import { Peer, type PeerHost } from "./peer.ts";
import {
  checkDynamicPeers,
  endOf,
  instantiate,
  limitOf,
  type ResolvedPeer,
  resolvePeers,
  type SpeakerSelf,
} from "./peer-config.ts";
import type { ConnectionSecurity, Endpoint, Protection } from "./transport.ts";
import type { DynamicPeerConfig, PeerConfig } from "./types.ts";

export interface PeerSetOptions {
  readonly host: PeerHost;
  readonly self: SpeakerSelf;
  /** A peer goes on under another configuration. */
  readonly reconfigured: (peer: Peer) => void;
}

/** The peers of a speaker: those that were declared, and those that have dialled from within a prefix where any may. */
export class PeerSet {
  readonly #options: PeerSetOptions;
  readonly #peers = new Map<string, Peer>();
  /** By where they are: `10.0.0.1`, `fe80::1%eth1`. */
  readonly #byEnd = new Map<string, Peer>();
  /** Of each dynamic peer the prefix that it came from. */
  readonly #cameFrom = new Map<Peer, string>();
  /** By prefix. */
  #dynamic: ReadonlyMap<string, DynamicPeerConfig> = new Map();

  constructor(options: PeerSetOptions) {
    this.#options = options;
  }

  get all(): IterableIterator<Peer> {
    return this.#peers.values();
  }

  named(name: string): Peer | undefined {
    return this.#peers.get(name);
  }

  /** Starts, stops and changes sessions so that these are there. Throws OcicatError, changing nothing, on a bad list. */
  declare(configs: readonly PeerConfig[], dynamic: readonly DynamicPeerConfig[]): void {
    const { self } = this.#options;
    const declared = resolvePeers(configs, self);
    checkDynamicPeers(dynamic, self);
    this.#dynamic = new Map(dynamic.map((config) => [config.prefix.toString(), config]));
    const wanted = [...declared, ...this.#instances(new Set(declared.map(endOf)))];
    // Those that go make room first: an address may have passed from one name to another.
    const names = new Set(wanted.map(({ name }) => name));
    for (const config of wanted) this.#rename(config, names);
    for (const peer of this.#peers.values()) {
      if (!names.has(peer.config.name)) this.#remove(peer, notification("cease/deconfigured"));
    }
    for (const config of wanted) {
      const peer = this.#peers.get(config.name);
      if (peer?.survives(config) === false) this.#remove(peer, notification("cease/configuration-change"));
    }
    const declaredNames = new Set(declared.map(({ name }) => name));
    for (const config of wanted) {
      const peer = this.#peers.get(config.name);
      if (peer !== undefined) {
        peer.reconfigure(config);
        this.#options.reconfigured(peer);
      } else if (declaredNames.has(config.name)) this.#add(config);
    }
  }

  /** The peer that a connection comes from; undefined: nobody's. */
  at({ address, link }: Endpoint): Peer | undefined {
    return this.#byEnd.get(endOf({ remoteAddress: address, link })) ?? this.#newcomer(address);
  }

  /** Ends all sessions. Without a message the peers may take it for a restart. */
  removeAll(message: NotificationMessage | undefined): void {
    this.#dynamic = new Map();
    for (const peer of this.#peers.values()) this.#remove(peer, message);
  }

  /** Forgets dynamic peers that have gone and left nothing. */
  sweep(): void {
    for (const peer of this.#cameFrom.keys()) {
      const gone = peer.state === "Active" || peer.state === "Idle";
      if (gone && peer.adjRibIn.size === 0) this.#remove(peer, undefined);
    }
  }

  /** What connections to the listener must show. */
  protections(): Protection[] {
    const of = (remote: Address | Prefix, security: ConnectionSecurity | undefined, link?: string): Protection[] =>
      security === undefined ? [] : [{ remote, link, security }];
    const declared = this.#peers.values().filter((peer) => !this.#cameFrom.has(peer));
    return [
      ...this.#dynamic.values().flatMap(({ prefix, security }) => of(prefix, security)),
      ...declared.flatMap(({ config }) => of(config.remoteAddress, config.security, config.link)),
    ];
  }

  #newcomer(address: Address): Peer | undefined {
    const config = this.#templateFor(address);
    if (config === undefined) return undefined;
    const prefix = config.prefix.toString();
    const others = this.#cameFrom.values().filter((one) => one === prefix);
    if ([...others].length >= limitOf(config)) return undefined;
    const peer = this.#add(instantiate(config, address, this.#options.self));
    this.#cameFrom.set(peer, prefix);
    return peer;
  }

  /** The longest prefix counts. */
  #templateFor(address: Address): DynamicPeerConfig | undefined {
    const matching = [...this.#dynamic.values()].filter(({ prefix }) => prefix.has(address));
    return matching.sort((a, b) => b.prefix.length - a.prefix.length)[0];
  }

  /** Dynamic peers that are there, as they are to be now; one whose address is declared makes room. */
  #instances(declared: ReadonlySet<string>): ResolvedPeer[] {
    return [...this.#cameFrom.keys()].flatMap(({ config: known }) => {
      const { remoteAddress } = known;
      const config = declared.has(endOf(known)) ? undefined : this.#templateFor(remoteAddress);
      return config === undefined ? [] : [instantiate(config, remoteAddress, this.#options.self)];
    });
  }

  /** A session that is wanted under another name goes on: a node of the mesh may become one that a BGPPeer names. */
  #rename(config: ResolvedPeer, wanted: ReadonlySet<string>): void {
    const peer = this.#byEnd.get(endOf(config));
    if (peer === undefined || this.#peers.has(config.name) || wanted.has(peer.config.name)) return;
    if (this.#cameFrom.has(peer) || !peer.survives(config)) return;
    this.#peers.delete(peer.config.name);
    this.#peers.set(config.name, peer);
    peer.rename(config.name);
  }

  #add(config: ResolvedPeer): Peer {
    const peer = new Peer(this.#options.host, config);
    this.#peers.set(config.name, peer);
    this.#byEnd.set(endOf(config), peer);
    peer.start();
    return peer;
  }

  #remove(peer: Peer, message: NotificationMessage | undefined): void {
    this.#peers.delete(peer.config.name);
    this.#byEnd.delete(endOf(peer.config));
    this.#cameFrom.delete(peer);
    peer.stop(message);
  }
}
