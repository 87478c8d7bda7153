import { closeSync } from "node:fs";
import type { Address, Family } from "@ocicat/net";
import { type Errno, errnoName, errnoNumber } from "../kernel/errno.ts";
import { check, lastErrno } from "../libc/library.ts";
import { INTERNET, MTU_PROBE, socketAddress } from "../libc/socket-address.ts";
import {
  bind,
  connect,
  MSG_DONTWAIT,
  recv,
  SOCK_CLOEXEC,
  SOCK_RAW,
  send,
  setIntOption,
  socket,
} from "../libc/socket-calls.ts";
import type { NamespaceHandle } from "../namespace/handle.ts";
import { withNetns } from "../namespace/with.ts";
import { type FdWatch, watchFd } from "../socket/fd-watcher.ts";

export interface ProbeSocketOptions {
  /** The calling thread's if none is named. */
  readonly namespace?: NamespaceHandle | undefined;
  readonly family: Family;
  /** IP protocol number. */
  readonly protocol: number;
  /** An address of this host. */
  readonly source: Address;
  /** Who is asked, and whose packets are heard. */
  readonly peer: Address;
  /** Called from the event loop with what came from the peer in this protocol, behind the IP header. */
  readonly onPacket: (bytes: Uint8Array) => void;
  /** Called with errno's name when a router, a rule or the peer's kernel says by ICMP that it did not get there. */
  readonly onRefusal: (errno: string) => void;
}

/** Asks one peer in a protocol of its own making: echo requests, or the first segment of a connection. */
export interface ProbeSocket {
  /** From the protocol's header on; the kernel writes the IP header. Throws KernelError as PacketSender does. */
  send(bytes: Uint8Array): void;
  /** Closing twice does nothing. */
  close(): void;
}

/** Packets carry the bit against fragments. Needs CAP_NET_RAW. Throws KernelError. */
export function openProbeSocket(options: ProbeSocketOptions): ProbeSocket {
  return new RawProbe(options);
}

const LARGEST = 65_536;
const NOTHING_YET: ReadonlySet<number> = new Set((["EAGAIN", "EINTR"] satisfies Errno[]).map(errnoNumber));

class RawProbe implements ProbeSocket {
  readonly #options: ProbeSocketOptions;
  readonly #fd: number;
  readonly #buffer = new Uint8Array(LARGEST);
  #watch: FdWatch | undefined;
  #open = true;

  constructor(options: ProbeSocketOptions) {
    this.#options = options;
    const { family, protocol, source, peer } = options;
    const { domain, level, mtuDiscovery } = INTERNET[family];
    const open = () => socket(domain, SOCK_RAW | SOCK_CLOEXEC, protocol);
    this.#fd = check("socket(SOCK_RAW)", options.namespace === undefined ? open() : withNetns(options.namespace, open));
    try {
      check("setsockopt MTU_DISCOVER", setIntOption(this.#fd, level, mtuDiscovery, MTU_PROBE));
      const [from, to] = [socketAddress(family, source, 0), socketAddress(family, peer, 0)];
      check("bind", bind(this.#fd, from, from.length));
      check("connect", connect(this.#fd, to, to.length));
      this.#watch = watchFd(this.#fd, () => this.#read());
    } catch (error) {
      this.close();
      throw error;
    }
  }

  send(bytes: Uint8Array): void {
    check("sending a probe", send(this.#fd, bytes, bytes.length, MSG_DONTWAIT));
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watch?.close();
    closeSync(this.#fd);
  }

  #read(): void {
    while (this.#open) {
      const length = recv(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
      if (length >= 0) {
        this.#options.onPacket(this.#buffer.slice(this.#headerBytes(), length));
        continue;
      }
      const errno = lastErrno();
      if (NOTHING_YET.has(errno)) return;
      this.#options.onRefusal(errnoName(errno));
    }
  }

  /** IPv4's raw sockets hand over the header, whose length is in the low half of the first byte; IPv6's do not. */
  #headerBytes(): number {
    return this.#options.family === 4 ? ((this.#buffer[0] ?? 0) & 0x0f) * 4 : 0;
  }
}
