import type { Random } from "@ocicat/kit";
import { knownKind } from "./keys.ts";
import type { AnyResource } from "./resource.ts";

/** What a resource is given once, when it is created. */
export interface Birth {
  /** A UUID; randomUid makes one. */
  readonly uid: string;
  /** Milliseconds since 1970, as a Clock's now(). */
  readonly now: number;
}

/** The resource to store for the first time: identity given, what the system puts in put in. */
export function asCreated<R extends AnyResource>(resource: R, birth: Birth): R {
  const { resourceVersion: _, ...metadata } = resource.metadata;
  const identity = { uid: birth.uid, creationTimestamp: formatTimestamp(birth.now) };
  return completed({ ...resource, metadata: { ...metadata, ...identity } });
}

/** The resource to store over `previous`: identity kept, whatever the new one says of it. */
export function asUpdated<R extends AnyResource>(resource: R, previous: AnyResource): R {
  const { uid: _uid, creationTimestamp: _time, ...metadata } = resource.metadata;
  const { uid, creationTimestamp } = previous.metadata;
  const identity = {
    ...(uid === undefined ? {} : { uid }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
  };
  return completed({ ...resource, metadata: { ...metadata, ...identity } });
}

/** A version 4 UUID (RFC 9562 §5.4), from 128 random bits of which 122 stay. */
export function randomUid(random: Random): string {
  const words = [random.uint32(), random.uint32(), random.uint32(), random.uint32()];
  const hex = words.map((word) => word.toString(16).padStart(8, "0")).join("");
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, variant + hex.slice(17, 20), hex.slice(20)].join(
    "-",
  );
}

/** RFC 3339 in UTC, in whole seconds, as Kubernetes writes times. */
export function formatTimestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

function completed<R extends AnyResource>(resource: R): R {
  // The kind's own function returns what it was given, of the same kind.
  return knownKind(resource.kind).complete(resource) as R;
}
