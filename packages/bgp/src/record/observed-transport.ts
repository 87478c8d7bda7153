import type { Connection, Transport } from "../speaker/transport.ts";

/** Hears what passes on one connection. Called with the bytes as they are, which must not be changed. */
export interface ConnectionObserver {
  readonly sent: (bytes: Uint8Array) => void;
  readonly received: (bytes: Uint8Array) => void;
  /** Once. `by`: who ended it; `reset`: at once, and what was under way is lost. */
  readonly ended: (by: "here" | "peer", reset: boolean) => void;
}

/** Called for each connection that comes up; `dialled`: from here. Undefined: nobody wants to hear of it. */
export type Observe = (connection: Connection, dialled: boolean) => ConnectionObserver | undefined;

/** The same transport, with somebody who hears all that passes over it. */
export function observedTransport(transport: Transport, observe: Observe): Transport {
  const observed = (connection: Connection, dialled: boolean): Connection => {
    const observer = observe(connection, dialled);
    return observer === undefined ? connection : new Observed(connection, observer);
  };
  return {
    connect: (options, onConnected, onFailed) =>
      transport.connect(options, (connection) => onConnected(observed(connection, true)), onFailed),
    listen: (options, onConnection) =>
      transport.listen(options, (connection) => onConnection(observed(connection, false))),
    md5Refusals: () => transport.md5Refusals?.(),
  };
}

class Observed implements Connection {
  readonly #connection: Connection;
  readonly #observer: ConnectionObserver;

  constructor(connection: Connection, observer: ConnectionObserver) {
    this.#connection = connection;
    this.#observer = observer;
  }

  get local() {
    return this.#connection.local;
  }

  get remote() {
    return this.#connection.remote;
  }

  get queued() {
    return this.#connection.queued;
  }

  handle: Connection["handle"] = ({ onBytes, onDrain, onClose }) => {
    this.#connection.handle({
      onDrain,
      onBytes: (bytes) => {
        this.#observer.received(bytes);
        onBytes(bytes);
      },
      onClose: (reason) => {
        this.#observer.ended("peer", reason.includes("reset"));
        onClose(reason);
      },
    });
  };

  send(bytes: Uint8Array): boolean {
    this.#observer.sent(bytes);
    return this.#connection.send(bytes);
  }

  close(): void {
    this.#observer.ended("here", false);
    this.#connection.close();
  }

  reset(): void {
    this.#observer.ended("here", true);
    this.#connection.reset();
  }
}
