import { acknowledgement, MessageWriter, messagesIn, NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR } from "@ocicat/netlink";
import type { KernelMonitor } from "../kernel/kernel.ts";
import type { LoggedPacket, OnLoggedPackets } from "../kernel/packet-log.ts";
import { NFULNL_MSG_PACKET } from "../nfnetlink/constants.ts";
import { encodeBindLog, numberedPacketFrom } from "../nfnetlink/log.ts";
import { refuseFailure } from "../socket/exchange.ts";
import type { FdWatch, WatchFd } from "../socket/fd-watcher.ts";
import type { NetlinkSocket } from "../socket/netlink-socket.ts";
import { receiveOrOverflow } from "../socket/notifications.ts";

/** Read in one turn of the event loop: some 2 ms. */
const PACKETS_A_TURN = 500;
/** Then nothing for so long: a flood that is logged must not take more than a fifth of the process's time. */
const REST_MS = 10;

/**
 * Reads what rules log to some groups. When more comes than is read the socket overflows and the kernel drops: the numbers
 * that it has given to the packets then say how many are missing.
 */
export class PacketLog implements KernelMonitor {
  readonly #socket: NetlinkSocket;
  readonly #watchFd: WatchFd;
  readonly #onPackets: OnLoggedPackets;
  /** The number that the next packet of a group should have. */
  readonly #expected = new Map<number, number>();
  #watch: FdWatch | undefined;
  #rest: NodeJS.Timeout | undefined;
  #packets: LoggedPacket[] = [];
  #lost = 0;
  #open = true;

  /** Takes the socket over: it is closed with it, and at once if a group cannot be bound. */
  constructor(socket: NetlinkSocket, groups: readonly number[], watch: WatchFd, onPackets: OnLoggedPackets) {
    this.#socket = socket;
    this.#watchFd = watch;
    this.#onPackets = onPackets;
    try {
      for (const group of groups) this.#bind(group);
    } catch (error) {
      socket.close();
      throw error;
    }
    this.#start();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#rest);
    this.#watch?.close();
    this.#socket.close();
  }

  #start(): void {
    this.#rest = undefined;
    this.#watch = this.#watchFd(this.#socket.fd, () => this.#drain());
  }

  #bind(group: number): void {
    const out = new MessageWriter(128);
    encodeBindLog(out, NLM_F_REQUEST | NLM_F_ACK, group + 1, group);
    this.#expected.set(group, 0);
    this.#socket.send(out.finish());
    let end: ReturnType<typeof acknowledgement> | undefined;
    for (let datagram = this.#socket.receive(); datagram !== undefined; datagram = this.#socket.receive()) {
      for (const message of messagesIn(datagram)) {
        if (message.type === NLMSG_ERROR) end = acknowledgement(message);
      }
      // Groups that are bound already may have something to tell.
      this.#add(datagram);
    }
    refuseFailure(`listening to log group ${group}`, end);
  }

  #drain(): void {
    if (!this.#open) return;
    let datagram = receiveOrOverflow(this.#socket);
    while (datagram !== undefined) {
      if (datagram !== "overflow") this.#add(datagram);
      if (this.#packets.length >= PACKETS_A_TURN) break;
      datagram = receiveOrOverflow(this.#socket);
    }
    if (datagram !== undefined) this.#pause();
    const packets = this.#packets;
    const lost = this.#lost;
    this.#packets = [];
    this.#lost = 0;
    if (packets.length > 0 || lost > 0) this.#onPackets(packets, lost);
  }

  #pause(): void {
    this.#watch?.close();
    this.#rest = setTimeout(() => this.#start(), REST_MS);
  }

  #add(datagram: Uint8Array): void {
    for (const message of messagesIn(datagram)) {
      if (message.type !== NFULNL_MSG_PACKET) continue;
      const { group, sequence, packet } = numberedPacketFrom(message.payload);
      this.#lost += (sequence - (this.#expected.get(group) ?? 0)) >>> 0;
      this.#expected.set(group, (sequence + 1) >>> 0);
      if (packet !== undefined) this.#packets.push(packet);
    }
  }
}
