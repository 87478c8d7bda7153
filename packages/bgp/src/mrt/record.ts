import { ByteWriter } from "@ocicat/net";

/** RFC 6396 §4: what a record is about. */
export const MRT_TYPE = { tableDumpV2: 13, bgp4mp: 16, bgp4mpEt: 17 } as const;

/** A record as it stands in a file. */
export interface MrtRecord {
  /** Microseconds since 1970; whole seconds where the type has no more. */
  readonly time: bigint;
  readonly type: number;
  readonly subtype: number;
  /** Behind the header, and behind the microseconds where there are such. */
  readonly body: Uint8Array;
  /** Where its header is, in bytes from the file's beginning. */
  readonly offset: number;
}

export const HEADER_LENGTH = 12;
export const MICROSECONDS = 1_000_000n;

/**
 * RFC 6396 §2, and §3 for types that end in _ET
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------------------------------------------------------+
 *     |                     seconds since 1970                        |
 *     +-------------------------------+-------------------------------+
 *     |             type              |            subtype            |
 *     +-------------------------------+-------------------------------+
 *     |        length of what follows, microseconds included          |
 *     +---------------------------------------------------------------+
 *     |        microseconds, where the type says so                   |
 *     +---------------------------------------------------------------+
 *     |        body ...
 *     +---------------------------
 */
export function encodeRecord({ time, type, subtype, body }: Omit<MrtRecord, "offset">): Uint8Array {
  const extended = hasMicroseconds(type);
  const writer = new ByteWriter(HEADER_LENGTH + 4 + body.length)
    .u32(Number(time / MICROSECONDS))
    .u16(type)
    .u16(subtype)
    .u32(body.length + (extended ? 4 : 0));
  if (extended) writer.u32(Number(time % MICROSECONDS));
  return writer.bytes(body).finish();
}

export function hasMicroseconds(type: number): boolean {
  return type === MRT_TYPE.bgp4mpEt;
}
