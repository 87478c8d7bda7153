/** The keys a request speaks of. Keys are bytes, compared byte by byte. */
export type KeyRange =
  | { readonly kind: "one"; readonly key: Uint8Array }
  /** From `start` up to, not including, `end`. Empty if `end` is not above `start`. */
  | { readonly kind: "span"; readonly start: Uint8Array; readonly end: Uint8Array }
  | { readonly kind: "from"; readonly start: Uint8Array };

/** `key` and `range_end` as the API gives them: no end means one key, an end of one zero byte means all from `key` on. */
export function keyRange(key: Uint8Array, rangeEnd: Uint8Array): KeyRange {
  if (rangeEnd.length === 0) return { kind: "one", key };
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { kind: "from", start: key };
  return { kind: "span", start: key, end: rangeEnd };
}

export function rangeIsEmpty(range: KeyRange): boolean {
  return range.kind === "span" && Buffer.compare(range.start, range.end) >= 0;
}

export function rangeContains(range: KeyRange, key: Uint8Array): boolean {
  switch (range.kind) {
    case "one":
      return Buffer.compare(range.key, key) === 0;
    case "span":
      return Buffer.compare(key, range.start) >= 0 && Buffer.compare(key, range.end) < 0;
    case "from":
      return Buffer.compare(key, range.start) >= 0;
  }
}

/** Bytes as a string with one character a byte: something a Map can have as its key. */
export function byteString(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString("latin1");
}

/** Equal for ranges of the same keys written alike. */
export function rangeIdentity(range: KeyRange): string {
  switch (range.kind) {
    case "one":
      return `=${byteString(range.key)}`;
    case "span":
      return `${range.start.length}:${byteString(range.start)}${byteString(range.end)}`;
    case "from":
      return `>${byteString(range.start)}`;
  }
}
