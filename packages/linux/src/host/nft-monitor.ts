import { messagesIn } from "@ocicat/netlink";
import { errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";
import type { KernelMonitor } from "../kernel/kernel.ts";
import { type NftChange, NftChangeReader, type OnNftChanges } from "../kernel/nft-change.ts";
import type { FdWatch, WatchFd } from "../socket/fd-watcher.ts";
import type { NetlinkSocket } from "../socket/netlink-socket.ts";

/** NFNLGRP_NFTABLES, the seventh group, as a bit. */
export const NFTABLES_GROUP = 1 << 6;

/** Read in one turn of the event loop: about 2 ms. */
const DATAGRAMS_A_TURN = 1000;

const ENOBUFS = errnoNumber("ENOBUFS");

/**
 * Tells of transactions that did not come by one socket. The kernel writes announcements only while somebody listens: a
 * microsecond or two a message of every transaction, so listen where tables cannot be owned.
 */
export class NftMonitor implements KernelMonitor {
  readonly #socket: NetlinkSocket;
  readonly #watch: FdWatch;
  /** Netlink port of the socket whose transactions are not told. */
  readonly #ownPort: number;
  readonly #onChanges: OnNftChanges;
  #reader = new NftChangeReader();
  #lost = false;
  #open = true;

  constructor(socket: NetlinkSocket, watch: WatchFd, ownPort: number, onChanges: OnNftChanges) {
    this.#socket = socket;
    this.#ownPort = ownPort;
    this.#onChanges = onChanges;
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
    const changes: NftChange[] = [];
    let lost = false;
    for (let count = 0; count < DATAGRAMS_A_TURN; count++) {
      const datagram = this.#receive();
      if (datagram === undefined) {
        // What still waited was older than what was lost: who reads everything again now is told nothing older afterwards.
        lost = this.#lost;
        this.#lost = false;
        break;
      }
      if (datagram === "overflow") {
        this.#lost = true;
        this.#reader = new NftChangeReader();
      } else this.#read(datagram, changes);
    }
    if (changes.length > 0 || lost) this.#onChanges(changes, lost);
  }

  #read(datagram: Uint8Array, changes: NftChange[]): void {
    for (const message of messagesIn(datagram)) {
      const change = this.#reader.read(message);
      if (change !== undefined && message.portId !== this.#ownPort) changes.push(change);
    }
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
