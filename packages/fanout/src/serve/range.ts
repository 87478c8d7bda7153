import type { KeyValue, WatchEvent } from "@ocicat/datastore";
import { type Event, Event_EventType, type WireKeyValue } from "@ocicat/datastore/serving";
import { compareKeys } from "@ocicat/datastore/shared";

/** Keys from one on up to another, without it; a single key where there is no other. */
export interface KeyRange {
  readonly key: string;
  readonly end: string | undefined;
}

export function rangeOf(key: Uint8Array, rangeEnd: Uint8Array): KeyRange {
  return { key: textOf(key), end: rangeEnd.length === 0 ? undefined : textOf(rangeEnd) };
}

export function isIn({ key, end }: KeyRange, candidate: string): boolean {
  if (end === undefined) return candidate === key;
  return compareKeys(candidate, key) >= 0 && compareKeys(candidate, end) < 0;
}

/** Whether all of a range is below a prefix: the end may be the first key beyond it. */
export function isBelow({ key, end }: KeyRange, prefix: string): boolean {
  if (!key.startsWith(prefix)) return false;
  if (end === undefined || end.startsWith(prefix)) return true;
  const last = prefix.charCodeAt(prefix.length - 1);
  return end === prefix.slice(0, -1) + String.fromCharCode(last + 1);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

export function bytesOf(text: string): Buffer {
  return Buffer.from(text, "utf8");
}

const NO_BYTES = Buffer.alloc(0);

/** Written out, not made by the library: all of one shape, they encode in a third of the time. */
export function wireItem({ key, value, createRevision, modRevision, version, lease }: KeyValue): WireKeyValue {
  return {
    $typeName: "mvccpb.KeyValue",
    key: bytesOf(key),
    value: bytesOf(value),
    createRevision,
    modRevision,
    version,
    lease,
  };
}

export function wireEvent(event: WatchEvent): Event {
  if (event.type === "put") return { $typeName: "mvccpb.Event", type: Event_EventType.PUT, kv: wireItem(event.item) };
  const { key, revision: modRevision } = event;
  const kv = { key, value: "", createRevision: 0n, modRevision, version: 0n, lease: 0n };
  return { $typeName: "mvccpb.Event", type: Event_EventType.DELETE, kv: { ...wireItem(kv), value: NO_BYTES } };
}
