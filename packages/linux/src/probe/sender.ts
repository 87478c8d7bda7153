import { closeSync } from "node:fs";
import type { Address, Family } from "@ocicat/net";
import { check } from "../libc/library.ts";
import { INTERNET, MTU_PROBE, socketAddress } from "../libc/socket-address.ts";
import {
  bind,
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_RAW,
  sendto,
  setIntOption,
  socket,
} from "../libc/socket-calls.ts";
import type { NamespaceHandle } from "../namespace/handle.ts";
import { withNetns } from "../namespace/with.ts";

export interface PacketSenderOptions {
  readonly namespace: NamespaceHandle;
  readonly family: Family;
  /**
   * "udp": what is sent is a datagram's payload, from `sourcePort`, and answers to it find the port taken. A number: the
   * IP protocol whose packets, from their own header on, are sent. The kernel writes the IP header, and ICMPv6's checksum.
   */
  readonly protocol: "udp" | number;
  /** For "udp". */
  readonly sourcePort?: number | undefined;
}

/** Sends by a namespace's own kernel: its routes, its neighbours, its rules. */
export interface PacketSender {
  /**
   * Throws KernelError with what the kernel finds before the packet leaves: ENETUNREACH (no route), EINVAL (a black hole),
   * EACCES (a prohibiting route), EHOSTUNREACH, EMSGSIZE (larger than the interface's MTU), EPERM (a rule drops it).
   */
  send(bytes: Uint8Array, to: Address, port?: number): void;
  /** Closing twice does nothing. */
  close(): void;
}

/**
 * Packets go as they are: with the bit against fragments, and whatever the kernel believes of the way's MTU, so that what
 * is found is the way's and not a memory of it. Needs CAP_NET_RAW. Throws KernelError.
 */
export function openPacketSender(options: PacketSenderOptions): PacketSender {
  return new SocketSender(options);
}

class SocketSender implements PacketSender {
  readonly #fd: number;
  readonly #family: Family;
  #open = true;

  constructor({ namespace, family, protocol, sourcePort = 0 }: PacketSenderOptions) {
    this.#family = family;
    const { domain, level, mtuDiscovery } = INTERNET[family];
    const type = protocol === "udp" ? SOCK_DGRAM : SOCK_RAW;
    const number = protocol === "udp" ? 0 : protocol;
    this.#fd = check(
      "socket(AF_INET)",
      withNetns(namespace, () => socket(domain, type | SOCK_CLOEXEC, number)),
    );
    try {
      check("setsockopt MTU_DISCOVER", setIntOption(this.#fd, level, mtuDiscovery, MTU_PROBE));
      if (protocol === "udp") {
        const address = socketAddress(family, undefined, sourcePort);
        check("bind", bind(this.#fd, address, address.length), { where: `UDP port ${sourcePort}` });
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  send(bytes: Uint8Array, to: Address, port = 0): void {
    const address = socketAddress(this.#family, to, port);
    check("sending a packet", sendto(this.#fd, bytes, bytes.length, MSG_DONTWAIT, address, address.length));
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }
}
