import { closeSync } from "node:fs";
import { errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";
import { check, lastErrno, STRANGE_ERRNOS } from "../libc/library.ts";
import {
  bind,
  getsockname,
  MSG_DONTWAIT,
  MSG_TRUNC,
  recv,
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
  send,
  sendOnThread,
  setIntOption,
  socket,
} from "../libc/socket-calls.ts";

const AF_NETLINK = 16;
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;

const EINTR = errnoNumber("EINTR");
const EAGAIN = errnoNumber("EAGAIN");
const ENOBUFS = errnoNumber("ENOBUFS");

/** The kernel never sends more than 32 KiB at once (NLMSG_GOODSIZE and the dump's limit), so nothing is ever cut. */
const RECEIVE_BYTES = 64 * 1024;

export interface NetlinkSocketOptions {
  /** Multicast groups as bits (RTMGRP_*); none for a socket that asks. */
  readonly groups?: number;
  /**
   * SO_RCVBUF in bytes, forced beyond net.core.rmem_max (root may). 212 KiB, the usual default, overflows after some 1,700
   * route notifications.
   */
  readonly receiveBuffer: number;
}

/**
 * A netlink socket in the network namespace that the calling thread is in when it is opened, and in that one for good.
 * All calls are synchronous and none blocks: the kernel does a request's work inside send, so the answer is there after it.
 */
export class NetlinkSocket {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(RECEIVE_BYTES);
  #open = true;
  #sendBuffer = 0;

  constructor(protocol: number, options: NetlinkSocketOptions) {
    this.#fd = check("socket(AF_NETLINK)", socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    try {
      // Each since Linux 4.20 or older: failures carry text, acknowledgements do not echo the request, filters are obeyed.
      this.#option("NETLINK_EXT_ACK", SOL_NETLINK, NETLINK_EXT_ACK, 1);
      this.#option("NETLINK_CAP_ACK", SOL_NETLINK, NETLINK_CAP_ACK, 1);
      if (protocol === NETLINK_ROUTE) this.#option("NETLINK_GET_STRICT_CHK", SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
      this.#option("SO_RCVBUFFORCE", SOL_SOCKET, SO_RCVBUFFORCE, options.receiveBuffer);
      check("bind(AF_NETLINK)", bind(this.#fd, socketAddress(options.groups ?? 0), SOCKET_ADDRESS));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** For a watcher. Throws KernelError (EBADF) once closed. */
  get fd(): number {
    if (this.#open) return this.#fd;
    throw new KernelError({ operation: "use of a netlink socket", number: errnoNumber("EBADF"), why: "it was closed" });
  }

  /** What the kernel calls this socket: it is in each message that it causes. Throws KernelError. */
  get port(): number {
    const address = new Uint8Array(SOCKET_ADDRESS);
    check("getsockname", getsockname(this.fd, address, Uint8Array.of(SOCKET_ADDRESS, 0, 0, 0)));
    return new DataView(address.buffer).getUint32(4, true);
  }

  /** One datagram of one or more messages. The kernel has done what they ask when this returns. Throws KernelError. */
  send(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length);
    let sent: number;
    do sent = send(this.fd, bytes, bytes.length, 0);
    while (sent === -1 && lastErrno() === EINTR);
    check("send on netlink", sent);
  }

  /** As `send`, with the kernel's work done on another thread. errno is not known there: a failure is EIO. Throws KernelError. */
  async sendOnThread(bytes: Uint8Array): Promise<void> {
    if ((await sendOnThread(this.fd, bytes, bytes.length)) === bytes.length) return;
    throw new KernelError({
      operation: "send on netlink",
      number: errnoNumber("EIO"),
      why: "the request was not taken",
    });
  }

  /**
   * The next datagram, undefined if none waits. It is a view, valid until the next call. Throws KernelError; ENOBUFS means
   * that what came after the datagrams still queued was lost.
   */
  receive(): Uint8Array | undefined {
    for (let strange = 0; ; ) {
      const length = recv(this.fd, this.#buffer, RECEIVE_BYTES, MSG_DONTWAIT | MSG_TRUNC);
      if (length >= 0) return this.#whole(length);
      const number = lastErrno();
      if (number === EAGAIN) return undefined;
      // Told once: who asks again would not hear of what was lost.
      const lost = number === ENOBUFS;
      if (number !== EINTR && (lost || ++strange > STRANGE_ERRNOS)) check("receive from netlink", length);
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }

  #whole(length: number): Uint8Array {
    if (length <= RECEIVE_BYTES) return this.#buffer.subarray(0, length);
    throw new KernelError({
      operation: "receive from netlink",
      number: errnoNumber("EMSGSIZE"),
      why: `a datagram of ${length} bytes, more than the ${RECEIVE_BYTES} the kernel keeps to`,
    });
  }

  /** A datagram larger than the send buffer is refused (EMSGSIZE): big transactions need a bigger one. */
  #makeRoom(length: number): void {
    if (length + SEND_OVERHEAD <= Math.max(this.#sendBuffer, DEFAULT_SEND_BUFFER)) return;
    this.#sendBuffer = 2 * (length + SEND_OVERHEAD);
    this.#option("SO_SNDBUFFORCE", SOL_SOCKET, SO_SNDBUFFORCE, this.#sendBuffer);
  }

  #option(name: string, level: number, option: number, value: number): void {
    check(`setsockopt ${name}`, setIntOption(this.#fd, level, option, value));
  }
}

const DEFAULT_SEND_BUFFER = 128 * 1024;
const SEND_OVERHEAD = 4096;

const SOCKET_ADDRESS = 12;

/*
 *      0           2     4           8             12
 *      +-----------+-----+-----------+-------------+
 *      | AF_NETLINK| 0   | port id 0 | group bits  |   port 0: the kernel chooses
 *      +-----------+-----+-----------+-------------+
 */
function socketAddress(groups: number): Uint8Array {
  const bytes = new Uint8Array(SOCKET_ADDRESS);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(8, groups, true);
  return bytes;
}
