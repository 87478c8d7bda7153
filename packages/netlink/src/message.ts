import { ByteReader } from "@ocicat/net";

/** One netlink message as it came: header fields and everything behind the header (a view of the datagram). */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
  readonly payload: Uint8Array;
}

const HEADER = 16;

/** The messages of one datagram. Throws TruncatedError if a length field lies. */
export function* messagesIn(datagram: Uint8Array): IterableIterator<NetlinkMessage> {
  const reader = new ByteReader(datagram);
  while (reader.left >= HEADER) {
    const length = reader.u32le();
    const type = reader.u16le();
    const flags = reader.u16le();
    const sequence = reader.u32le();
    const portId = reader.u32le();
    const payload = reader.bytes(length - HEADER);
    reader.skip(Math.min((4 - (length & 3)) & 3, reader.left));
    yield { type, flags, sequence, portId, payload };
  }
}
