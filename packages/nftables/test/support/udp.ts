import { type Address, addressFromBytes, addressToBytes, type Family, familyOf, formatAddress } from "@ocicat/net";
import { bind, close, receive, SystemError, send, setReceiveTimeout, socket } from "./libc.ts";
import type { Namespace } from "./namespace.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;

/** A UDP socket in a namespace, used synchronously: what the peer sees is known when `receive` returns. */
export class Udp implements Disposable {
  readonly #fd: number;

  /** Port 0: the kernel chooses when something is sent. */
  constructor(namespace: Namespace, address: Address, port = 0) {
    this.#fd = namespace.within(() => socket(familyOf(address) === 4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0));
    bind(this.#fd, socketAddress(address, port));
  }

  /** Undefined, or errno's name: a packet dropped on its way out of this very host is EPERM. */
  send(to: Address, port: number, text: string): string | undefined {
    try {
      send(this.#fd, Buffer.from(text), socketAddress(to, port));
      return undefined;
    } catch (error) {
      if (error instanceof SystemError) return error.errno;
      throw error;
    }
  }

  /** The next packet, or undefined if none comes within that time. */
  receive(milliseconds: number): { readonly text: string; readonly from: string; readonly port: number } | undefined {
    setReceiveTimeout(this.#fd, milliseconds);
    const received = receive(this.#fd);
    if (received === undefined) return undefined;
    const { data, from } = received;
    const family: Family = from[0] === AF_INET ? 4 : 6;
    const bytes = family === 4 ? from.slice(4, 8) : from.slice(8, 24);
    return {
      text: Buffer.from(data).toString(),
      from: formatAddress(addressFromBytes(bytes)),
      port: ((from[2] ?? 0) << 8) | (from[3] ?? 0),
    };
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}

/*
 *     struct sockaddr_in    family 2  port 2  address 4  zero 8
 *     struct sockaddr_in6   family 2  port 2  flow 4     address 16  scope 4
 */
function socketAddress(address: Address, port: number): Uint8Array {
  const isIpv4 = familyOf(address) === 4;
  const bytes = new DataView(new ArrayBuffer(isIpv4 ? 16 : 28));
  bytes.setUint16(0, isIpv4 ? AF_INET : AF_INET6, true);
  bytes.setUint16(2, port);
  const out = new Uint8Array(bytes.buffer);
  out.set(addressToBytes(address), isIpv4 ? 4 : 8);
  return out;
}
