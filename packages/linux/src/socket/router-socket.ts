import { closeSync } from "node:fs";
import { addressFromBytes, addressToBytes, type Ipv6, ipv6 } from "@ocicat/net";
import { type Errno, errnoNumber } from "../kernel/errno.ts";
import { check, lastErrno } from "../libc/library.ts";
import { if_nametoindex, recvfrom } from "../libc/packet-calls.ts";
import { INTERNET, socketAddress } from "../libc/socket-address.ts";
import {
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
  sendto,
  setIntOption,
  setsockopt,
  socket,
} from "../libc/socket-calls.ts";
import type { NamespaceHandle } from "../namespace/handle.ts";
import { withNetns } from "../namespace/with.ts";
import { type FdWatch, watchFd } from "./fd-watcher.ts";
import { requireHopLimit } from "./hop-limit.ts";

export interface RouterSocketOptions {
  /** The calling thread's if none is named. */
  readonly namespace?: NamespaceHandle | undefined;
  /** The interface's name. */
  readonly link: string;
  /** Called from the event loop with router solicitations and advertisements, from the ICMPv6 header on. */
  readonly onMessage: (source: Ipv6, bytes: Uint8Array) => void;
}

/** ICMPv6 between routers on one link. */
export interface RouterSocket {
  /** From the ICMPv6 header on; the kernel writes its checksum. Throws KernelError: the link is down, or has no address yet. */
  send(bytes: Uint8Array, to: Ipv6): void;
  /** Closing twice does nothing. */
  close(): void;
}

/**
 * Hears what RFC 4861 §6.1 lets a router hear: with a hop limit of 255, so that it was sent on this link, and with a right
 * checksum, which the kernel looks at. What is sent carries 255. Needs CAP_NET_RAW. Throws KernelError.
 */
export function openRouterSocket(options: RouterSocketOptions): RouterSocket {
  return new Icmp6Socket(options);
}

const ICMPV6 = 58;
const ICMP6_FILTER = 1;
const HEARD = [133, 134];
const HOPS = 255;
const SO_BINDTODEVICE = 25;
const IPV6 = { unicastHops: 16, multicastInterface: 17, multicastHops: 18, multicastLoop: 19, join: 20 } as const;
const ALL_ROUTERS = ipv6(0xff02_0000_0000_0000_0000_0000_0000_0002n);
const LARGEST = 65_536;
const NOTHING_YET: ReadonlySet<number> = new Set((["EAGAIN", "EINTR"] satisfies Errno[]).map(errnoNumber));
const MOST_ERRORS = 16;

class Icmp6Socket implements RouterSocket {
  readonly #options: RouterSocketOptions;
  readonly #fd: number;
  readonly #index: number;
  readonly #buffer = new Uint8Array(LARGEST);
  readonly #address = new Uint8Array(28);
  readonly #watch: FdWatch;
  #open = true;

  constructor(options: RouterSocketOptions) {
    this.#options = options;
    const open = () => [openSocket(), if_nametoindex(options.link)] as const;
    [this.#fd, this.#index] = options.namespace === undefined ? open() : withNetns(options.namespace, open);
    try {
      prepare(this.#fd, options.link, this.#index);
      // What has come before it was prepared was looked at by nobody.
      this.#read(() => {});
      this.#watch = watchFd(this.#fd, () => this.#read(options.onMessage));
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  send(bytes: Uint8Array, to: Ipv6): void {
    const address = socketAddress(6, to, 0, this.#index);
    check("speaking to routers", sendto(this.#fd, bytes, bytes.length, MSG_DONTWAIT, address, address.length), {
      where: this.#options.link,
    });
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watch.close();
    closeSync(this.#fd);
  }

  #read(onMessage: RouterSocketOptions["onMessage"]): void {
    for (let errors = 0; this.#open && errors < MOST_ERRORS; ) {
      const size = new Uint8Array(Int32Array.of(this.#address.length).buffer);
      const length = recvfrom(this.#fd, this.#buffer, LARGEST, MSG_DONTWAIT, this.#address, size);
      if (length < 0) {
        if (NOTHING_YET.has(lastErrno())) return;
        // ENETDOWN and its like are told once, and what comes after them is heard.
        errors += 1;
        continue;
      }
      const source = addressFromBytes(this.#address.subarray(8, 24));
      if (typeof source === "bigint") onMessage(source, this.#buffer.slice(0, length));
    }
  }
}

function openSocket(): number {
  const type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
  return check("socket(SOCK_RAW, ICMPv6)", socket(INTERNET[6].domain, type, ICMPV6));
}

function prepare(fd: number, link: string, index: number): void {
  const { level } = INTERNET[6];
  requireHopLimit(fd, 6, HOPS);
  const filter = typeFilter(HEARD);
  check("setsockopt ICMP6_FILTER", setsockopt(fd, ICMPV6, ICMP6_FILTER, filter, filter.length));
  const name = new TextEncoder().encode(link);
  check("setsockopt SO_BINDTODEVICE", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length), {
    where: link,
    fix: "name an interface that is there",
  });
  check("setsockopt IPV6_UNICAST_HOPS", setIntOption(fd, level, IPV6.unicastHops, HOPS));
  check("setsockopt IPV6_MULTICAST_HOPS", setIntOption(fd, level, IPV6.multicastHops, HOPS));
  check("setsockopt IPV6_MULTICAST_IF", setIntOption(fd, level, IPV6.multicastInterface, index));
  check("setsockopt IPV6_MULTICAST_LOOP", setIntOption(fd, level, IPV6.multicastLoop, 0));
  // struct ipv6_mreq: the group, and the link's index.
  const group = new Uint8Array(20);
  group.set(addressToBytes(ALL_ROUTERS));
  new DataView(group.buffer).setUint32(16, index, true);
  check("setsockopt IPV6_ADD_MEMBERSHIP", setsockopt(fd, level, IPV6.join, group, group.length));
}

/** struct icmp6_filter: a bit for each type, in eight words of 32; those that are set do not pass. */
function typeFilter(passing: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(32).fill(0xff);
  const view = new DataView(bytes.buffer);
  for (const type of passing) {
    const word = (type >> 5) * 4;
    view.setUint32(word, view.getUint32(word, true) & ~(1 << (type & 31)), true);
  }
  return bytes;
}
