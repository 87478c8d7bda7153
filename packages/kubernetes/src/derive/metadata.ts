import type { Labels } from "@ocicat/api";
import { type JsonObject, objectIn, textIn, textMapIn } from "./json.ts";

/** What every object of Kubernetes says of itself. */
export interface ObjectHead {
  readonly name: string;
  /** "" for an object of the whole cluster. */
  readonly namespace: string;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly creationTimestamp: string | undefined;
  readonly isDeleting: boolean;
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string>>;
}

export function headOf(object: JsonObject): ObjectHead {
  const metadata = objectIn(object.metadata);
  return {
    name: textIn(metadata.name) ?? "",
    namespace: textIn(metadata.namespace) ?? "",
    uid: textIn(metadata.uid),
    resourceVersion: textIn(metadata.resourceVersion),
    creationTimestamp: textIn(metadata.creationTimestamp),
    isDeleting: textIn(metadata.deletionTimestamp) !== undefined,
    labels: textMapIn(metadata.labels),
    annotations: textMapIn(metadata.annotations),
  };
}

/** Members that are there: an absent one is left out, not undefined. */
export function given<T extends object>(members: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  const there = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as { readonly [K in keyof T]?: Exclude<T[K], undefined> };
}

/**
 * Who a profile is that follows from an object: no two objects may have one uid, or Kubernetes' collector takes the one for the
 * other. Calico's way: the bits of each byte in reverse, but for the two that hold the version and the variant (RFC 9562 §4).
 *
 *     bytes  0  1  2  3  4  5 (6) 7 (8) 9 10 11 12 13 14 15
 */
export function derivedUid(uid: string): string | undefined {
  const hex = uid.replaceAll("-", "").toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(hex)) return undefined;
  const bytes = hex.match(/../g) ?? [];
  const reversed = bytes.map((byte, index) => (index === 6 || index === 8 ? byte : reverseBits(byte))).join("");
  return reversed.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function reverseBits(byte: string): string {
  let [from, to] = [Number.parseInt(byte, 16), 0];
  for (let bit = 0; bit < 8; bit++, from >>= 1) to = (to << 1) | (from & 1);
  return to.toString(16).padStart(2, "0");
}
