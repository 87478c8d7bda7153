import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Collects the engine's garbage, all of it, now: tens of milliseconds. After a start there is as much of it as there are live
 * objects, and the engine keeps the room for good: it has no reason to collect while little is allocated.
 */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect();
}
