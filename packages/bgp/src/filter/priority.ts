import type { PathAttributes } from "../wire/attributes/types.ts";

/**
 * Calico's priority of a route is the kernel's metric, where less is better, and travels in LOCAL_PREF, where more is:
 *
 *     LOCAL_PREF = 2147483647 − priority
 */
const TURN = 0x7fff_ffff;

/** What a route has unless told, and unless BGPConfiguration's ipv4NormalRoutePriority, ipv6NormalRoutePriority say another. */
export const NORMAL_PRIORITY = 1024;

/** A route without a LOCAL_PREF has the normal priority. */
export function priorityOf({ localPref }: Pick<PathAttributes, "localPref">, normal = NORMAL_PRIORITY): number {
  return localPref === undefined ? normal : TURN - localPref;
}

/** `priority`: 1 to 2147483646. */
export function localPrefOf(priority: number): number {
  return TURN - priority;
}
