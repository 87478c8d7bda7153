import { randomBytes } from "node:crypto";
import type { Clock, Random } from "@ocicat/kit";

/** Node's own time. Its timers keep the process alive: whoever opens a client closes it. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, _name, callback) {
    const timer = setTimeout(callback, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** The operating system's randomness. */
export const systemRandom: Random = {
  uint32: () => randomBytes(4).readUInt32LE(),
};
