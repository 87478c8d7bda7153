import type { Address, Prefix } from "@ocicat/net";
import type { Trouble } from "../session/trouble.ts";

export interface Endpoint {
  readonly address: Address;
  readonly port: number;
  /** The interface that a link-local address is on; undefined: the address is none. */
  readonly link?: string | undefined;
}

/** Called by a connection; never from inside a call into it. */
export interface ConnectionHandlers {
  /** The bytes belong to the receiver from here on: the transport does not reuse them. */
  readonly onBytes: (bytes: Uint8Array) => void;
  /** After `send` returned false: what was buffered has left. */
  readonly onDrain: () => void;
  /** Once; nothing follows. `reason` is for people: "connection reset by peer", "closed by the peer". Not called after our own `close` or `reset`. */
  readonly onClose: (reason: string) => void;
}

/** One byte stream with a peer: TCP in the product, memory in tests. */
export interface Connection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** To be called once, before control returns to the transport; bytes that came before are delivered afterwards. */
  handle(handlers: ConnectionHandlers): void;
  /** Never blocks, never throws. False: buffered beyond the mark; more may be sent, but better wait for onDrain. The bytes must not change afterwards. */
  send(bytes: Uint8Array): boolean;
  /** Bytes given to `send` that the system has not taken yet. */
  readonly queued: number;
  /** Sends what is buffered, then ends the stream; if the peer does not take it, the transport gives up after some seconds. */
  close(): void;
  /** Ends at once; what is buffered is lost. */
  reset(): void;
}

/** What protects a connection below BGP. A transport that cannot do what it is asked for fails the connection with that reason. */
export interface ConnectionSecurity {
  /** RFC 2385 TCP MD5. */
  readonly password?: string | undefined;
  /** Time to live to send with: 1 for a directly connected external peer, 255 with RFC 5082, larger for multihop; the system's unless told. */
  readonly ttl?: number | undefined;
  /** RFC 5082: least time to live accepted. */
  readonly minTtl?: number | undefined;
}

export interface ConnectOptions {
  /** Source address; the system's choice unless told. */
  readonly local?: Address | undefined;
  readonly remote: Endpoint;
  readonly security?: ConnectionSecurity | undefined;
}

/** A connection attempt. Cancelling it after it ended does nothing; after cancelling neither callback is called. */
export interface Dial {
  cancel(): void;
}

export interface ListenOptions {
  /** Every address of both families unless told. */
  readonly address?: Address | undefined;
  /** 0 asks the system for one. */
  readonly port: number;
}

/** What connections from an address, or from anywhere within a prefix, must be protected by. */
export interface Protection {
  readonly remote: Address | Prefix;
  /** The interface, where the address is link-local. */
  readonly link?: string | undefined;
  readonly security: ConnectionSecurity;
}

/** Segments that the system has thrown away because of RFC 2385, whoever sent them. Each only grows. */
export interface Md5Refusals {
  /** Not signed, from a peer with a password. */
  readonly missing: number;
  /** Signed, from a peer without. */
  readonly unexpected: number;
  /** Signed with another password. */
  readonly mismatched: number;
}

export interface Listener {
  readonly local: Endpoint;
  /**
   * Declares the protected peers: of those that were and are not among them nothing is asked any more. Throws OcicatError if
   * the transport cannot protect like that; those before the bad one are protected then.
   */
  protect(peers: readonly Protection[]): void;
  close(): Promise<void>;
}

export interface Transport {
  /** Exactly one of the callbacks is called, later, never from inside this call. */
  connect(
    options: ConnectOptions,
    onConnected: (connection: Connection) => void,
    onFailed: (why: Trouble) => void,
  ): Dial;
  /** Rejects with an OcicatError that names address and port: taken, not permitted, no such address. */
  listen(options: ListenOptions, onConnection: (connection: Connection) => void): Promise<Listener>;
  /** To tell why a peer that dials is not heard; undefined: this transport cannot know. */
  md5Refusals?(): Md5Refusals | undefined;
}
