import { type Clock, OcicatError } from "@ocicat/kit";
import { type Address, formatAddress } from "@ocicat/net";
import type { Trouble } from "../session/trouble.ts";
import type { Connection, ConnectionHandlers, Dial, Endpoint, Listener, Transport } from "./transport.ts";

export interface MemoryNetworkOptions {
  /** One way, in milliseconds; 1. */
  readonly latencyMs?: number | undefined;
  /** Bytes under way in one direction before `send` returns false; 1 MiB. */
  readonly capacity?: number | undefined;
}

/** A network in memory for tests and simulations: hosts, and streams between them that can be cut, reset, stalled. */
export interface MemoryNetwork {
  /** A process on the host with this address, with the transport it was given; after `kill` the next one is another process. */
  host(address: Address): Transport;
  /** Nothing passes between the two from now on, in either direction, and nobody is told. */
  cut(a: Address, b: Address): void;
  /** What was sent meanwhile arrives after all. */
  heal(a: Address, b: Address): void;
  /** Every connection between the two is reset; both ends are told. */
  reset(a: Address, b: Address): void;
  /** The processes of the host are killed: their listeners are gone, their connections end for the others, they hear and do nothing more. */
  kill(address: Address): void;
  /** The host reads nothing until `resume`: what is sent to it piles up at the sender. */
  stall(address: Address): void;
  resume(address: Address): void;
  /** Connections that are open, for leak tests. */
  readonly connections: number;
}

/** Stands for the process that a transport was given to. */
interface Process {
  readonly address: Address;
  alive: boolean;
}

interface ListenerEntry {
  readonly process: Process;
  readonly onConnection: (connection: Connection) => void;
}

const FIRST_EPHEMERAL = 49_152;

export function memoryNetwork(clock: Clock, options: MemoryNetworkOptions = {}): MemoryNetwork {
  return new Network(clock, options.latencyMs ?? 1, options.capacity ?? 1024 * 1024);
}

class Network implements MemoryNetwork {
  readonly clock: Clock;
  readonly latencyMs: number;
  readonly capacity: number;
  readonly #listeners = new Map<string, ListenerEntry>();
  readonly #streams = new Set<Stream>();
  readonly #cuts = new Set<string>();
  readonly #stalled = new Set<Address>();
  #processes: Process[] = [];
  #nextPort = FIRST_EPHEMERAL;

  constructor(clock: Clock, latencyMs: number, capacity: number) {
    this.clock = clock;
    this.latencyMs = latencyMs;
    this.capacity = capacity;
  }

  get connections(): number {
    return this.#streams.size;
  }

  host(address: Address): Transport {
    const process = { address, alive: true };
    this.#processes.push(process);
    return {
      connect: ({ local, remote }, onConnected, onFailed) =>
        this.#connect(process, local ?? address, remote, onConnected, onFailed),
      listen: (listenOptions, onConnection) =>
        this.#listen(process, listenOptions.address ?? address, listenOptions.port, onConnection),
    };
  }

  cut(a: Address, b: Address): void {
    this.#cuts.add(pairKey(a, b));
  }

  heal(a: Address, b: Address): void {
    this.#cuts.delete(pairKey(a, b));
    for (const stream of this.#between(a, b)) stream.wake();
  }

  reset(a: Address, b: Address): void {
    for (const stream of this.#between(a, b)) {
      this.#streams.delete(stream);
      for (const end of stream.ends) end.ended("connection reset by peer");
    }
  }

  kill(address: Address): void {
    for (const process of this.#processes) if (process.address === address) process.alive = false;
    this.#processes = this.#processes.filter(({ alive }) => alive);
    for (const [key, { process }] of this.#listeners) if (!process.alive) this.#listeners.delete(key);
    for (const stream of this.#streams) {
      const end = stream.ends.find((one) => one.local.address === address);
      if (end === undefined) continue;
      end.forget();
      stream.finish(end);
    }
  }

  stall(address: Address): void {
    this.#stalled.add(address);
  }

  resume(address: Address): void {
    this.#stalled.delete(address);
    for (const stream of this.#streams) stream.wake();
  }

  /** Whether bytes from one end reach the other now. */
  passes(from: Address, to: Address): boolean {
    return !this.#cuts.has(pairKey(from, to)) && !this.#stalled.has(to);
  }

  remove(stream: Stream): void {
    this.#streams.delete(stream);
  }

  #connect(
    process: Process,
    local: Address,
    remote: Endpoint,
    onConnected: (connection: Connection) => void,
    onFailed: (why: Trouble) => void,
  ): Dial {
    const timer = this.clock.after(2 * this.latencyMs, "memory network: connect", () => {
      // With the segment cut, a SYN is lost and nobody answers: the attempt hangs until it is cancelled.
      if (!process.alive || this.#cuts.has(pairKey(local, remote.address))) return;
      const listener = this.#listeners.get(endpointKey(remote));
      if (listener === undefined) {
        onFailed({ kind: "refused", text: "connection refused" });
        return;
      }
      // A link has one name here, at both of its ends.
      const stream = new Stream(this, { address: local, port: this.#nextPort++, link: remote.link }, remote);
      this.#streams.add(stream);
      listener.onConnection(stream.ends[1]);
      onConnected(stream.ends[0]);
    });
    return { cancel: () => timer.cancel() };
  }

  #listen(
    process: Process,
    address: Address,
    port: number,
    onConnection: (connection: Connection) => void,
  ): Promise<Listener> {
    const local = { address, port: port === 0 ? this.#nextPort++ : port };
    const key = endpointKey(local);
    if (this.#listeners.has(key)) return Promise.reject(portTaken(local));
    this.#listeners.set(key, { process, onConnection });
    const close = () => {
      this.#listeners.delete(key);
      return Promise.resolve();
    };
    // Nothing is forged here: there is nothing to protect from.
    return Promise.resolve({ local, close, protect: () => undefined });
  }

  #between(a: Address, b: Address): Iterable<Stream> {
    const key = pairKey(a, b);
    return Iterator.from(this.#streams).filter(
      ({ ends }) => pairKey(ends[0].local.address, ends[1].local.address) === key,
    );
  }
}

/** Two ends that feed each other. */
class Stream {
  readonly network: Network;
  readonly ends: readonly [End, End];

  constructor(network: Network, dialler: Endpoint, listener: Endpoint) {
    this.network = network;
    this.ends = [new End(this, dialler, listener), new End(this, listener, dialler)];
  }

  other(end: End): End {
    return end === this.ends[0] ? this.ends[1] : this.ends[0];
  }

  /** One end has closed: the other is told after what was sent before. */
  finish(end: End): void {
    this.network.remove(this);
    this.other(end).receive("closed by the peer");
  }

  wake(): void {
    for (const end of this.ends) end.pump();
  }
}

class End implements Connection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #stream: Stream;
  #handlers: ConnectionHandlers | undefined;
  /** What is under way to this end: bytes, and at last the reason of the end. */
  readonly #inbound: (Uint8Array | string)[] = [];
  #inboundBytes = 0;
  #over = false;
  #senderWaits = false;

  constructor(stream: Stream, local: Endpoint, remote: Endpoint) {
    this.#stream = stream;
    this.local = local;
    this.remote = remote;
  }

  handle(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    this.#soon(0);
  }

  send(bytes: Uint8Array): boolean {
    if (this.#over) return true;
    return this.#stream.other(this).receive(bytes);
  }

  get queued(): number {
    return this.#over ? 0 : this.#stream.other(this).unread;
  }

  /** What is under way to this end. */
  get unread(): number {
    return this.#inboundBytes;
  }

  close(): void {
    if (this.#over) return;
    this.forget();
    this.#stream.finish(this);
  }

  reset(): void {
    if (this.#over) return;
    this.forget();
    this.#stream.network.remove(this.#stream);
    const other = this.#stream.other(this);
    this.#stream.network.clock.after(this.#stream.network.latencyMs, "memory network: reset", () => {
      other.ended("connection reset by peer");
    });
  }

  /** From the other end. False: too much is under way. */
  receive(item: Uint8Array | string): boolean {
    this.#inbound.push(item);
    if (typeof item !== "string") this.#inboundBytes += item.length;
    this.#soon(this.#stream.network.latencyMs);
    this.#senderWaits = this.#inboundBytes > this.#stream.network.capacity;
    return !this.#senderWaits;
  }

  ended(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#handlers?.onClose(reason);
  }

  forget(): void {
    this.#over = true;
    this.#handlers = undefined;
  }

  /** Hands over all that has arrived. */
  pump(): void {
    while (
      this.#handlers !== undefined &&
      !this.#over &&
      this.#stream.network.passes(this.remote.address, this.local.address)
    ) {
      const item = this.#inbound.shift();
      if (item === undefined) break;
      if (typeof item === "string") this.ended(item);
      else {
        this.#inboundBytes -= item.length;
        this.#handlers.onBytes(item);
      }
    }
    this.#releaseSender();
  }

  drain(): void {
    if (!this.#over) this.#handlers?.onDrain();
  }

  #releaseSender(): void {
    if (!this.#senderWaits || this.#inboundBytes > this.#stream.network.capacity) return;
    this.#senderWaits = false;
    this.#stream.other(this).drain();
  }

  #soon(ms: number): void {
    this.#stream.network.clock.after(ms, "memory network: deliver", () => this.pump());
  }
}

function pairKey(a: Address, b: Address): string {
  return [formatAddress(a), formatAddress(b)].sort().join(" ");
}

function endpointKey({ address, port }: Endpoint): string {
  return `${formatAddress(address)} ${port}`;
}

function portTaken({ address, port }: Endpoint): OcicatError {
  return new OcicatError({
    code: "BGP_PORT_TAKEN",
    what: `port ${port} of ${formatAddress(address)} is taken`,
    fix: "stop what listens there, or listen on another port",
  });
}
