import { setTimeout as pause } from "node:timers/promises";
import { parseAddress } from "@ocicat/net";
import type { NamespaceHandle } from "../namespace/handle.ts";
import { openPacketSender } from "../probe/sender.ts";
import type { WatchFd } from "../socket/fd-watcher.ts";
import { openCapture } from "./capture.ts";

const LOOPBACK = parseAddress("127.0.0.1");
const DISCARD = 9;
/** Longer than what a clock in milliseconds rounds away, twice. */
const LATER_MS = 4;
const ATTEMPTS = 100;

/**
 * Resolves when frames bear the time they were seen at. The kernel stamps frames for nobody; the first capture of a machine
 * switches it on, which takes effect some milliseconds later, and until then a frame's time is that of its reading. Found
 * out by a datagram on the loopback interface of `namespace`, read later than sent. Resolves to false where that is not
 * up, or if it never takes effect. A capture must be open meanwhile.
 */
export async function stampsAreOn(namespace: NamespaceHandle): Promise<boolean> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const late = await isStampedLate(namespace);
    if (late !== true) return late === false;
  }
  return false;
}

/** Undefined: nothing was seen. */
async function isStampedLate(namespace: NamespaceHandle): Promise<boolean | undefined> {
  let time: bigint | undefined;
  const capture = openCapture({
    namespace,
    interface: "lo",
    watch: readAtTheEnd,
    onFrames: ([first]) => {
      time ??= first?.timestamp;
    },
  });
  try {
    const sender = openPacketSender({ namespace, family: 4, protocol: "udp" });
    try {
      sender.send(new Uint8Array(1), LOOPBACK, DISCARD);
    } catch {
      return undefined;
    } finally {
      sender.close();
    }
    const sent = Date.now();
    await pause(LATER_MS);
    capture.close();
    return time === undefined ? undefined : Number(time / 1_000_000n) > sent + 1;
  } finally {
    capture.close();
  }
}

const readAtTheEnd: WatchFd = () => ({ close: () => undefined });
