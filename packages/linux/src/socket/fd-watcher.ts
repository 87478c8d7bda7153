import koffi from "koffi";

/** A watch on a file descriptor. Close it before the descriptor. */
export interface FdWatch {
  close(): void;
}

/**
 * Calls back from the event loop, once a turn, while the descriptor is readable or has an error to be read.
 * `onReadable` must read until nothing is left, or an error stays and is told again each turn.
 */
export type WatchFd = (fd: number, onReadable: () => void) => FdWatch;

/**
 * The event loop's own epoll, through koffi (uv_poll): no thread, no polling. Two things to know of it:
 *
 *  - The raw callback comes from outside Node's callback scope: promises resolved in it would not run, and an exception
 *    would be nobody's. So it only marks the turn; the work is done by setImmediate, directly after the poll phase.
 *  - libuv takes a pending socket error (EPOLLERR: a netlink socket that overflowed) for a bad descriptor. It calls back with
 *    a negative status, its first argument (koffi's types do not name it), and stops watching: once the error has been
 *    read the watch is started again.
 */
export const watchFd: WatchFd = (fd, onReadable) => {
  let open = true;
  let stopped = false;
  let due: NodeJS.Immediate | undefined;

  const work = () => {
    due = undefined;
    try {
      onReadable();
    } finally {
      if (open && stopped) {
        stopped = false;
        handle.start(mark);
      }
    }
  };
  const mark = (status: unknown) => {
    stopped ||= typeof status === "number" && status < 0;
    due ??= setImmediate(work);
  };
  const handle = koffi.node.poll(fd, mark);

  return {
    close() {
      if (!open) return;
      open = false;
      handle.close();
      if (due !== undefined) clearImmediate(due);
    },
  };
};
