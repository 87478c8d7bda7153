import { ByteReader, ByteWriter } from "@ocicat/net";
import { DATA_TYPES, type DataType } from "../ir/data-type.ts";

/*
 * Userdata: bytes the kernel stores and nobody but user space reads. nft's own form, so that nft shows ours:
 *
 *      0      1        2
 *     +------+--------+---------- - - -+------+--------+ - - -
 *     | type | length | value          | type | length |
 *     +------+--------+---------- - - -+------+--------+ - - -
 */
const COMMENT = 0;
const SET_KEY_BYTE_ORDER = 0;
const SET_COMMENT = 7;
/** nft's BYTEORDER_HOST_ENDIAN and BYTEORDER_BIG_ENDIAN; 0 is "none", which nft writes for a concatenation. */
const BYTE_ORDER = { host: 1, network: 2 } as const;
const BYTE_ORDER_NONE = 0;

/** Of a table, a chain, a rule or an element. */
export function commentData(comment: string): Uint8Array {
  const writer = new ByteWriter(comment.length + 3);
  writeText(writer, COMMENT, comment);
  return writer.finish();
}

/** Without the key's byte order nft cannot print an interface name. */
export function setData(key: readonly DataType[], comment: string): Uint8Array {
  const writer = new ByteWriter(comment.length + 9);
  const [only] = key;
  const order = key.length === 1 && only !== undefined ? BYTE_ORDER[DATA_TYPES[only].order] : BYTE_ORDER_NONE;
  writer.u8(SET_KEY_BYTE_ORDER).u8(4).u32le(order);
  if (comment !== "") writeText(writer, SET_COMMENT, comment);
  return writer.finish();
}

/** "" if there is none, or if the bytes are not nft's form. */
export function readComment(userdata: Uint8Array | undefined): string {
  return readText(userdata, COMMENT);
}

export function readSetComment(userdata: Uint8Array | undefined): string {
  return readText(userdata, SET_COMMENT);
}

function writeText(writer: ByteWriter, type: number, text: string): void {
  writer.u8(type).u8(text.length + 1);
  for (let index = 0; index < text.length; index++) writer.u8(text.charCodeAt(index));
  writer.u8(0);
}

function readText(userdata: Uint8Array | undefined, wanted: number): string {
  const reader = new ByteReader(userdata ?? new Uint8Array());
  while (reader.left >= 2) {
    const type = reader.u8();
    const value = reader.bytes(Math.min(reader.u8(), reader.left));
    if (type === wanted) return String.fromCharCode(...value.subarray(0, Math.max(0, value.length - 1)));
  }
  return "";
}
