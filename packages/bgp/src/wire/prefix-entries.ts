import { addressToBytes, type Prefix } from "@ocicat/net";
import { encodedPrefixLength } from "./nlri.ts";
import type { Entries } from "./update-writer.ts";

/** Prefixes that are at hand as objects, as entries for an UpdateWriter; with path identifiers where RFC 7911 is spoken. */
export function prefixEntries(prefixes: readonly Prefix[], pathIds?: readonly number[]): Entries {
  const idSize = pathIds === undefined ? 0 : 4;
  return {
    count: prefixes.length,
    size: (index) => {
      const prefix = prefixes[index];
      return prefix === undefined ? 0 : idSize + encodedPrefixLength(prefix);
    },
    write: (index, into, at) => {
      const prefix = prefixes[index];
      if (prefix === undefined) return at;
      const start = pathIds === undefined ? at : writePathId(pathIds[index] ?? 0, into, at);
      into[start] = prefix.length;
      const bytes = addressToBytes(prefix.address).subarray(0, encodedPrefixLength(prefix) - 1);
      into.set(bytes, start + 1);
      return start + 1 + bytes.length;
    },
  };
}

/** RFC 7911 §3. Where the next thing goes. */
export function writePathId(id: number, into: Uint8Array, at: number): number {
  into[at] = id >>> 24;
  into[at + 1] = id >>> 16;
  into[at + 2] = id >>> 8;
  into[at + 3] = id;
  return at + 4;
}
