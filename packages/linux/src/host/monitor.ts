import { messagesIn } from "@ocicat/netlink";
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
import type { WatchFd } from "../socket/fd-watcher.ts";
import type { NetlinkSocket } from "../socket/netlink-socket.ts";
import { Notifications } from "../socket/notifications.ts";

const GROUP_BITS: Readonly<Record<MonitorGroup, number>> = {
  link: RTMGRP_LINK,
  address: RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
  route: RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
  neighbour: RTMGRP_NEIGH,
};

export function groupBits(groups: readonly MonitorGroup[]): number {
  return groups.reduce((bits, group) => bits | GROUP_BITS[group], 0);
}

/** Reads notifications and hands them on, once a turn; `resync` where some were lost, when all older ones have been told. */
export class NetlinkMonitor implements KernelMonitor {
  readonly #notifications: Notifications;

  constructor(socket: NetlinkSocket, watch: WatchFd, onEvent: (events: readonly KernelEvent[]) => void) {
    let events: KernelEvent[] = [];
    this.#notifications = new Notifications(socket, watch, {
      read: (datagram) => addEvents(events, datagram),
      turned(lost) {
        const told = events;
        events = [];
        if (lost) told.push({ type: "resync" });
        if (told.length > 0) onEvent(told);
      },
    });
  }

  close(): void {
    this.#notifications.close();
  }
}

function addEvents(events: KernelEvent[], datagram: Uint8Array): void {
  for (const message of messagesIn(datagram)) {
    const event = eventFrom(message.type, message.payload);
    if (event !== undefined) events.push(event);
  }
}
