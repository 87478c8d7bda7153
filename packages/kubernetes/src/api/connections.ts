import { Connection, type ConnectionOptions } from "@ocicat/datastore/http2";

/**
 * An API server takes a hundred requests at once on a connection, and a watch is one for as long as it lasts: with more than
 * this many, further ones get a connection of their own, so that calls always find room on the first.
 */
const MAX_WATCHES = 64;

interface Member {
  readonly connection: Connection;
  watches: number;
}

/** One connection, and more only for very many watches. */
export class Connections {
  readonly first: Connection;
  readonly #options: ConnectionOptions;
  readonly #members: Member[];

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.first = new Connection(options);
    this.#members = [{ connection: this.first, watches: 0 }];
  }

  /** A place for a watch, until it is released. */
  take(): { readonly connection: Connection; readonly release: () => void } {
    const member = this.#members.find(({ watches }) => watches < MAX_WATCHES) ?? this.#another();
    member.watches += 1;
    let isReleased = false;
    const release = () => {
      if (isReleased) return;
      isReleased = true;
      member.watches -= 1;
      if (member.watches > 0 || member.connection === this.first) return;
      this.#members.splice(this.#members.indexOf(member), 1);
      void member.connection.close();
    };
    return { connection: member.connection, release };
  }

  localAddressGone(address: string): void {
    for (const { connection } of this.#members) connection.localAddressGone(address);
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ connection }) => connection.close()));
  }

  #another(): Member {
    const member = { connection: new Connection(this.#options), watches: 0 };
    this.#members.push(member);
    return member;
  }
}
