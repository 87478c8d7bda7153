/**
 * Every frame begins with nine bytes (RFC 9113 §4.1):
 *
 *     0                 3      4       5                  9
 *     +-----------------+------+-------+-+----------------+----…
 *     | length, 24 bits | type | flags |0| stream, 31 bits | payload
 *     +-----------------+------+-------+-+----------------+----…
 *
 * The length is that of the payload. Stream 0 is the connection.
 */
export const FRAME_HEADER = 9;

export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

export const Flag = {
  /** Of DATA and HEADERS: the sender's last on the stream. */
  END_STREAM: 0x1,
  /** Of SETTINGS and PING: the answer to the peer's. */
  ACK: 0x1,
  /** Of HEADERS and CONTINUATION: the header block ends here. */
  END_HEADERS: 0x4,
  /** Of DATA and HEADERS: a byte with the padding's length stands first, the padding last. */
  PADDED: 0x8,
  /** Of HEADERS: five bytes of priority stand before the block. */
  PRIORITY: 0x20,
} as const;

/** RFC 9113 §6.5.2. */
export const Setting = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
} as const;

/** What a client says first, before its SETTINGS (RFC 9113 §3.4). */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Of a peer that has not said otherwise; also what we take. */
export const DEFAULT_MAX_FRAME = 16_384;
export const DEFAULT_WINDOW = 65_535;
export const MAX_WINDOW = 2 ** 31 - 1;
