import { randomBytes } from "node:crypto";
import type { Clock, Random } from "@ocicat/kit";

/** The longest setTimeout; beyond it Node fires at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Node's own time. Its timers keep the process alive: whoever opens a client closes it. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, _name, callback) {
    // A timer takes a millisecond at least, which is long for who only gives way to others.
    if (ms <= 0) {
      const immediate = setImmediate(callback);
      return { cancel: () => clearImmediate(immediate) };
    }
    let timer: NodeJS.Timeout;
    const start = (left: number) => {
      const part = Math.min(left, MAX_TIMEOUT_MS);
      timer = setTimeout(() => (left > part ? start(left - part) : callback()), Math.max(0, part));
    };
    start(ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** The operating system's randomness. */
export const systemRandom: Random = {
  uint32: () => randomBytes(4).readUInt32LE(),
};
