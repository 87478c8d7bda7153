import type { Random } from "@ocicat/kit";

/** Below `limit`, which is at most 2^32. */
export function below(random: Random, limit: number): number {
  return random.uint32() % Math.max(1, limit);
}

export function pick<T>(random: Random, list: readonly T[]): T | undefined {
  return list[below(random, list.length)];
}

const TELLING = [0, 1, 2, 3, 4, 5, 8, 15, 16, 17, 32, 33, 127, 128, 129, 254, 255];

type Mutation = (bytes: number[], random: Random) => void;

const at = (bytes: readonly number[], random: Random) => below(random, bytes.length);

/** Byte by byte, and by the parts that an UPDATE has. */
const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    bytes[at(bytes, random)] = below(random, 256);
  },
  (bytes, random) => {
    bytes[at(bytes, random)] = pick(random, TELLING) ?? 0;
  },
  (bytes, random) => {
    const index = at(bytes, random);
    bytes[index] = (bytes[index] ?? 0) ^ (1 << below(random, 8));
  },
  (bytes, random) => void bytes.splice(at(bytes, random), 0, pick(random, TELLING) ?? 0),
  (bytes, random) => void bytes.splice(at(bytes, random), 1 + below(random, 4)),
  (bytes, random) => void bytes.splice(at(bytes, random)),
  (bytes, random) => {
    const start = at(bytes, random);
    const part = bytes.slice(start, start + 1 + below(random, 12));
    bytes.splice(at(bytes, random), 0, ...part);
  },
  changeAttribute,
  changeAttribute,
  changeAttribute,
];

/** A message's body, changed in one to four places. Nothing is left of some. */
export function mutate(body: Uint8Array, random: Random): Uint8Array {
  const bytes = Array.from(body);
  for (let count = 1 + below(random, 4); count > 0 && bytes.length > 0; count--) {
    pick(random, MUTATIONS)?.(bytes, random);
  }
  return Uint8Array.from(bytes);
}

interface Span {
  readonly start: number;
  readonly header: number;
  readonly length: number;
}

/** Of an UPDATE's attribute list: one attribute is changed, doubled or taken out, and the lengths around it are put right. */
function changeAttribute(bytes: number[], random: Random): void {
  const list = 2 + word(bytes, 0) + 2;
  const length = word(bytes, list - 2);
  if (list + length > bytes.length) return;
  const spans = attributesOf(bytes, list, list + length);
  const span = pick(random, spans);
  if (span === undefined) return;
  const { start, header, length: old } = span;
  const before = bytes.length;
  switch (below(random, 6)) {
    case 0:
      bytes[start] = (bytes[start] ?? 0) ^ (pick(random, [0x80, 0x40, 0x20, 0xc0]) ?? 0);
      break;
    case 1:
      bytes[start + 1] = pick(random, CODES) ?? 0;
      break;
    case 2:
      bytes.splice(start, 0, ...bytes.slice(start, start + header + old));
      break;
    case 3:
      bytes.splice(start, header + old);
      break;
    case 4: {
      // One byte more or less in the value, and in its length.
      if (header !== 3 || old === 0 || old === 255) break;
      const more = below(random, 2) === 0;
      if (more) bytes.splice(start + header, 0, pick(random, TELLING) ?? 0);
      else bytes.splice(start + header, 1);
      bytes[start + 2] = old + (more ? 1 : -1);
      break;
    }
    default:
      if (old > 0) bytes[start + header + below(random, old)] = pick(random, TELLING) ?? 0;
  }
  const now = length + bytes.length - before;
  bytes[list - 2] = now >>> 8;
  bytes[list - 1] = now & 255;
}

const CODES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 22, 32, 35, 40, 128, 255];

function attributesOf(bytes: readonly number[], from: number, to: number): Span[] {
  const spans: Span[] = [];
  for (let start = from; start + 3 <= to; ) {
    const header = ((bytes[start] ?? 0) & 0x10) === 0 ? 3 : 4;
    const length = header === 3 ? (bytes[start + 2] ?? 0) : word(bytes, start + 2);
    if (start + header + length > to) break;
    spans.push({ start, header, length });
    start += header + length;
  }
  return spans;
}

function word(bytes: readonly number[], index: number): number {
  return ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
}
