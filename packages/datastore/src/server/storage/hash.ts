import { crc32 } from "node:zlib";
import type { KeyRange } from "./key-range.ts";
import type { View } from "./view.ts";

const EVERYTHING: KeyRange = { kind: "from", start: new Uint8Array([0]) };

/** A checksum of all keys as they were at a revision: equal for equal contents and history, not equal to etcd's own. */
export function hashAt(view: View, revision: number): number {
  let hash = 0;
  for (const entry of view.entriesAt(EVERYTHING, revision)) {
    const { createRevision, modRevision, version, lease } = entry;
    hash = crc32(entry.key, hash);
    hash = crc32(`\0${createRevision}\0${modRevision}\0${version}\0${lease}\0`, hash);
    hash = crc32(entry.value, hash);
  }
  return hash;
}
