import { Prefix, parsePrefix } from "@ocicat/net";
import type { WalkRecord } from "../../src/index.ts";

/** A record as JSON, and back: with a tag for each value that JSON has no word for. */
export function encodeRecord(record: WalkRecord): string {
  return `${JSON.stringify(tagged(record))}\n`;
}

export function decodeRecord(text: string): WalkRecord {
  // What encodeRecord has written: the golden stories would say if it were not.
  return JSON.parse(text, (_key, value: unknown) => untagged(value)) as WalkRecord;
}

function tagged(value: unknown): unknown {
  if (typeof value === "bigint") return { $bigint: String(value) };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("hex") };
  if (value instanceof Map) return { $map: [...value].map(tagged) };
  if (value instanceof Prefix) return { $prefix: value.toString() };
  if (Array.isArray(value)) return value.map(tagged);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, tagged(member)]));
}

const TAGS: Readonly<Record<string, (value: unknown) => unknown>> = {
  $bigint: (text) => BigInt(String(text)),
  $bytes: (hex) => new Uint8Array(Buffer.from(String(hex), "hex")),
  $map: (entries) => new Map(entries as [unknown, unknown][]),
  $prefix: (text) => parsePrefix(String(text)),
};

function untagged(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const [[tag, member] = ["", undefined], ...others] = Object.entries(value);
  const read = others.length === 0 ? TAGS[tag] : undefined;
  return read === undefined ? value : read(member);
}
