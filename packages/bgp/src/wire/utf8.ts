/** UTF-8 by the means of ECMAScript alone: TextEncoder belongs to the host, and this package to none. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  const escaped = encodeURIComponent(text.toWellFormed());
  for (let index = 0; index < escaped.length; index++) {
    if (escaped[index] === "%") {
      bytes.push(Number.parseInt(escaped.slice(index + 1, index + 3), 16));
      index += 2;
    } else {
      bytes.push(escaped.charCodeAt(index));
    }
  }
  return Uint8Array.from(bytes);
}

/** Bytes that are not UTF-8 are shown one by one, and control characters as dots: the text comes from a stranger and goes to a terminal. */
export function decodeUtf8(bytes: Uint8Array): string {
  const escaped = Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  let text: string;
  try {
    text = decodeURIComponent(escaped);
  } catch {
    text = String.fromCharCode(...bytes);
  }
  return text.replaceAll(/\p{Cc}/gu, ".");
}

/** As many of the bytes as there is room for, with no character cut in two. */
export function cutUtf8(bytes: Uint8Array, room: number): Uint8Array {
  let end = Math.min(bytes.length, room);
  while (end < bytes.length && end > 0 && isContinuation(bytes[end])) end -= 1;
  return bytes.subarray(0, end);
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
