import { setImmediate } from "node:timers/promises";
import type { Speaker } from "@ocicat/bgp";
import { type DumpedPeer, dumpTable } from "@ocicat/bgp/mrt";
import { ipv4 } from "@ocicat/net";

/** Bytes made in one turn of the event loop: a few milliseconds of work. */
const TURN = 256 * 1024;

/** The speaker's table as an MRT file, in pieces, with turns for BGP between them. `now`: milliseconds since 1970. */
export async function* tableFile(speaker: Speaker, now: number): AsyncIterable<Uint8Array> {
  const peers = speaker.status().map(
    ({ remoteAddress, remoteAs, since, negotiated }): DumpedPeer => ({
      address: remoteAddress,
      as: remoteAs,
      routerId: negotiated?.routerId ?? ipv4(0),
      since: Math.floor(since / 1000),
      addPath: Object.values(negotiated?.addPath ?? {}).some(({ receive }) => receive),
    }),
  );
  const time = BigInt(now) * 1000n;
  let piece: Uint8Array[] = [];
  let bytes = 0;
  for (const record of dumpTable({ routerId: speaker.routerId, peers, rows: speaker.table(), time })) {
    piece.push(record);
    bytes += record.length;
    if (bytes < TURN) continue;
    yield Buffer.concat(piece);
    piece = [];
    bytes = 0;
    await setImmediate();
  }
  yield Buffer.concat(piece);
}
