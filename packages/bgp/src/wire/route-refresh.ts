import { ByteReader } from "@ocicat/net";
import { BgpError } from "../error.ts";
import { AFI, familyFrom, SAFI_UNICAST } from "./family.ts";
import { frame, HEADER_LENGTH, MAX_MESSAGE } from "./header.ts";
import type { RouteRefreshMessage } from "./message.ts";

const BODY_LENGTH = 4;
/** What a NOTIFICATION has room for. */
const MAX_DATA = MAX_MESSAGE - HEADER_LENGTH - 2;

/** RFC 7313 §3.2: the subtypes. */
export const REFRESH = { request: 0, begin: 1, end: 2 } as const;

/**
 *     +-------------------+-----------+--------+
 *     |    AFI, 2 bytes   |  subtype  |  SAFI  |      RFC 2918 §3, RFC 7313 §3.2
 *     +-------------------+-----------+--------+
 */
export function decodeRouteRefresh(body: Uint8Array): RouteRefreshMessage {
  if (body.length !== BODY_LENGTH) {
    // RFC 7313 §5: the whole message, as far as it fits.
    const data = frame("route-refresh", (writer) => writer.bytes(body)).subarray(0, MAX_DATA);
    throw new BgpError("refresh/invalid-length", `a ROUTE-REFRESH body of ${body.length} bytes`, { data });
  }
  const reader = new ByteReader(body);
  const afi = reader.u16();
  const subtype = reader.u8();
  return { type: "route-refresh", family: familyFrom(afi, reader.u8()), subtype };
}

export function encodeRouteRefresh({ family, subtype }: RouteRefreshMessage): Uint8Array {
  return frame("route-refresh", (writer) =>
    writer
      .u16(AFI[family ?? 4])
      .u8(subtype)
      .u8(SAFI_UNICAST),
  );
}
