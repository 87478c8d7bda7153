import { ByteReader, ByteWriter, type Ipv6, isLinkLocal, type Mac, TruncatedError } from "@ocicat/net";

const TYPE = { solicitation: 133, advertisement: 134 } as const;
const SOURCE_LINK_ADDRESS = 1;
const UNSPECIFIED = 0n;

/** What routers say to a link, and are asked there. */
export type RouterMessage =
  | { readonly type: "solicitation" }
  | {
      readonly type: "advertisement";
      /** For how many seconds it may be taken for a default router; 0: it is none. */
      readonly lifetimeS: number;
    };

/**
 * RFC 4861 §4.1, and the option of §4.6.1:
 *
 *      0      1      2          4            8      9      10
 *      +------+------+----------+------------+------+------+---------------+
 *      | 133  |  0   | checksum |     0      |  1   |  1   | link address  |
 *      +------+------+----------+------------+------+------+---------------+
 *                     the kernel's            type, length in 8 bytes
 */
export function encodeSolicitation(mac: Mac | undefined): Uint8Array {
  const writer = new ByteWriter(16).u8(TYPE.solicitation).u8(0).u16(0).u32(0);
  return withLinkAddress(writer, mac);
}

/**
 * RFC 4861 §4.2. That of a router that is nobody's default router, and says nothing of what hosts should do:
 *
 *      0      1      2          4         5        6          8            12          16
 *      +------+------+----------+---------+--------+----------+------------+-----------+- - - - -
 *      | 134  |  0   | checksum | hop     | M O    | lifetime | reachable  | retransmit| option
 *      |      |      |          | limit 0 | flags 0|  0 s     |  0 ms      |  0 ms     | as above
 *      +------+------+----------+---------+--------+----------+------------+-----------+- - - - -
 *                                unspecified                   unspecified  unspecified
 */
export function encodeAdvertisement(mac: Mac | undefined): Uint8Array {
  const writer = new ByteWriter(24).u8(TYPE.advertisement).u8(0).u16(0).u8(0).u8(0).u16(0).u32(0).u32(0);
  return withLinkAddress(writer, mac);
}

/**
 * What came, or why it must be discarded silently (RFC 4861 §6.1). That its hop limit is 255 and its checksum right must be
 * known: sockets of the agent's hear no other.
 */
export function decodeRouterMessage(source: Ipv6, bytes: Uint8Array): RouterMessage | { readonly discarded: string } {
  try {
    return read(source, bytes);
  } catch (error) {
    if (error instanceof TruncatedError) return { discarded: `${bytes.length} bytes: ${error.message}` };
    throw error;
  }
}

function read(source: Ipv6, bytes: Uint8Array): RouterMessage | { readonly discarded: string } {
  const reader = new ByteReader(bytes);
  const [type, code] = [reader.u8(), reader.u8()];
  if (code !== 0) return { discarded: `code ${code}` };
  reader.skip(2);
  if (type === TYPE.solicitation) {
    reader.skip(4);
    const options = optionsIn(reader);
    if (options === undefined) return { discarded: "an option of length zero" };
    if (source === UNSPECIFIED && options.includes(SOURCE_LINK_ADDRESS))
      return { discarded: "a link-layer address of nobody" };
    return { type: "solicitation" };
  }
  if (type !== TYPE.advertisement) return { discarded: `type ${type}` };
  if (!isLinkLocal(source)) return { discarded: "a source that is not link-local" };
  reader.skip(2);
  const lifetimeS = reader.u16();
  reader.skip(8);
  return optionsIn(reader) === undefined
    ? { discarded: "an option of length zero" }
    : { type: "advertisement", lifetimeS };
}

/** The types of the options; undefined: one has no length. Those that are not known are ignored (§4.6). */
function optionsIn(reader: ByteReader): number[] | undefined {
  const types: number[] = [];
  while (reader.left > 0) {
    types.push(reader.u8());
    const length = reader.u8();
    if (length === 0) return undefined;
    reader.skip(length * 8 - 2);
  }
  return types;
}

function withLinkAddress(writer: ByteWriter, mac: Mac | undefined): Uint8Array {
  if (mac === undefined) return writer.finish();
  writer.u8(SOURCE_LINK_ADDRESS).u8(1);
  for (const pair of mac.split(":")) writer.u8(Number.parseInt(pair, 16));
  return writer.finish();
}
