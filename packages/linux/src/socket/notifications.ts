import { errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";
import type { FdWatch, WatchFd } from "./fd-watcher.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

/** Datagrams read in one turn of the event loop: about 2 ms. The rest comes in the next turn. */
const DATAGRAMS_A_TURN = 1000;

const ENOBUFS = errnoNumber("ENOBUFS");

export interface NotificationReader {
  /** A view, valid during the call. */
  read(datagram: Uint8Array): void;
  /** Something was lost: what comes next does not follow on what came before. */
  overflowed?(): void;
  /** A turn's are read. `lost`: the queue is empty, for the first time since something was lost. */
  turned(lost: boolean): void;
}

/**
 * Reads what the kernel tells on a socket, a turn's worth at a time, and closes the socket with itself.
 *
 * After an overflow (ENOBUFS) the kernel queues nothing more until the queue has been emptied, so all that still waits is
 * older than what was lost. It is read, and `lost` told when the queue is empty: who reads everything again then is never
 * told anything older afterwards.
 */
export class Notifications {
  readonly #socket: NetlinkSocket;
  readonly #watch: FdWatch;
  readonly #reader: NotificationReader;
  #lost = false;
  #open = true;

  constructor(socket: NetlinkSocket, watch: WatchFd, reader: NotificationReader) {
    this.#socket = socket;
    this.#reader = reader;
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
    let lost = false;
    for (let count = 0; count < DATAGRAMS_A_TURN; count++) {
      const datagram = receiveOrOverflow(this.#socket);
      if (datagram === undefined) {
        lost = this.#lost;
        this.#lost = false;
        break;
      }
      if (datagram === "overflow") {
        this.#lost = true;
        this.#reader.overflowed?.();
      } else this.#reader.read(datagram);
    }
    this.#reader.turned(lost);
  }
}

/** The next datagram; undefined if none waits. "overflow": what came after those still queued was lost. */
export function receiveOrOverflow(socket: NetlinkSocket): Uint8Array | "overflow" | undefined {
  try {
    return socket.receive();
  } catch (error) {
    if (error instanceof KernelError && error.number === ENOBUFS) return "overflow";
    throw error;
  }
}
