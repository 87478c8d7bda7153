import type { Origin } from "@ocicat/kit";
import { Attributes } from "@ocicat/netlink";
import { originOf } from "../comment.ts";
import { type DataType, dataTypeById } from "../ir/data-type.ts";
import type { SetElement, SetShape } from "../ir/set.ts";
import type { Value } from "../ir/value.ts";
import type { Verdict } from "../ir/verdict.ts";
import * as nft from "../netlink/constants.ts";
import { decodeVerdict } from "../netlink/decode-statement.ts";
import { NFGENMSG_BYTES } from "../netlink/message.ts";
import { readComment, readSetComment } from "../netlink/userdata.ts";
import { boundsInterval, keyBytes, splitKey } from "../netlink/value.ts";

/** A set of a dump, without its elements. `shape` is missing if the model cannot express it. */
export interface SetHead {
  readonly name: string;
  readonly anonymous: boolean;
  readonly shape: SetShape | undefined;
  readonly origin: Origin;
}

export function decodeSet(payload: Uint8Array): SetHead {
  const attributes = new Attributes(payload.subarray(NFGENMSG_BYTES));
  const name = attributes.string(nft.NFTA_SET_NAME) ?? "";
  const flags = attributes.u32be(nft.NFTA_SET_FLAGS) ?? 0;
  return {
    name,
    anonymous: (flags & nft.NFT_SET_ANONYMOUS) !== 0,
    shape: decodeShape(name, flags, attributes),
    origin: originOf(readSetComment(attributes.bytes(nft.NFTA_SET_USERDATA))),
  };
}

/** The elements of one message of a dump; undefined if one is beyond the model. Those of interval sets are halves (see joinIntervals). */
export function decodeElements(shape: SetShape, payload: Uint8Array): readonly RawElement[] {
  const attributes = new Attributes(payload.subarray(NFGENMSG_BYTES));
  const list = attributes.nested(nft.NFTA_SET_ELEM_LIST_ELEMENTS);
  return (list?.each() ?? []).map(({ payload: entry }) => decodeElement(shape, new Attributes(entry)));
}

/** An element as the kernel has it. */
export interface RawElement {
  readonly key: Uint8Array;
  /** Flagged as the first value behind an interval. */
  readonly end: boolean;
  readonly verdict: Verdict | undefined;
  /** Seconds. */
  readonly timeout: number | undefined;
  readonly comment: string;
}

/** Undefined if an element is none that the model has. */
export function elementsOf(shape: SetShape, raw: readonly RawElement[]): readonly SetElement[] | undefined {
  const elements = shape.interval
    ? joinIntervals(shape, raw)
    : raw.map((one) => make(one, splitKey(shape.key, one.key)));
  return allOf(elements);
}

function decodeShape(name: string, flags: number, attributes: Attributes): SetShape | undefined {
  const key = decodeKey(attributes.u32be(nft.NFTA_SET_KEY_TYPE) ?? 0);
  const isMap = (flags & nft.NFT_SET_MAP) !== 0;
  // What stands inside a rule never changes.
  const inRule = (flags & nft.NFT_SET_ANONYMOUS) === 0 ? 0 : nft.NFT_SET_ANONYMOUS | nft.NFT_SET_CONSTANT;
  const known = nft.NFT_SET_INTERVAL | nft.NFT_SET_MAP | nft.NFT_SET_TIMEOUT | inRule;
  if (key === undefined || (flags & ~known) !== 0 || attributes.u32be(nft.NFTA_SET_KEY_LEN) !== keyBytes(key)) {
    return undefined;
  }
  if (isMap && attributes.u32be(nft.NFTA_SET_DATA_TYPE) !== nft.NFT_DATA_VERDICT) return undefined;
  const interval = (flags & nft.NFT_SET_INTERVAL) !== 0;
  if (interval && key.length > 1) return undefined;
  const timeout = (flags & nft.NFT_SET_TIMEOUT) !== 0;
  return { name, key, data: isMap ? "verdict" : "none", interval, timeout };
}

/** The inverse of keyTypeNumber. */
function decodeKey(number: number): readonly DataType[] | undefined {
  const fields: (DataType | undefined)[] = [];
  for (let rest = number; rest > 0; rest >>>= 6) fields.unshift(dataTypeById(rest & 63));
  return fields.length === 0 ? undefined : allOf(fields);
}

function decodeElement(shape: SetShape, attributes: Attributes): RawElement {
  const flags = attributes.u32be(nft.NFTA_SET_ELEM_FLAGS) ?? 0;
  const data = attributes.nested(nft.NFTA_SET_ELEM_DATA);
  const milliseconds = attributes.u64be(nft.NFTA_SET_ELEM_TIMEOUT);
  return {
    key: attributes.nested(nft.NFTA_SET_ELEM_KEY)?.bytes(nft.NFTA_DATA_VALUE) ?? new Uint8Array(),
    end: (flags & nft.NFT_SET_ELEM_INTERVAL_END) !== 0,
    verdict: shape.data === "verdict" ? decodeVerdict(data) : undefined,
    timeout: milliseconds === undefined ? undefined : Math.round(Number(milliseconds) / 1000),
    comment: readComment(attributes.bytes(nft.NFTA_SET_ELEM_USERDATA)),
  };
}

/**
 * The kernel keeps the borders of intervals:
 *
 *      0.0.0.0 end   10.0.0.0   10.1.0.0 end   10.2.0.0   10.4.0.0 end
 *      └ nft adds it ┘└─ 10.0.0.0/16 ─┘        └─ 10.2.0.0/15 ─┘
 *
 * in no order to rely on. At one value, the end of the interval below comes before the start of the one above.
 */
function joinIntervals(shape: SetShape, raw: readonly RawElement[]): readonly (SetElement | undefined)[] {
  const [type] = shape.key;
  if (type === undefined) return [undefined];
  const borders = raw.toSorted((a, b) => compareBytes(a.key, b.key) || Number(b.end) - Number(a.end));
  return borders.flatMap((border, index) => {
    if (border.end) return [];
    const next = borders[index + 1];
    const value = boundsInterval(type, { start: border.key, end: next?.key });
    return [make(border, value && [value])];
  });
}

function make(raw: RawElement, key: readonly Value[] | undefined): SetElement | undefined {
  if (key === undefined) return undefined;
  const { verdict, timeout, comment } = raw;
  return Object.freeze({
    kind: "element",
    key: Object.freeze(key),
    verdict,
    timeout,
    origin: originOf(comment),
    comment,
  });
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < a.length; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function allOf<T>(values: readonly (T | undefined)[]): readonly T[] | undefined {
  const present = values.filter((value) => value !== undefined);
  return present.length === values.length ? present : undefined;
}
