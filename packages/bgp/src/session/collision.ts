import { notification } from "../wire/notification.ts";
import type { Negotiated } from "./negotiate.ts";
import type { Run } from "./run.ts";
import type { Slot } from "./state.ts";

/**
 * RFC 4271 §6.8, when `slot` has got the peer's OPEN: if the other connection has it too, the one dialled by the speaker
 * with the larger BGP identifier stays (RFC 6286 §2.3: with equal ones the larger AS).
 */
export function resolveCollision(run: Run, slot: Slot, negotiated: Negotiated): void {
  const other: Slot = slot === "outgoing" ? "incoming" : "outgoing";
  const rival = run.machine(other).state;
  if (rival !== "OpenConfirm" && rival !== "Established") return;
  const loser = rival === "Established" ? slot : loserOf(run, negotiated);
  run.note({ kind: "collision", text: "two connections at once; one was closed" });
  run.quench(loser, notification("cease/collision"));
  run.resume();
}

function loserOf(run: Run, { remote }: Negotiated): Slot {
  const { routerId, localAs } = run.config;
  const larger = routerId === remote.routerId ? localAs > remote.as : routerId > remote.routerId;
  return larger ? "incoming" : "outgoing";
}
