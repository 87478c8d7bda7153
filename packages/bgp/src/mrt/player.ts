import type { Clock } from "@ocicat/kit";
import { type Address, ipv4, type Prefix } from "@ocicat/net";
import { memoryNetwork } from "../speaker/memory-network.ts";
import type { Connection } from "../speaker/transport.ts";
import type { PeerConfig } from "../speaker/types.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";
import { NO_CAPABILITIES } from "../wire/capabilities.ts";
import { encodeControl } from "../wire/codec.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "../wire/context.ts";
import { FAMILIES } from "../wire/family.ts";
import { Framer } from "../wire/framer.ts";
import { MAX_EXTENDED_MESSAGE } from "../wire/header.ts";
import type { UpdateMessage } from "../wire/message.ts";
import type { Nlri } from "../wire/nlri.ts";
import { packAnnouncements, packEndOfRib, packWithdrawals } from "../wire/pack.ts";
import type { MrtPeer } from "./table-dump.ts";

/** Prefixes with the same attributes that are told at once. */
const MOST_TOGETHER = 500;

/** What a peer that is played can do: all that an UPDATE of a file may need. */
const CONTEXT: CodecContext = {
  ...DEFAULT_CONTEXT,
  maxMessage: MAX_EXTENDED_MESSAGE,
  addPath: { 4: { send: true, receive: false }, 6: { send: true, receive: false } },
  extendedNextHop: [4],
};

/** What a peering must be to have its peer played; the rest of it counts as it is. */
export function playedPeer<T extends Pick<PeerConfig, "name" | "remoteAddress" | "remoteAs">>(
  config: T,
): T & PeerConfig {
  return {
    ...config,
    passive: true,
    families: FAMILIES,
    addPath: { receive: true },
    extendedMessages: true,
    extendedNextHop: true,
    gracefulRestart: { mode: "off" },
    security: undefined,
  };
}

/**
 * A peer that says what a file says it said, over a connection in memory. A speaker that has it as a `playedPeer` takes its
 * routes as any other's: they pass its filters, its decision and its exports. It hears nothing but that the session is up.
 */
export class Player {
  readonly peer: MrtPeer;
  readonly #clock: Clock;
  readonly #accept: (connection: Connection) => void;
  #connection: Connection | undefined;
  #up: PromiseWithResolvers<void> = Promise.withResolvers();
  #room: PromiseWithResolvers<void> | undefined;
  /** Prefixes that wait for others with the same attributes. */
  #waiting:
    | { readonly key: Uint8Array; readonly attributes: PathAttributes; prefixes: Prefix[]; ids: number[] }
    | undefined;

  /** `accept`: the speaker's. */
  constructor(peer: MrtPeer, clock: Clock, accept: (connection: Connection) => void) {
    this.peer = peer;
    this.#clock = clock;
    this.#accept = accept;
  }

  /** Resolves when the session is up. Rejects with the reason if the speaker does not want it. */
  async establish(own: Address): Promise<void> {
    if (this.#connection !== undefined) return;
    const network = memoryNetwork(this.#clock, { latencyMs: 0 });
    const host = network.host(own);
    const listener = await host.listen({ port: 179 }, this.#accept);
    const remote = { address: own, port: 179 };
    network.host(this.peer.address).connect(
      { local: this.peer.address, remote },
      (connection) => this.#begin(connection),
      () => undefined,
    );
    await this.#up.promise;
    await listener.close();
  }

  /** A path of a table; `key`: its attributes' bytes. */
  async tell(prefix: Prefix, pathId: number, attributes: PathAttributes, key: Uint8Array): Promise<void> {
    const waiting = this.#waiting;
    const fits = waiting !== undefined && waiting.attributes.nextHop === attributes.nextHop;
    const together =
      fits &&
      sameBytes(waiting.key, key) &&
      waiting.prefixes[0]?.family === prefix.family &&
      waiting.prefixes.length < MOST_TOGETHER;
    if (together) {
      waiting.prefixes.push(prefix);
      waiting.ids.push(pathId);
      return;
    }
    await this.#settle();
    this.#waiting = { key, attributes, prefixes: [prefix], ids: [pathId] };
  }

  /** An UPDATE of a session. */
  async say({ withdrawn, announced, endOfRib }: UpdateMessage): Promise<void> {
    await this.#settle();
    if (endOfRib !== undefined) await this.#send([packEndOfRib(endOfRib)]);
    for (const family of FAMILIES) {
      const { prefixes, ids } = ofFamily(withdrawn, family);
      if (prefixes.length > 0) await this.#send(packWithdrawals(family, prefixes, CONTEXT, ids));
    }
    for (const one of announced) {
      const { attributes } = one;
      for (const family of FAMILIES) {
        const { prefixes, ids } = ofFamily(one, family);
        if (prefixes.length > 0) await this.#send(packAnnouncements(attributes, family, prefixes, CONTEXT, ids));
      }
    }
  }

  /** All that is known has been told. */
  async endOfRib(): Promise<void> {
    await this.#settle();
    await this.#send(FAMILIES.map(packEndOfRib));
  }

  /** The session ends, and its routes go. */
  end(): void {
    this.#waiting = undefined;
    this.#connection?.close();
    this.#connection = undefined;
    this.#up = Promise.withResolvers();
    this.#room?.resolve();
    this.#room = undefined;
  }

  #begin(connection: Connection): void {
    this.#connection = connection;
    const framer = new Framer();
    framer.maxMessage = MAX_EXTENDED_MESSAGE;
    connection.handle({
      onBytes: (bytes) => {
        framer.push(bytes);
        for (let frame = framer.next(); frame !== undefined; frame = framer.next()) this.#hear(frame.type, connection);
      },
      onDrain: () => {
        this.#room?.resolve();
        this.#room = undefined;
      },
      onClose: (reason) => this.#up.reject(new Error(`the speaker ends the session: ${reason}`)),
    });
    const { as, routerId, address } = this.peer;
    // A file may say no identifier; an address is one as well.
    const identifier = routerId === 0 ? ipv4(Number(BigInt(address) & 0xffff_ffffn) || 1) : routerId;
    const capabilities = {
      ...NO_CAPABILITIES,
      families: FAMILIES,
      as4: as,
      extendedMessage: true,
      extendedNextHop: [4 as const],
      addPath: CONTEXT.addPath,
    };
    // Without a hold time there are no KEEPALIVEs to be sent in time.
    connection.send(encodeControl({ type: "open", version: 4, as, holdTimeS: 0, routerId: identifier, capabilities }));
  }

  #hear(type: string, connection: Connection): void {
    if (type === "open") connection.send(encodeControl({ type: "keepalive" }));
    if (type === "keepalive") this.#up.resolve();
  }

  async #settle(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) return;
    const [{ family } = { family: 4 as const }] = waiting.prefixes;
    await this.#send(packAnnouncements(waiting.attributes, family, waiting.prefixes, CONTEXT, waiting.ids));
  }

  /** Resolves when there is room for more. */
  async #send(messages: readonly Uint8Array[]): Promise<void> {
    for (const message of messages) {
      if (this.#connection?.send(message) !== false) continue;
      this.#room ??= Promise.withResolvers();
      await this.#room.promise;
    }
  }
}

function ofFamily({ prefixes, pathIds }: Nlri, family: 4 | 6) {
  const wanted = prefixes.map((prefix, index) => ({ prefix, id: pathIds?.[index] ?? 0 }));
  const those = wanted.filter(({ prefix }) => prefix.family === family);
  return { prefixes: those.map(({ prefix }) => prefix), ids: those.map(({ id }) => id) };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
