import { messagesIn } from "@ocicat/netlink";
import { errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";
import type { KernelEvent, KernelMonitor, MonitorGroup } from "../kernel/kernel.ts";
import {
  RTMGRP_IPV4_IFADDR,
  RTMGRP_IPV4_ROUTE,
  RTMGRP_IPV6_IFADDR,
  RTMGRP_IPV6_ROUTE,
  RTMGRP_LINK,
  RTMGRP_NEIGH,
} from "../rtnetlink/constants.ts";
import { eventFrom } from "../rtnetlink/event.ts";
import type { FdWatch, WatchFd } from "../socket/fd-watcher.ts";
import type { NetlinkSocket } from "../socket/netlink-socket.ts";

const GROUP_BITS: Readonly<Record<MonitorGroup, number>> = {
  link: RTMGRP_LINK,
  address: RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
  route: RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
  neighbour: RTMGRP_NEIGH,
};

export function groupBits(groups: readonly MonitorGroup[]): number {
  return groups.reduce((bits, group) => bits | GROUP_BITS[group], 0);
}

/** Datagrams read in one turn of the event loop: about 2 ms. The rest comes in the next turn. */
const DATAGRAMS_A_TURN = 1000;

const ENOBUFS = errnoNumber("ENOBUFS");

/**
 * Reads notifications and hands them on, once a turn.
 *
 * After an overflow (ENOBUFS) the kernel queues nothing more until the queue has been emptied, so all that still waits is
 * older than what was lost. It is delivered, and `resync` when the queue is empty: a reader who reads everything again then
 * is never told anything older afterwards.
 */
export class NetlinkMonitor implements KernelMonitor {
  readonly #socket: NetlinkSocket;
  readonly #watch: FdWatch;
  readonly #onEvent: (events: readonly KernelEvent[]) => void;
  #overflowed = false;
  #open = true;

  constructor(socket: NetlinkSocket, watch: WatchFd, onEvent: (events: readonly KernelEvent[]) => void) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    this.#watch = watch(socket.fd, () => this.#drain());
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watch.close();
    this.#socket.close();
  }

  #drain(): void {
    if (!this.#open) return;
    const events: KernelEvent[] = [];
    for (let count = 0; count < DATAGRAMS_A_TURN; count++) {
      const datagram = this.#receive();
      if (datagram === "overflow") this.#overflowed = true;
      else if (datagram === undefined) {
        if (this.#overflowed) events.push({ type: "resync" });
        this.#overflowed = false;
        break;
      } else addEvents(events, datagram);
    }
    if (events.length > 0) this.#onEvent(events);
  }

  #receive(): Uint8Array | "overflow" | undefined {
    try {
      return this.#socket.receive();
    } catch (error) {
      if (error instanceof KernelError && error.number === ENOBUFS) return "overflow";
      throw error;
    }
  }
}

function addEvents(events: KernelEvent[], datagram: Uint8Array): void {
  for (const message of messagesIn(datagram)) {
    const event = eventFrom(message.type, message.payload);
    if (event !== undefined) events.push(event);
  }
}
