import type { Server, Socket } from "node:net";
import type { ConnectionSecurity, Endpoint, Protection } from "@ocicat/bgp";
import { OcicatError } from "@ocicat/kit";
import { removeMd5Key, setMd5Key, setTtls } from "@ocicat/linux";
import { type Address, type Family, familyOf, Prefix } from "@ocicat/net";

/** The largest time to live: a peer with TTL security looks at the answer to its first segment already (RFC 5082). */
const MOST_TTL = 255;

/** What a listener asks of its peers: MD5 keys on its own socket, times to live on each connection that it accepts. */
export class ListenerProtection {
  readonly #fd: number;
  readonly #family: Family;
  #peers: readonly Protection[] = [];

  constructor(server: Server, family: Family) {
    this.#fd = descriptorOf(server);
    this.#family = family;
    setTtls(this.#fd, 4, { ttl: MOST_TTL });
    if (family === 6) setTtls(this.#fd, 6, { ttl: MOST_TTL });
  }

  /** Throws KernelError; those before the bad one are protected then. */
  declare(peers: readonly Protection[]): void {
    const before = new Map(this.#keys());
    this.#peers = peers;
    const after = new Map(this.#keys());
    for (const [name, { remote }] of before) {
      if (after.get(name)?.password === undefined) removeMd5Key(this.#fd, this.#family, remote);
    }
    for (const [name, { remote, password }] of after) {
      if (before.get(name)?.password !== password) setMd5Key(this.#fd, this.#family, remote, password);
    }
  }

  /** A connection from a peer has been accepted. */
  apply(socket: Socket, remote: Endpoint): void {
    const security = this.#of(remote);
    if (security !== undefined) setTtls(descriptorOf(socket), familyOf(remote.address), security);
  }

  /** The most specific. */
  #of({ address: remote, link }: Endpoint): ConnectionSecurity | undefined {
    const exact = this.#peers.find((peer) => peer.remote === remote && peer.link === link);
    const ranges = this.#peers.flatMap(({ remote: range, security }) =>
      range instanceof Prefix && range.has(remote) ? [{ range, security }] : [],
    );
    ranges.sort((a, b) => b.range.length - a.range.length);
    return exact?.security ?? ranges[0]?.security;
  }

  #keys() {
    const usable = ({ remote }: Protection) => this.#family === 6 || familyOf(addressOf(remote)) === 4;
    return this.#peers.filter(usable).flatMap(({ remote, security: { password } }) => {
      return password === undefined ? [] : [[nameOf(remote), { remote, password }] as const];
    });
  }
}

function addressOf(remote: Address | Prefix): Address {
  return remote instanceof Prefix ? remote.address : remote;
}

function nameOf(remote: Address | Prefix): string {
  return remote instanceof Prefix ? remote.toString() : `${remote}`;
}

/** The file descriptor behind a server or a socket, which Node does not tell by a public name. */
function descriptorOf(owner: Server | Socket): number {
  const handle: unknown = "_handle" in owner ? owner._handle : undefined;
  const fd: unknown = typeof handle === "object" && handle !== null && "fd" in handle ? handle.fd : undefined;
  if (typeof fd === "number" && fd >= 0) return fd;
  throw new OcicatError({
    code: "BGP_NO_DESCRIPTOR",
    what: "a TCP socket of Node.js does not tell its file descriptor",
    why: "MD5 signatures and times to live are set on it",
    fix: "run the agent with the Node.js version that it was built for",
  });
}
