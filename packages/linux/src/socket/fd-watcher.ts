import koffi from "koffi";

/** A watch on a file descriptor. Close it before the descriptor. */
export interface FdWatch {
  close(): void;
}

/** Calls back from the event loop, once a turn, while the descriptor is readable. */
export type WatchFd = (fd: number, onReadable: () => void) => FdWatch;

/**
 * The event loop's own epoll, through koffi (uv_poll): no thread, no polling.
 *
 * The raw callback comes from outside Node's callback scope: promises resolved in it would not run, and an exception would
 * be nobody's. So it only marks the turn, and the work is done by setImmediate, which runs directly after the poll phase.
 */
export const watchFd: WatchFd = (fd, onReadable) => {
  let due: NodeJS.Immediate | undefined;
  const handle = koffi.node.poll(fd, () => {
    due ??= setImmediate(() => {
      due = undefined;
      onReadable();
    });
  });
  let open = true;
  return {
    close() {
      if (!open) return;
      open = false;
      handle.close();
      if (due !== undefined) clearImmediate(due);
    },
  };
};
