import { messagesIn } from "@ocicat/netlink";
import type { KernelMonitor } from "../kernel/kernel.ts";
import { type NftChange, NftChangeReader, type OnNftChanges } from "../kernel/nft-change.ts";
import type { WatchFd } from "../socket/fd-watcher.ts";
import type { NetlinkSocket } from "../socket/netlink-socket.ts";
import { Notifications } from "../socket/notifications.ts";

/** NFNLGRP_NFTABLES, the seventh group, as a bit. */
export const NFTABLES_GROUP = 1 << 6;

/**
 * Tells of transactions that did not come by one socket. The kernel writes announcements only while somebody listens: a
 * microsecond or two a message of every transaction, so listen where tables cannot be owned.
 */
export class NftMonitor implements KernelMonitor {
  readonly #notifications: Notifications;

  /** `ownPort`: of the socket whose transactions are not told. */
  constructor(socket: NetlinkSocket, watch: WatchFd, ownPort: number, onChanges: OnNftChanges) {
    let reader = new NftChangeReader();
    let changes: NftChange[] = [];
    this.#notifications = new Notifications(socket, watch, {
      read(datagram) {
        for (const message of messagesIn(datagram)) {
          const change = reader.read(message);
          if (change !== undefined && message.portId !== ownPort) changes.push(change);
        }
      },
      // Of a transaction whose beginning or end is missing nothing is known.
      overflowed() {
        reader = new NftChangeReader();
      },
      turned(lost) {
        const told = changes;
        changes = [];
        if (told.length > 0 || lost) onChanges(told, lost);
      },
    });
  }

  close(): void {
    this.#notifications.close();
  }
}
